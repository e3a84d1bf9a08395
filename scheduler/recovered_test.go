package scheduler

import (
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog/eventlogtest"
	"daybook/task"
)

func TestAfterARestartAWorkerWasSeenWhenTheLogLastHeardIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, eventlogtest.NewMemory(), Options{})
		for range 4 {
			b.submit(remote())
		}
		began := time.Now()
		first := b.lease("reports")
		b.lease("silent")
		time.Sleep(5 * time.Second)
		b.lease("reports")
		if _, err := b.report(first.Token, task.Progress{Percent: 10}); err != nil {
			t.Fatal(err)
		}
		cancelled := b.lease("told")
		time.Sleep(5 * time.Second)
		if _, err := b.report(first.Token, task.Progress{Percent: 20}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.s.Do(t.Context(), person, cancelled.Task.ID, task.Cancel{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		b = open(t, b.crash(), Options{})
		defer b.stop()
		time.Sleep(20 * time.Second)
		want := map[string][2]time.Duration{"reports": {0, 10 * time.Second}, "silent": {0, 0}, "told": {5 * time.Second, 5 * time.Second}}
		check := func() {
			t.Helper()
			list := b.s.Workers()
			for _, w := range list {
				if got := [2]time.Duration{w.Since.Sub(began), w.LastSeen.Sub(began)}; got != want[w.Name] {
					t.Errorf("%s was seen after %v, want %v", w.Name, got, want[w.Name])
				}
			}
			if len(list) != len(want) {
				t.Errorf("%+v", list)
			}
		}
		check()
		b.s.Beat("reports", []string{first.Token}, 0)
		want["reports"] = [2]time.Duration{0, time.Since(began)}
		check()
	})
}
