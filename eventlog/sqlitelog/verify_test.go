package sqlitelog

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"daybook/eventlog"
)

// damaged returns a log of n events in which one byte of an old event was changed after it
// was closed: where finds the bytes, of which the last but one is flipped.
func damaged(t *testing.T, n int, where func(*eventlog.Event) []byte) *Log {
	t.Helper()
	dir := t.TempDir()
	log := open(t, Options{Dir: dir, RingEvents: 1})
	must(t, appendN(t.Context(), log, n))
	old, err := log.Events(t.Context(), []int64{7})
	must(t, err)
	must(t, log.Close())
	image := files(t, dir)
	at := bytes.Index(image[logName], where(old[0]))
	if at < 0 {
		t.Fatal("the event is not in the file")
	}
	image[logName][at+len(where(old[0]))-2] ^= 1
	write(t, dir, image)
	return open(t, Options{Dir: dir, Logger: quiet, RingEvents: 1})
}

func TestACheckFindsWhatWasChangedInAnOldEvent(t *testing.T) {
	for name, where := range map[string]func(*eventlog.Event) []byte{
		"data": func(*eventlog.Event) []byte { return []byte(`{"n":7}`) },
		"hash": func(e *eventlog.Event) []byte { return e.Hash[:] },
	} {
		t.Run(name, func(t *testing.T) {
			log := damaged(t, 600, where)
			err := log.Check(t.Context(), CheckOptions{Share: 1})
			if !errors.Is(err, eventlog.ErrDamaged) || !strings.Contains(err.Error(), "event 7 ") {
				t.Errorf("check: %v", err)
			}
			if log.Failed() != nil || log.Damage() != nil {
				t.Errorf("the check itself stopped the log: %v, %v", log.Failed(), log.Damage())
			}
			if err := log.Check(t.Context(), CheckOptions{After: 8, Share: 1}); err != nil {
				t.Errorf("what lies behind is whole: %v", err)
			}
		})
	}
}

func TestACheckOfAWholeLogTellsHowFarItIs(t *testing.T) {
	log := open(t, Options{Dir: t.TempDir()})
	must(t, log.Check(t.Context(), CheckOptions{}))
	must(t, appendN(t.Context(), log, 1200))
	var steps []int64
	progress := func(done, head int64) {
		if head != 1200 {
			t.Errorf("the head is told as %d", head)
		}
		if len(steps) == 0 {
			must(t, appendN(t.Context(), log, 5)) // the log goes on, the check ends where it began
		}
		steps = append(steps, done)
	}
	must(t, log.Check(t.Context(), CheckOptions{Progress: progress}))
	if n := len(steps); n != 3 || steps[n-1] != 1200 {
		t.Errorf("steps %v", steps)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stop := func(_, _ int64) { cancel() }
	if err := log.Check(ctx, CheckOptions{Progress: stop}); !errors.Is(err, context.Canceled) {
		t.Errorf("a check that was told to end: %v", err)
	}
	if log.Check(t.Context(), CheckOptions{Share: 1.5}) == nil {
		t.Error("more than a core was granted")
	}
}

func TestACheckFindsAMissingEvent(t *testing.T) {
	log := open(t, Options{Dir: t.TempDir()})
	must(t, appendN(t.Context(), log, 40))
	must(t, log.writer.c.Do("DROP TRIGGER events_delete; DELETE FROM events WHERE seq = 30"))
	err := log.Check(t.Context(), CheckOptions{})
	if !errors.Is(err, eventlog.ErrDamaged) || !strings.Contains(err.Error(), "event 30 is missing") {
		t.Errorf("check: %v", err)
	}
	if err := log.Check(t.Context(), CheckOptions{After: 30}); !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("a check from the missing event on: %v", err)
	}
}

func TestACondemnedLogIsReadAndTakesNothing(t *testing.T) {
	log := damaged(t, 100, func(*eventlog.Event) []byte { return []byte(`{"n":7}`) })
	must(t, appendN(t.Context(), log, 1)) // nobody knows yet
	found := log.Check(t.Context(), CheckOptions{})
	log.Condemn(found)
	log.Condemn(errors.New("another"))
	before, head := files(t, log.dir), log.Head()
	r := log.Append(t.Context(), []eventlog.Entry{one(log, true), one(log, false)})
	for i := range r {
		if !errors.Is(r[i].Err, eventlog.ErrDamaged) || !errors.Is(r[i].Err, found) || !strings.Contains(r[i].Err.Error(), "restore the folder from a backup") {
			t.Errorf("append: %v", r[i].Err)
		}
		if errors.Is(r[i].Err, eventlog.ErrUnknown) || r[i].First != 0 {
			t.Errorf("result %+v", r[i])
		}
	}
	if err := log.ErasePayloads(t.Context(), 3); !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("erase: %v", err)
	}
	if log.Head() != head || log.Failed() != nil || !errors.Is(log.Damage(), found) {
		t.Errorf("head %+v, failed %v, damage %v", log.Head(), log.Failed(), log.Damage())
	}
	if page, err := log.Read(t.Context(), 50, eventlog.Filter{}, 10); err != nil || len(page.Events) != 10 {
		t.Errorf("read: %d events, %v", len(page.Events), err)
	}
	if _, err := log.Payload(t.Context(), 9); err != nil {
		t.Errorf("payload: %v", err)
	}
	must(t, log.Close())
	after := files(t, log.dir)
	for _, name := range []string{logName, logName + "-wal", sidecarName} {
		if !bytes.Equal(before[name], after[name]) {
			t.Errorf("%s was changed after the log was condemned", name)
		}
	}
}
