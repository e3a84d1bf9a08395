package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"daybook/client"
)

func TestStopFinishesWhatEndsInTheGraceAndReleasesTheRest(t *testing.T) {
	handlers := func(w *client.Worker) {
		client.Handle(w, "sleep", func(ctx context.Context, l client.Lease[params]) (any, error) {
			return nil, wait(ctx, time.Duration(l.Parameters.N)*time.Second)
		})
	}
	bubble(t, client.WorkerOptions{Slots: 3, Grace: 30 * time.Second}, handlers, func(t *testing.T, f *fakeServer, stop func() error) {
		short, long := f.submit("sleep", `{"N":25}`), f.submit("sleep", `{"N":3600}`)
		synctest.Wait()
		begin := time.Now()
		if err := stop(); err != nil {
			t.Error(err)
		}
		if short.ended != "complete" || long.ended != "release" {
			t.Errorf("%q and %q", short.ended, long.ended)
		}
		if took := time.Since(begin); took != 30*time.Second {
			t.Errorf("it took %s", took)
		}
		if n := len(f.sent("/beat")); n < 2 {
			t.Errorf("%d beats in the grace", n)
		}
		late := f.submit("sleep", `{"N":0}`)
		if synctest.Wait(); late.token != "" {
			t.Error("a worker that has stopped leases")
		}
	})
}

