package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/eventlog/payloadcache"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
)

// server is a scheduler over a log with the follower beside it, in a synctest bubble. It implements scheduler.Runner.
type server struct {
	t      *testing.T
	o      Options
	stop   func()
	failed error // of Run
	mu     sync.Mutex
	down   bool // deliveries fail; guarded by mu
}

func start(t *testing.T, log eventlog.Log) *server {
	t.Helper()
	views, err := projection.Rebuild(t.Context(), log, nil)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	s := &server{t: t}
	s.o = Options{Log: log, Views: views, Payloads: payloadcache.New(log, 1<<20), Logger: logger}
	if s.o.Scheduler, err = scheduler.New(scheduler.Options{Log: log, Views: views, Payloads: s.o.Payloads, Runner: s, Logger: logger}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.failed = s.o.Scheduler.Run(ctx); cancel() })
	synctest.Wait()
	running.Go(func() { Webhooks(ctx, s.o) })
	running.Go(func() { Alerts(ctx, s.o) })
	s.stop = func() { cancel(); running.Wait() }
	return s
}

func (s *server) Runs(string) bool  { return true }
func (s *server) Knows(string) bool { return true }
func (s *server) CheckParameters(_ string, parameters []byte) ([]byte, []task.FieldError) {
	return parameters, nil
}

func (s *server) CheckResult(string, []byte) []task.FieldError { return nil }
func (s *server) LeaseLength(string) time.Duration             { return time.Minute }

// Run fails tasks of the type FAIL, and receives deliveries.
func (s *server) Run(_ context.Context, a scheduler.Attempt) (scheduler.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Task.Type == "FAIL" || a.Task.Type == projection.DeliveryType && s.down {
		return scheduler.Outcome{}, errors.New("it fails")
	}
	return scheduler.Outcome{}, nil
}

func (s *server) submit(submits ...task.Submit) error {
	for i := range submits {
		submits[i].Parameters = []byte(`{}`)
		if submits[i].Type == "FAIL" {
			submits[i].MaxAttempts = 1
		}
		submits[i].Normalise()
	}
	_, err := s.o.Scheduler.Submit(s.t.Context(), "anonymous", submits)
	return err
}

func (s *server) create(name string, rules projection.WebhookRules) error {
	rules.Timeout = 15 * task.Second
	return s.o.Scheduler.CreateWebhook(s.t.Context(), "anonymous", name, rules, scheduler.WebhookTarget{URL: "https://example.com/", Secret: "whsec_x"})
}

// deliveries are "webhook: type of event, subject of its task" of all tasks that deliver, in order.
func deliveries(t *testing.T, log eventlog.Log) (list []string) {
	t.Helper()
	page, err := log.Read(t.Context(), 0, eventlog.Filter{Types: []string{"task.submitted"}}, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Events {
		body, err := log.Payload(t.Context(), e.Seq)
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			Webhook string
			Event   struct {
				Type, Subject string
				Data          struct {
					Event struct{ Seq int64 }
					Task  *struct{ Subject string }
				}
			}
		}
		if err := json.Unmarshal(body, &d); err != nil {
			t.Fatal(err)
		}
		if d.Webhook == "" {
			continue
		}
		subject := d.Event.Subject
		if d.Event.Data.Task != nil {
			subject = d.Event.Data.Task.Subject
		}
		list = append(list, fmt.Sprintf("%s: %s %s", d.Webhook, d.Event.Type, subject))
	}
	return list
}

func TestAWebhookGetsTheEventsThatItWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := eventlogtest.NewMemory()
		s := start(t, log)
		defer s.stop()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(s.submit(task.Submit{Type: "FAIL", Subject: "before"}))
		time.Sleep(time.Second)
		must(s.create("all", projection.WebhookRules{Events: []string{"task.failed", "task.succeeded", "queue.limits_set"}}))
		must(s.create("some", projection.WebhookRules{Events: []string{"task.failed"}, Queues: []string{"orders"}, Tags: []string{"x", "y"}}))
		must(s.create("typed", projection.WebhookRules{Events: []string{"task.submitted"}, TaskTypes: []string{"OK"}}))
		must(s.submit(task.Submit{Type: "FAIL", Subject: "a"}, task.Submit{Type: "FAIL", Queue: "orders", Tags: []string{"y"}, Subject: "b"},
			task.Submit{Type: "FAIL", Queue: "orders", Subject: "c"}, task.Submit{Type: "OK", Subject: "d"}))
		time.Sleep(time.Minute)
		got := deliveries(t, log)
		slices.Sort(got)
		want := []string{"all: queue.limits_set queue:webhooks", "all: task.failed a", "all: task.failed b", "all: task.failed c", "all: task.succeeded d", "some: task.failed b", "typed: task.submitted d"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		w, _ := s.o.Views.Webhook("all")
		if w.Queued != 5 || w.Delivered != 5 || w.Failures != 0 || w.FailingFrom != 0 {
			t.Errorf("%+v", w)
		}
	})
}

// The server dies in each append in turn, before and after it is on disk: after the next start each event is queued
// once for each webhook.
func TestNoKillLosesAnEventOrQueuesItTwice(t *testing.T) {
	for _, when := range []eventlogtest.FailWhen{eventlogtest.BeforeWriting, eventlogtest.AfterWriting} {
		for call, survived := 1, false; !survived; call++ {
			synctest.Test(t, func(t *testing.T) {
				memory := eventlogtest.NewMemory()
				log := eventlogtest.NewFailing(memory)
				s := start(t, log)
				for _, name := range []string{"a", "b"} {
					if err := s.create(name, projection.WebhookRules{Events: []string{"task.failed"}, RetryFor: 3600 * task.Second}); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Second) // the follower has seen them
				log.FailAppend(call, when, eventlog.ErrUnknown)
				submitted := 0
				for i := range 4 {
					if s.submit(task.Submit{Type: "FAIL", Subject: fmt.Sprint(i)}) == nil {
						submitted++
					}
					time.Sleep(50 * time.Millisecond)
				}
				s.stop()
				survived = s.failed == nil
				again := start(t, memory)
				time.Sleep(time.Minute)
				again.stop()
				page, err := memory.Read(t.Context(), 0, eventlog.Filter{Types: []string{"task.failed"}}, 1000)
				if err != nil {
					t.Fatal(err)
				}
				got := deliveries(t, memory)
				slices.Sort(got)
				if once := slices.Compact(slices.Clone(got)); len(once) != len(got) || len(got) != 2*len(page.Events) || len(page.Events) < submitted {
					t.Errorf("call %d, %d: %d failed, deliveries %v", call, when, len(page.Events), got)
				}
			})
		}
	}
}

func TestAReceiverThatIsDownIsTriedAgainAndItsWebhookShowsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := eventlogtest.NewMemory()
		s := start(t, log)
		defer s.stop()
		if err := s.create("a", projection.WebhookRules{Events: []string{"task.succeeded"}, RetryFor: 3 * 24 * 3600 * task.Second}); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		s.down = true
		s.mu.Unlock()
		if err := s.submit(task.Submit{Type: "OK"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(70 * time.Hour)
		w, _ := s.o.Views.Webhook("a")
		if w.Failures < 20 || w.FailingFrom == 0 || w.Delivered != 0 {
			t.Errorf("after 70 hours: %+v", w)
		}
		s.mu.Lock()
		s.down = false
		s.mu.Unlock()
		time.Sleep(5 * time.Hour)
		if w, _ = s.o.Views.Webhook("a"); w.Failures != 0 || w.FailingFrom != 0 || w.Delivered != 1 {
			t.Errorf("when it is back: %+v", w)
		}
	})
}

