package notify

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

func (s *server) alert(name string, rule projection.AlertRule) {
	s.t.Helper()
	if err := s.o.Scheduler.CreateAlert(s.t.Context(), "anonymous", name, rule); err != nil {
		s.t.Fatal(err)
	}
}

// pause pauses a queue, or resumes it.
func (s *server) pause(queue string, pause bool) {
	s.t.Helper()
	name := "queue.resumed"
	if pause {
		name = "queue.paused"
	}
	err := s.o.Scheduler.Record(s.t.Context(), "anonymous", func() ([]scheduler.Other, error) {
		return []scheduler.Other{{Stream: "queue:" + queue, Type: name, V: 1, Data: []byte("{}")}}, nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) add(submits ...task.Submit) {
	s.t.Helper()
	if err := s.submit(submits...); err != nil {
		s.t.Fatal(err)
	}
}

// turns are the events of an alert after its creation, as "fired" and "recovered", and what was measured.
func (s *server) turns(name string) (names string, values []float64) {
	s.t.Helper()
	page, err := s.o.Log.Read(s.t.Context(), 0, eventlog.Filter{Types: []string{"alert.fired", "alert.recovered"}, Streams: []string{"alert:" + name}}, 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range page.Events {
		var d projection.AlertData
		if err := json.Unmarshal(e.Data, &d); err != nil {
			s.t.Fatal(err)
		}
		names, values = names+strings.TrimPrefix(e.Type, "alert.")+" ", append(values, d.Value)
	}
	return names, values
}

func TestAnAlertFiresWhenItHasHeldForLongEnoughAndRecoversLikewise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, eventlogtest.NewMemory())
		defer s.stop()
		s.alert("deep", projection.AlertRule{When: projection.QueueDepth, Above: 2, Queue: "q", For: 60 * task.Second})
		s.alert("all", projection.AlertRule{When: projection.QueueDepth, Above: 2, For: 60 * task.Second})
		s.alert("other", projection.AlertRule{When: projection.QueueDepth, Above: 2, Queue: "other"})
		s.pause("q", true)
		s.add(task.Submit{Type: "OK", Queue: "q"}, task.Submit{Type: "OK", Queue: "q"})
		time.Sleep(2 * time.Minute)
		s.add(task.Submit{Type: "OK", Queue: "q"})
		time.Sleep(58 * time.Second)
		if got, _ := s.turns("deep"); got != "" {
			t.Errorf("after 58 s: %s", got)
		}
		time.Sleep(7 * time.Second)
		if got, values := s.turns("deep"); got != "fired " || values[0] != 3 {
			t.Errorf("after 65 s: %s %v", got, values)
		}
		if got, _ := s.turns("all"); got != "fired " {
			t.Errorf("all queues together: %s", got)
		}
		s.pause("q", false)
		time.Sleep(30 * time.Second)
		s.pause("q", true)
		s.add(task.Submit{Type: "OK", Queue: "q"}, task.Submit{Type: "OK", Queue: "q"}, task.Submit{Type: "OK", Queue: "q"})
		time.Sleep(time.Hour)
		if got, _ := s.turns("deep"); got != "fired " {
			t.Errorf("after it held not for 30 s: %s", got)
		}
		s.pause("q", false)
		time.Sleep(65 * time.Second)
		if got, values := s.turns("deep"); got != "fired recovered " || values[1] != 0 {
			t.Errorf("in the end: %s %v", got, values)
		}
		if got, _ := s.turns("other"); got != "" {
			t.Errorf("another queue: %s", got)
		}
		if a, _ := s.o.Views.Alert("deep"); a.Firing || a.Fired != 1 || a.RecoveredAt <= a.FiredAt {
			t.Errorf("%+v", a)
		}
	})
}

func TestAnAlertOnTheOldestReadyTaskSaysForHowLongItHasWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, eventlogtest.NewMemory())
		defer s.stop()
		s.alert("slow", projection.AlertRule{When: projection.OldestReady, Above: 600})
		s.pause("q", true)
		s.add(task.Submit{Type: "OK", Queue: "q"})
		time.Sleep(9 * time.Minute)
		s.add(task.Submit{Type: "OK", Queue: "q"})
		if got, _ := s.turns("slow"); got != "" {
			t.Errorf("after 9 minutes: %s", got)
		}
		time.Sleep(2 * time.Minute)
		if got, values := s.turns("slow"); got != "fired " || values[0] <= 600 || values[0] > 605 {
			t.Errorf("after 11 minutes: %s %v", got, values)
		}
	})
}

func TestAnAlertOnFailuresCountsThoseOfItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, eventlogtest.NewMemory())
		defer s.stop()
		s.alert("bad", projection.AlertRule{When: projection.FailureRate, Above: 0.5, Window: 300 * task.Second, Least: 4})
		s.alert("typed", projection.AlertRule{When: projection.FailureRate, Above: 0.5, TaskType: "OK", Window: 300 * task.Second, Least: 1})
		s.add(task.Submit{Type: "FAIL"}, task.Submit{Type: "FAIL"}, task.Submit{Type: "FAIL"})
		time.Sleep(10 * time.Second)
		if got, _ := s.turns("bad"); got != "" {
			t.Errorf("with fewer tasks than it needs: %s", got)
		}
		s.add(task.Submit{Type: "OK"})
		time.Sleep(10 * time.Second)
		if got, values := s.turns("bad"); got != "fired " || values[0] != 0.75 {
			t.Errorf("three of four: %s %v", got, values)
		}
		time.Sleep(4 * time.Minute)
		if got, _ := s.turns("bad"); got != "fired " {
			t.Errorf("within the window: %s", got)
		}
		time.Sleep(2 * time.Minute)
		if got, _ := s.turns("bad"); got != "fired recovered " {
			t.Errorf("after the window: %s", got)
		}
		if got, _ := s.turns("typed"); got != "" {
			t.Errorf("of another type: %s", got)
		}
	})
}

// What an alert knows comes from the log: it does not fire again after a start.
func TestAnAlertThatFiresStillFiresAfterAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := eventlogtest.NewMemory()
		s := start(t, log)
		s.alert("deep", projection.AlertRule{When: projection.QueueDepth, Above: 0})
		s.alert("bad", projection.AlertRule{When: projection.FailureRate, Above: 0, Window: 24 * 3600 * task.Second, Least: 1})
		if err := s.create("pager", projection.WebhookRules{Events: []string{"alert.fired"}}); err != nil {
			t.Fatal(err)
		}
		s.pause("q", true)
		s.add(task.Submit{Type: "OK", Queue: "q"}, task.Submit{Type: "FAIL"})
		time.Sleep(10 * time.Second)
		s.stop()
		again := start(t, log)
		defer again.stop()
		time.Sleep(10 * time.Minute)
		for _, name := range []string{"deep", "bad"} {
			if got, _ := again.turns(name); got != "fired " {
				t.Errorf("%s: %s", name, got)
			}
		}
		if got := strings.Join(deliveries(t, log), ", "); got != "pager: alert.fired alert:bad, pager: alert.fired alert:deep" {
			t.Error(got)
		}
		if err := again.o.Scheduler.DeleteAlert(t.Context(), "anonymous", "deep"); err != nil {
			t.Fatal(err)
		}
		again.alert("deep", projection.AlertRule{When: projection.QueueDepth, Above: 0})
		time.Sleep(10 * time.Second)
		if got, _ := again.turns("deep"); got != "fired fired " {
			t.Errorf("when it was created anew: %s", got)
		}
	})
}