func TestStopOfAnIdleWorkerIsAtOnce(t *testing.T) {
	bubble(t, client.WorkerOptions{}, double, func(t *testing.T, f *fakeServer, stop func() error) {
		synctest.Wait()
		begin := time.Now()
		if err := stop(); err != nil || time.Since(begin) > 0 {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}

func TestStopGivesBackWhatALostAnswerHad(t *testing.T) {
	bubble(t, client.WorkerOptions{}, double, func(t *testing.T, f *fakeServer, stop func() error) {
		f.set(&f.after, func(k *fakeCall) (*http.Response, error) {
			if k.body["max"] != 0.0 {
				return nil, io.ErrUnexpectedEOF
			}
			return nil, nil
		})
		task := f.submit("double", `{"N":1}`)
		f.await(func() bool { return task.token != "" })
		if err := stop(); err != nil || task.ended != "release" {
			t.Errorf("%v, it ended by %q", err, task.ended)
		}
	})
}

func TestStopWithoutAServerEnds(t *testing.T) {
	handlers := func(w *client.Worker) {
		client.Handle(w, "sleep", func(ctx context.Context, _ client.Lease[params]) (any, error) { return nil, wait(ctx, time.Second) })
	}
	bubble(t, client.WorkerOptions{Grace: 10 * time.Second}, handlers, func(t *testing.T, f *fakeServer, stop func() error) {
		f.submit("sleep", `{}`)
		synctest.Wait()
		f.set(&f.before, func(*fakeCall) (*http.Response, error) { return nil, errors.New("no route") })
		begin := time.Now()
		err := stop()
		if err == nil || !strings.Contains(err.Error(), "could not be delivered") || time.Since(begin) != 15*time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}

func TestAHandlerThatIgnoresItsContextIsLeftBehindWithItsLease(t *testing.T) {
	var hears chan struct{}
	handlers := func(w *client.Worker) {
		hears = make(chan struct{})
		client.Handle(w, "deaf", func(context.Context, client.Lease[params]) (any, error) { <-hears; return nil, nil })
	}
	bubble(t, client.WorkerOptions{Grace: -1}, handlers, func(t *testing.T, f *fakeServer, stop func() error) {
		defer func() { close(hears) }()
		task := f.submit("deaf", `{}`)
		synctest.Wait()
		err := stop()
		if err == nil || !strings.Contains(err.Error(), "deaf "+task.ID) || task.ended != "" {
			t.Errorf("%v, %q", err, task.ended)
		}
	})
}

func TestAQuietWorkerFinishesBeatsAndComesBack(t *testing.T) {
	handlers := func(w *client.Worker) {
		client.Handle(w, "sleep", func(ctx context.Context, l client.Lease[params]) (any, error) {
			return nil, wait(ctx, time.Duration(l.Parameters.N)*time.Second)
		})
	}
	bubble(t, client.WorkerOptions{Slots: 2}, handlers, func(t *testing.T, f *fakeServer, _ func() error) {
		running := f.submit("sleep", `{"N":60}`)
		synctest.Wait()
		f.change(func() { f.quiet = true })
		next := f.submit("sleep", `{"N":0}`)
		before := len(f.sent("/api/leases"))
		if f.ended(running) != "complete" || next.token != "" {
			t.Errorf("%q, next %q", running.ended, next.token)
		}
		if n := len(f.sent("/api/leases")) - before; n < 2 || n > 9 {
			t.Errorf("%d calls in a minute of quiet", n)
		}
		f.change(func() { f.quiet = false })
		begin := time.Now()
		if f.ended(next) != "complete" || time.Since(begin) > 10*time.Second {
			t.Errorf("it came back after %s", time.Since(begin))
		}
	})
}

func TestProgressIsSentAtOnceThenAtMostFourTimesASecond(t *testing.T) {
	handlers := func(w *client.Worker) {
		client.Handle(w, "steps", func(ctx context.Context, l client.Lease[params]) (any, error) {
			for n := range 1000 {
				l.Progress(float64(n)/10, "step")
				if err := wait(ctx, time.Millisecond); err != nil {
					return nil, err
				}
			}
			l.Progress(200, "all")
			return nil, nil
		})
	}
	bubble(t, client.WorkerOptions{}, handlers, func(t *testing.T, f *fakeServer, _ func() error) {
		task := f.submit("steps", `{}`)
		f.await(func() bool { return len(task.progress) > 0 })
		if task.progress[0] != "0 step" {
			t.Errorf("first %s", task.progress[0])
		}
		f.ended(task)
		if n := len(task.progress); n < 4 || n > 6 || task.progress[n-1] != "100 all" {
			t.Errorf("%v", task.progress)
		}
	})
}

func TestLinesOfTheLogArriveBeforeTheEnd(t *testing.T) {
	handlers := func(w *client.Worker) {
		client.Handle(w, "talk", func(ctx context.Context, l client.Lease[params]) (any, error) {
			log := l.Log().With("file", "a b").WithGroup("g")
			log.Info("begins", "n", 1)
			if err := wait(ctx, time.Minute); err != nil {
				return nil, err
			}
			log.Error("ends")
			return nil, nil
		})
	}
	bubble(t, client.WorkerOptions{}, handlers, func(t *testing.T, f *fakeServer, _ func() error) {
		task := f.submit("talk", `{}`)
		f.await(func() bool { return len(f.logs) == 1 })
		if !strings.Contains(f.logs[0], `"level":"info","text":"begins","attributes":{"file":"a b","g":{"n":1}}}`) || task.ended != "" {
			t.Errorf("%s", f.logs[0])
		}
		f.ended(task)
		if len(f.logs) != 2 || !strings.Contains(f.logs[1], `"level":"error","text":"ends","attributes":{"file":"a b"}}`) {
			t.Errorf("%q", f.logs)
		}
	})
}

func TestWorkerRefusesOptionsThatCannotBe(t *testing.T) {
	f := newFakeServer()
	for _, o := range []client.WorkerOptions{{Slots: -1}, {Slots: 1001}, {Lease: 1500 * time.Millisecond}, {Lease: 2 * time.Hour}} {
		w := f.worker(t, o, f)
		double(w)
		if err := w.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "WorkerOptions.") {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if err := f.worker(t, client.WorkerOptions{}, f).Run(t.Context()); err == nil {
		t.Error("a worker without handlers runs")
	}
	if len(f.calls) > 0 {
		t.Error("something was sent")
	}
}