func TestAFullQueueOfDeliveriesHoldsEventsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := eventlogtest.NewMemory()
		s := start(t, log)
		defer s.stop()
		if err := s.create("a", projection.WebhookRules{Events: []string{"task.submitted"}}); err != nil {
			t.Fatal(err)
		}
		limit := func(data string) {
			err := s.o.Scheduler.Record(t.Context(), "anonymous", func() ([]scheduler.Other, error) {
				return []scheduler.Other{{Stream: "queue:webhooks", Type: "queue.paused", V: 1, Data: []byte("{}")},
					{Stream: "queue:webhooks", Type: "queue.limits_set", V: 1, Data: []byte(data)}}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		limit(`{"max_depth":2}`)
		for range 5 {
			if err := s.submit(task.Submit{Type: "OK"}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		if got := deliveries(t, log); len(got) != 2 {
			t.Errorf("%d deliveries are in a queue for 2", len(got))
		}
		limit(`{}`)
		time.Sleep(time.Minute)
		if got := deliveries(t, log); len(got) != 5 {
			t.Errorf("%d deliveries of 5", len(got))
		}
	})
}

// What is too large or too deep to be sent is left out.
func TestALargeEventIsCut(t *testing.T) {
	log := eventlogtest.NewMemory()
	f := follower{o: Options{Log: log, Payloads: payloadcache.New(log, 1<<20)}}
	for name, test := range map[string]struct {
		data, payload string
		cut, dataCut  bool
	}{
		"small": {`{"n":1}`, `{"result":1}`, false, false},
		"long":  {`{"n":1}`, `"` + strings.Repeat("x", longestPayload) + `"`, true, false},
		"deep":  {`{"n":1}`, strings.Repeat("[", task.MaxDepth) + strings.Repeat("]", task.MaxDepth), true, false},
		"wide":  {`{"n":"` + strings.Repeat("x", longestBody) + `"}`, `1`, true, true},
	} {
		e := &eventlog.Event{At: 1, Stream: "queue:q", Version: 1, Type: "queue.paused", V: 1, Actor: "a", Data: []byte(test.data), Payload: []byte(test.payload), HasPayload: true}
		e.Version = log.Head().Seq + 1
		e.At = e.Version
		if r := log.Append(t.Context(), []eventlog.Entry{{Events: []*eventlog.Event{e}}}); r[0].Err != nil {
			t.Fatal(name, r[0].Err)
		}
		body, err := f.body(t.Context(), "a", e, nil)
		if err != nil || len(body) > task.MaxParameters {
			t.Errorf("%s: %d bytes, %v", name, len(body), err)
		}
		text := string(body)
		if cut := strings.Contains(text, `"truncated":true`); cut != test.cut || strings.Contains(text, `"payload":`) == cut || strings.Contains(text, `"data":{}`) != test.dataCut {
			t.Errorf("%s: %.400s", name, text)
		}
	}
}

// noErasing is a log that erases nothing.
type noErasing struct{ *eventlogtest.Memory }

func (noErasing) ErasePayloads(context.Context, ...int64) error { return eventlog.ErrFull }

func TestASecretThatCouldNotBeErasedIsErasedByTheNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := eventlogtest.NewMemory()
		s := start(t, noErasing{memory})
		if err := s.create("a", projection.WebhookRules{Events: []string{"task.failed"}}); err != nil {
			t.Fatal(err)
		}
		w, _ := s.o.Views.Webhook("a")
		if err := s.o.Scheduler.DeleteWebhook(t.Context(), "anonymous", "a"); err != nil {
			t.Fatal(err)
		}
		s.stop()
		if _, err := memory.Payload(t.Context(), w.CreatedSeq); err != nil {
			t.Fatalf("it was erased already: %v", err)
		}
		again := start(t, memory)
		synctest.Wait()
		defer again.stop()
		if body, err := memory.Payload(t.Context(), w.CreatedSeq); !errors.Is(err, eventlog.ErrErased) {
			t.Errorf("after a start it is still there: %s %v", body, err)
		}
	})
}
