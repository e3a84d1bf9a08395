package load

import (
	"fmt"
	"testing"
	"time"
)

func TestALongRunKeepsABoundedCourse(t *testing.T) {
	tally := newTally()
	const hours = 5
	for at := time.Duration(0); at < hours*time.Hour; at += time.Second {
		tally.accepted(sample{due: at, sent: at, now: at + time.Millisecond, tasks: 2})
	}
	total := int64(0)
	for _, p := range tally.parts {
		total += p.accepted
	}
	if total != 2*hours*3600 || len(tally.parts) > maxParts || tally.width != 128*time.Second {
		t.Errorf("%d tasks in %d parts of %v", total, len(tally.parts), tally.width)
	}
	if first := tally.parts[0]; first.accepted != 2*128 || first.worst != time.Millisecond {
		t.Errorf("%+v", first)
	}
}

func TestKindsOfFailuresAreBounded(t *testing.T) {
	tally := newTally()
	for i := range 1000 {
		tally.failed(sample{}, 500, fmt.Sprint("reason ", i))
	}
	if n := len(tally.kinds); n != maxKinds+1 || tally.kinds[failure{500, "other"}] != 1000-maxKinds {
		t.Errorf("%d kinds: %v", n, tally.kinds)
	}
}

func TestAnEndIsPairedWhicheverIsKnownFirst(t *testing.T) {
	tally := newTally()
	e := newEnds(tally)
	id := func(i int) string { return fmt.Sprintf("%026d", i) }
	e.expect(id(1), time.Second)
	e.end(id(1), 3*time.Second, succeeded)
	e.end(id(2), 3*time.Second, failed)
	e.expect(id(2), time.Second)
	if e.open() != 0 || tally.outcomes[succeeded] != 1 || tally.outcomes[failed] != 1 || tally.ended.TotalCount() != 2 {
		t.Errorf("%d open, %v", e.open(), tally.outcomes)
	}
	near(t, "the time to the end", latencies(tally.ended).Min, 2000)
}

func TestEndsOfOthersTasksAreForgotten(t *testing.T) {
	e := newEnds(newTally())
	turn := answerTime + slack
	for i := range 10_000 {
		e.end(fmt.Sprintf("%026d", i), time.Duration(i)*turn/100, succeeded)
	}
	if n := len(e.early) + len(e.older); n > 210 {
		t.Errorf("%d are kept", n)
	}
	// One that ended within the time of an answer is still known.
	e.expect(fmt.Sprintf("%026d", 9_900), 0)
	if e.tally.outcomes[succeeded] != 1 || e.open() != 0 {
		t.Errorf("%v, %d open", e.tally.outcomes, e.open())
	}
}

func TestASleepIsNeverTooShort(t *testing.T) {
	s := newSleeper()
	defer s.Close()
	for _, d := range []time.Duration{1, time.Microsecond, 300 * time.Microsecond, 3 * time.Millisecond, 9 * time.Millisecond} {
		begin := time.Now()
		if !sleepFor(t.Context(), s, d) {
			t.Error("the sleep was cut")
		}
		if slept := time.Since(begin); slept < d {
			t.Errorf("%v instead of %v", slept, d)
		}
	}
}
