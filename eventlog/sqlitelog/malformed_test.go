package sqlitelog

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"daybook/eventlog"
)

// malformedAt is a log of 300 events whose page with the text is none of SQLite's.
func malformedAt(t *testing.T, text string) *Log {
	t.Helper()
	dir := t.TempDir()
	log := open(t, Options{Dir: dir, RingEvents: 1})
	for n := range 300 {
		e := one(log, false)
		e.Events[0].Data = fmt.Appendf(nil, `{"event":"e%d."}`, n)
		e.Events[0].Payload = fmt.Appendf(nil, `"p%d.%s"`, n, strings.Repeat("x", 3000))
		must(t, log.Append(t.Context(), []eventlog.Entry{e})[0].Err)
	}
	must(t, log.Close())
	image := files(t, dir)
	at := bytes.Index(image[logName], []byte(text))
	if at < 0 {
		t.Fatalf("%s is not in the file", text)
	}
	page := image[logName][at/pageSize*pageSize:]
	for i := range 64 {
		page[i] ^= 0xff
	}
	write(t, dir, image)
	return open(t, Options{Dir: dir, RingEvents: 1, Logger: quiet})
}

func TestAMalformedPageOfPayloadsTakesItsPayloadsAndNothingElse(t *testing.T) {
	log := malformedAt(t, "p150.")
	if _, err := log.Payload(t.Context(), 151); !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("payload: %v", err)
	}
	damaged := 0
	err := log.Payloads(t.Context(), []int64{100, 151, 200}, func(_ int, _ []byte, err error) error {
		if errors.Is(err, eventlog.ErrDamaged) {
			damaged++
		}
		return nil
	})
	if err != nil || damaged != 1 {
		t.Errorf("%d payloads are damaged: %v", damaged, err)
	}
	must(t, log.Failed())
	must(t, log.Damage())
	must(t, appendN(t.Context(), log, 1))
}

func TestAMalformedPageOfEventsCondemnsTheLogAndStopsNoReading(t *testing.T) {
	log := malformedAt(t, `{"event":"e150."}`)
	if _, err := log.Events(t.Context(), []int64{151}); !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("event: %v", err)
	}
	must(t, log.Failed())
	if err := log.Damage(); !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("damage: %v", err)
	}
	if err := appendN(t.Context(), log, 1); !errors.Is(err, eventlog.ErrDamaged) || errors.Is(err, eventlog.ErrUnknown) {
		t.Errorf("append: %v", err)
	}
	if got, err := log.Events(t.Context(), []int64{1}); err != nil || got[0].Seq != 1 {
		t.Errorf("the first event: %v", err)
	}
}
