package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"daybook/client"
)

type params struct{ N int }

// ended waits for the end of a task's lease.
func (f *fakeServer) ended(task *fakeTask) string {
	f.await(func() bool { return task.ended != "" })
	return task.ended
}

func double(w *client.Worker) {
	client.Handle(w, "double", func(_ context.Context, l client.Lease[params]) (int, error) { return 2 * l.Parameters.N, nil })
}

func TestWorkerRunsATaskAndReportsItsResultWithTheNextPoll(t *testing.T) {
	bubble(t, client.WorkerOptions{Name: "w", Build: "v1", Slots: 1, Queues: []string{"q"}}, double, func(t *testing.T, f *fakeServer, _ func() error) {
		first, second := f.submit("double", `{"N":1}`), f.submit("double", `{"N":2}`)
		f.ended(first)
		if f.ended(second); first.report["result"] != 2.0 || second.report["result"] != 4.0 {
			t.Errorf("results %v and %v", first.report, second.report)
		}
		synctest.Wait()
		calls := f.sent("/api/leases")
		if len(calls) != 3 { // lease, report and lease, report and wait
			t.Errorf("%d calls, want 3", len(calls))
		}
		b := calls[0].body
		if b["worker"] != "w" || b["build"] != "v1" || fmt.Sprint(b["queues"], b["task_types"], b["max"], b["wait_seconds"], b["lease_seconds"]) != "[q] [double] 1 30 30" {
			t.Errorf("the poll is %s", calls[0].raw)
		}
	})
}

func TestWorkerReportsWhileThePollWaitsAndGathersWhatEndsTogether(t *testing.T) {
	release := make(chan struct{})
	handlers := func(w *client.Worker) {
		client.Handle(w, "wait", func(context.Context, client.Lease[params]) (any, error) { <-release; return nil, nil })
	}
	bubble(t, client.WorkerOptions{Slots: 10}, handlers, func(t *testing.T, f *fakeServer, _ func() error) {
		release = make(chan struct{})
		var tasks []*fakeTask
		for range 8 {
			tasks = append(tasks, f.submit("wait", `{}`))
		}
		synctest.Wait() // all run, and a poll for two more waits
		before := len(f.sent("/api/leases"))
		arrive := make(chan struct{})
		f.set(&f.before, func(*fakeCall) (*http.Response, error) { <-arrive; return nil, nil })
		begin := time.Now()
		close(release)
		synctest.Wait() // all have ended, and the call with the first results is on its way
		if n := len(f.sent("/api/leases")) - before; n != 1 {
			t.Errorf("%d calls are on their way beside the poll, want one", n)
		}
		close(arrive)
		for _, task := range tasks {
			f.ended(task)
		}
		if waited := time.Since(begin); waited > 0 {
			t.Errorf("the results came after %s", waited)
		}
		if n := len(f.sent("/api/leases")) - before; n > 2 {
			t.Errorf("8 results took %d calls, want one and one with all that ended meanwhile", n)
		}
	})
}

func TestWorkerSendsOneBeatForAllAtTheRhythmOfTheServer(t *testing.T) {
	handlers := func(w *client.Worker) {
		client.Handle(w, "long", func(ctx context.Context, _ client.Lease[params]) (any, error) { return nil, wait(ctx, time.Minute) })
	}
	bubble(t, client.WorkerOptions{Slots: 3}, handlers, func(t *testing.T, f *fakeServer, _ func() error) {
		f.change(func() { f.beat = 4 })
		a, b := f.submit("long", `{}`), f.submit("long", `{}`)
		f.ended(a)
		f.ended(b)
		beats := f.sent("/beat")
		if len(beats) != 14 && len(beats) != 15 {
			t.Errorf("%d beats in a minute, want one every 4 s", len(beats))
		}
		for i, k := range beats {
			if len(k.tokens()) != 2 {
				t.Errorf("beat %d is for %v", i, k.tokens())
			}
		}
		synctest.Wait()
		n := len(f.sent("/beat"))
		time.Sleep(time.Minute)
		if more := len(f.sent("/beat")) - n; more > 1 {
			t.Errorf("%d beats while nothing is held", more)
		}
	})
}

