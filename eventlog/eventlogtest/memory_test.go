package eventlogtest

import (
	"errors"
	"testing"

	"daybook/eventlog"
)

func TestMemoryPassesTheSuite(t *testing.T) {
	Run(t, func(*testing.T) (eventlog.Log, func() eventlog.Log) {
		log := NewMemory()
		return log, func() eventlog.Log { return log }
	})
}

func TestFailingPassesTheSuiteWhileItDoesNotFail(t *testing.T) {
	Run(t, func(*testing.T) (eventlog.Log, func() eventlog.Log) {
		log := NewFailing(NewMemory())
		return log, func() eventlog.Log { return log }
	})
}

func TestContestedPassesTheSuiteWhileNobodyElseWrites(t *testing.T) {
	Run(t, func(*testing.T) (eventlog.Log, func() eventlog.Log) {
		log := NewContested(NewMemory(), func(eventlog.Log) {})
		return log, func() eventlog.Log { return log }
	})
}

func TestContestedLetsAnotherWriterComeFirst(t *testing.T) {
	log := NewContested(NewMemory(), func(log eventlog.Log) { add(t, log, event("task:other", 1)) })
	guarded := entry(event("task:a", 2))
	guarded.Expect = eventlog.NothingAfter(0)
	r := log.Append(t.Context(), []eventlog.Entry{guarded, entry(event("task:a", 2))})
	if !errors.Is(r[0].Err, eventlog.ErrConflict) || r[1] != (eventlog.Result{First: 2, Last: 2}) {
		t.Errorf("append: %+v", r)
	}
}

func TestFailingFailsOnTheChosenSideOfTheDisk(t *testing.T) {
	for when, written := range map[FailWhen]int64{BeforeWriting: 0, AfterWriting: 1} {
		log := NewFailing(NewMemory())
		add(t, log, event("task:a", 1))
		log.FailAppend(2, when, eventlog.ErrFull)
		add(t, log, event("task:a", 2))
		r := log.Append(t.Context(), []eventlog.Entry{entry(event("task:a", 3))})
		if !errors.Is(r[0].Err, eventlog.ErrFull) || log.Head().Seq != 2+written {
			t.Errorf("when %d: %v, head %d", when, r[0].Err, log.Head().Seq)
		}
		add(t, log, event("task:a", 4))
	}
}

func TestFailingStaysStoppedAfterAnUnknownOutcome(t *testing.T) {
	log := NewFailing(NewMemory())
	log.FailAppend(1, AfterWriting, eventlog.ErrUnknown)
	for range 3 {
		r := log.Append(t.Context(), []eventlog.Entry{entry(event("task:a", 1))})
		if !errors.Is(r[0].Err, eventlog.ErrUnknown) {
			t.Errorf("append: %+v", r)
		}
	}
	if log.Head().Seq != 1 || log.Calls() != 3 {
		t.Errorf("head %d after %d calls", log.Head().Seq, log.Calls())
	}
}
