package sqlitelog

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"daybook/eventlog"
)

func TestADamagedPayloadHidesNoneOfTheOthers(t *testing.T) {
	dir := t.TempDir()
	log := open(t, Options{Dir: dir})
	const n = 3000
	seqs := make([]int64, n)
	events := make([]*eventlog.Event, n)
	benchEvents(events, 0, benchPayload)
	for i, e := range events {
		seqs[i] = int64(i + 1)
		e.Payload = fmt.Appendf(nil, `"body %04d %s"`, i+1, make240())
	}
	must(t, log.Append(t.Context(), []eventlog.Entry{{Events: events}})[0].Err)
	must(t, log.writer.c.Do(`DROP TRIGGER events_delete; DELETE FROM events WHERE seq = 30;
		INSERT OR REPLACE INTO payloads VALUES (1, x'00', x'00')`))
	must(t, log.Close())
	zeroPage(t, filepath.Join(dir, logName), "body 1500")

	log = open(t, Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	damaged := 0
	err := log.Payloads(t.Context(), seqs, func(i int, body []byte, err error) error {
		want, wantErr := log.Payload(t.Context(), seqs[i])
		if !bytes.Equal(body, want) || errors.Is(err, eventlog.ErrDamaged) != (wantErr != nil) {
			t.Errorf("payload %d: %.20q, %v; by itself %.20q, %v", seqs[i], body, err, want, wantErr)
		}
		if err != nil {
			damaged++
		} else if i+1 == 1 || i+1 == 30 || i+1 == 1500 {
			t.Errorf("payload %d was read", i+1)
		}
		return nil
	})
	if err != nil || damaged < 3 || damaged > 100 {
		t.Errorf("%d of %d are damaged, %v", damaged, n, err)
	}
}

// zeroPage overwrites the page of the file that has the text.
func zeroPage(t *testing.T, path, text string) {
	t.Helper()
	whole, err := os.ReadFile(path)
	must(t, err)
	at := bytes.Index(whole, []byte(text))
	if at < 0 {
		t.Fatalf("%s has no %q", path, text)
	}
	at -= at % pageSize
	clear(whole[at : at+pageSize])
	must(t, os.WriteFile(path, whole, 0o600))
}

func TestPayloadsOfAClosedLogSayThatItIsClosed(t *testing.T) {
	log := open(t, Options{Dir: t.TempDir()})
	must(t, appendN(t.Context(), log, 3))
	must(t, log.Close())
	err := log.Payloads(t.Context(), []int64{1}, func(int, []byte, error) error { t.Error("called"); return nil })
	if !errors.Is(err, eventlog.ErrClosed) {
		t.Error(err)
	}
}

func TestABodyThatComesWhileItIsReadIsNotDamaged(t *testing.T) {
	log := open(t, Options{Dir: t.TempDir()})
	var group sync.WaitGroup
	const appends = 200
	group.Go(func() {
		seqs := make([]int64, appends)
		for i := range seqs {
			seqs[i] = int64(i + 1)
		}
		for log.Head().Seq < appends && !t.Failed() {
			err := log.Payloads(t.Context(), seqs, func(_ int, _ []byte, err error) error {
				if errors.Is(err, eventlog.ErrNotFound) {
					return nil
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	if err := appendN(t.Context(), log, appends); err != nil {
		t.Error(err)
	}
	group.Wait()
}