func TestAFasterRhythmHoldsAtOnce(t *testing.T) {
	handlers := func(w *client.Worker) {
		client.Handle(w, "long", func(ctx context.Context, _ client.Lease[params]) (any, error) { return nil, wait(ctx, time.Minute) })
	}
	bubble(t, client.WorkerOptions{Slots: 2}, handlers, func(t *testing.T, f *fakeServer, _ func() error) {
		f.submit("long", `{}`)
		synctest.Wait() // the next beat is due in 10 s
		f.change(func() { f.beat = 1 })
		f.submit("long", `{}`) // the answer to the poll says so
		synctest.Wait()
		begin := time.Now()
		f.await(func() bool { return len(f.calls) > 0 && strings.HasSuffix(f.calls[len(f.calls)-1].path, "/beat") })
		if after := time.Since(begin); after != time.Second {
			t.Errorf("the beat came after %s", after)
		}
	})
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func TestHandlersContextEndsWithItsCause(t *testing.T) {
	cases := map[string]struct {
		do    func(task *fakeTask)
		cause error
		ends  string // how the lease ends
	}{
		"cancelled": {func(task *fakeTask) { task.cancelled = true }, client.ErrCancelled, "fail"},
		"lost":      {func(task *fakeTask) { task.lost = true }, client.ErrLeaseLost, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			causes := make(chan error, 1)
			handlers := func(w *client.Worker) {
				client.Handle(w, "long", func(ctx context.Context, _ client.Lease[params]) (any, error) {
					err := wait(ctx, time.Hour)
					causes <- err
					return nil, err
				})
			}
			bubble(t, client.WorkerOptions{Slots: 1}, handlers, func(t *testing.T, f *fakeServer, stop func() error) {
				causes = make(chan error, 1)
				task := f.submit("long", `{}`)
				synctest.Wait()
				f.change(func() { c.do(task) })
				if err := <-causes; !errors.Is(err, c.cause) {
					t.Errorf("the cause is %v", err)
				}
				if c.ends != "" {
					f.ended(task)
				}
				next := f.submit("long", `{}`) // the slot is free
				f.await(func() bool { return next.token != "" })
				if task.ended != c.ends {
					t.Errorf("the lease ended by %q", task.ended)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestProgressOfALostLeaseEndsTheHandler(t *testing.T) {
	causes := make(chan error, 1)
	handlers := func(w *client.Worker) {
		client.Handle(w, "long", func(ctx context.Context, l client.Lease[params]) (any, error) {
			_ = wait(ctx, time.Second)
			l.Progress(10, "")
			err := wait(ctx, time.Hour)
			causes <- err
			return nil, err
		})
	}
	bubble(t, client.WorkerOptions{}, handlers, func(t *testing.T, f *fakeServer, _ func() error) {
		causes = make(chan error, 1)
		task := f.submit("long", `{}`)
		synctest.Wait()
		f.change(func() { task.lost = true })
		begin := time.Now()
		if err := <-causes; !errors.Is(err, client.ErrLeaseLost) || time.Since(begin) != time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}

func TestErrorsAreReportedAsTheyAreMeant(t *testing.T) {
	cases := map[string]struct {
		err  error
		want string
	}{
		"plain":       {errors.New("disk is full"), `disk is full true <nil>`},
		"permanent":   {fmt.Errorf("read: %w", client.Permanent(errors.New("no image"))), `read: no image false <nil>`},
		"retry after": {fmt.Errorf("call: %w", client.RetryAfter(errors.New("busy"), 90*time.Second)), `call: busy true 90`},
		"empty":       {errors.New(""), `error without a text true <nil>`},
		"not UTF-8":   {errors.New("a\xffb"), "a\uFFFDb true <nil>"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			handlers := func(w *client.Worker) {
				client.Handle(w, "bad", func(context.Context, client.Lease[params]) (any, error) { return nil, c.err })
			}
			bubble(t, client.WorkerOptions{}, handlers, func(t *testing.T, f *fakeServer, _ func() error) {
				task := f.submit("bad", `{}`)
				f.ended(task)
				if got := fmt.Sprint(task.report["error"], " ", task.report["retryable"], " ", task.report["retry_after_seconds"]); task.ended != "fail" || got != c.want {
					t.Errorf("%s: %s, want %s", task.ended, got, c.want)
				}
			})
		})
	}
}

func TestAHandlerThatBreaksFailsItsTaskAlone(t *testing.T) {
	handlers := func(w *client.Worker) {
		double(w)
		client.Handle(w, "panic", func(context.Context, client.Lease[params]) (any, error) { panic("no hands") })
		client.Handle(w, "exit", func(context.Context, client.Lease[params]) (any, error) { runtime.Goexit(); return nil, nil })
		client.Handle(w, "encode", func(context.Context, client.Lease[params]) (any, error) { return make(chan int), nil })
		client.Handle(w, "refused", func(context.Context, client.Lease[params]) (any, error) { return "refuse me", nil })
	}
	bubble(t, client.WorkerOptions{Slots: 2}, handlers, func(t *testing.T, f *fakeServer, _ func() error) {
		for taskType, want := range map[string]string{
			"panic": "panic: no hands", "exit": "Goexit", "encode": "encode the result", "refused": "because of bad-request", "double": "parameters do not fit",
		} {
			parameters := `{}`
			if taskType == "double" {
				parameters = `{"N":"text"}`
			}
			task := f.submit(taskType, parameters)
			f.ended(task)
			text, _ := task.report["error"].(string)
			if task.ended != "fail" || !strings.Contains(text, want) {
				t.Errorf("%s: %s %s", taskType, task.ended, text)
			}
			if taskType == "panic" && !strings.Contains(text, "worker_test.go") {
				t.Errorf("no stack in %s", text)
			}
			if wants := taskType == "panic" || taskType == "exit"; task.report["retryable"] != wants {
				t.Errorf("%s: retryable %v", taskType, task.report["retryable"])
			}
		}
		task := f.submit("double", `{"N":4}`)
		if f.ended(task) != "complete" {
			t.Error("the worker does not go on")
		}
	})
}

func TestALostAnswerLosesNothing(t *testing.T) {
	bubble(t, client.WorkerOptions{Slots: 1}, double, func(t *testing.T, f *fakeServer, _ func() error) {
		lost := map[string]int{}
		f.set(&f.after, func(k *fakeCall) (*http.Response, error) { // the first two answers to each call are lost
			poll, _ := k.body["poll_id"].(string)
			if lost[poll]++; lost[poll] <= 2 {
				return nil, io.ErrUnexpectedEOF
			}
			return nil, nil
		})
		for n := range 3 {
			task := f.submit("double", fmt.Sprintf(`{"N":%d}`, n))
			if f.ended(task) != "complete" || task.attempt != 1 || task.report["result"] != float64(2*n) {
				t.Errorf("%+v", task)
			}
		}
	})
}

func TestRefusalsForAWhileAreWaitedFor(t *testing.T) {
	bubble(t, client.WorkerOptions{Slots: 1}, double, func(t *testing.T, f *fakeServer, _ func() error) {
		begin := time.Now()
		f.set(&f.before, func(*fakeCall) (*http.Response, error) {
			if time.Since(begin) < time.Minute {
				resp := answer(503, problem(503, "log-full"))
				resp.Header.Set("Retry-After", "7")
				return resp, nil
			}
			return nil, nil
		})
		task := f.submit("double", `{"N":1}`)
		if f.ended(task); time.Since(begin) > 75*time.Second {
			t.Errorf("it came back after %s", time.Since(begin))
		}
		if n := len(f.sent("/api/leases")); n > 11 {
			t.Errorf("%d calls in a minute, with Retry-After: 7", n)
		}
	})
}

func TestARefusalForGoodEndsTheWorker(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404} {
		bubble(t, client.WorkerOptions{}, double, func(t *testing.T, f *fakeServer, stop func() error) {
			f.set(&f.before, func(*fakeCall) (*http.Response, error) { return answer(status, problem(status, "no")), nil })
			f.submit("double", `{"N":1}`)
			if err := stop(); client.StatusOf(err) != status && err != nil {
				t.Errorf("%d: %v", status, err)
			}
		})
	}
}

func TestOneReportThatSpoilsACallIsRefusedAlone(t *testing.T) {
	gate := make(chan struct{})
	handlers := func(w *client.Worker) {
		client.Handle(w, "spoil", func(_ context.Context, l client.Lease[params]) (string, error) {
			<-gate
			return map[bool]string{true: "spoiled", false: "fine"}[l.Parameters.N == 1], nil
		})
	}
	bubble(t, client.WorkerOptions{Slots: 3}, handlers, func(t *testing.T, f *fakeServer, _ func() error) {
		gate = make(chan struct{})
		f.set(&f.before, func(k *fakeCall) (*http.Response, error) {
			if strings.Contains(k.raw, `"spoiled"`) {
				return answer(413, problem(413, "too-large")), nil
			}
			return nil, nil
		})
		tasks := []*fakeTask{f.submit("spoil", `{"N":0}`), f.submit("spoil", `{"N":1}`), f.submit("spoil", `{"N":2}`)}
		synctest.Wait()
		close(gate)
		for i, task := range tasks {
			want := map[bool]string{true: "fail", false: "complete"}[i == 1]
			if got := f.ended(task); got != want {
				t.Errorf("task %d: %s", i, got)
			}
		}
	})
}

func TestBigResultsGoAloneAndKeepTheirLease(t *testing.T) {
	handlers := func(w *client.Worker) {
		client.Handle(w, "big", func(context.Context, client.Lease[params]) (string, error) { return strings.Repeat("x", 9<<20), nil })
	}
	bubble(t, client.WorkerOptions{Slots: 2}, handlers, func(t *testing.T, f *fakeServer, _ func() error) {
		f.set(&f.before, func(k *fakeCall) (*http.Response, error) {
			if strings.HasSuffix(k.path, "/complete") {
				time.Sleep(45 * time.Second) // on its way
			}
			return nil, nil
		})
		task := f.submit("big", `{}`)
		if f.ended(task) != "complete" || len(f.sent("/complete")) != 1 {
			t.Errorf("%s", task.ended)
		}
		if n := len(f.sent("/beat")); n < 4 {
			t.Errorf("%d beats while it was on its way", n)
		}
	})
}

func TestConnectionRefusedKeepsTheLeasesAndSilenceDoesNot(t *testing.T) {
	cases := map[string]struct {
		err  error
		want string
	}{
		"refused": {syscall.ECONNREFUSED, "complete"},
		"silence": {errors.New("no route"), "release"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			handlers := func(w *client.Worker) {
				client.Handle(w, "long", func(ctx context.Context, _ client.Lease[params]) (any, error) { return nil, wait(ctx, 2*time.Minute) })
			}
			bubble(t, client.WorkerOptions{}, handlers, func(t *testing.T, f *fakeServer, _ func() error) {
				task := f.submit("long", `{}`)
				synctest.Wait()
				begin := time.Now()
				lost := func() error {
					if time.Since(begin) < time.Minute {
						return c.err
					}
					return nil
				}
				f.change(func() { f.dialed = lost })
				f.set(&f.before, func(*fakeCall) (*http.Response, error) { return nil, lost() })
				if got := f.ended(task); got != c.want {
					t.Errorf("it ended by %s", got)
				}
			})
		})
	}
}
