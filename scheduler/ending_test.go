package scheduler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// nilError is an error whose method wants more than a nil pointer.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

// funcError is an error whose text is what a function says.
type funcError func() string

func (e funcError) Error() string { return e() }

// funcPermanent does as it likes when it is asked whether a retry can help.
type funcPermanent func() bool

func (funcPermanent) Error() string     { return "asked" }
func (p funcPermanent) Permanent() bool { return p() }

func TestWhateverCodeOfTheHandlerDoesItsAttemptFailsAndNobodyElseNotices(t *testing.T) {
	goexit := func() string { runtime.Goexit(); return "" }
	panics := func() string { panic("in a method") }
	slow := func() string { time.Sleep(5 * time.Second); return "at last" }
	tests := map[string]struct {
		do   func(ctx context.Context, a Attempt) (Outcome, error)
		code task.Code
		text string
	}{
		"returns a nil pointer as an error": {func(context.Context, Attempt) (Outcome, error) {
			var e *nilError
			return Outcome{}, e
		}, task.CodeError, "is it a nil pointer?"},
		"Goexit": {func(context.Context, Attempt) (Outcome, error) { runtime.Goexit(); return Outcome{}, nil },
			task.CodeError, "runtime.Goexit"},
		"Goexit in Error":    {failWith(funcError(goexit)), task.CodeError, "Error method"},
		"panic in Error":     {failWith(funcError(panics)), task.CodeError, "Error method"},
		"Error takes 5 s":    {failWith(funcError(slow)), task.CodeError, "at last"},
		"panic in Permanent": {failWith(funcPermanent(func() bool { panic("x") })), task.CodeError, "Error method"},
		"Goexit in Permanent": {failWith(funcPermanent(func() bool { runtime.Goexit(); return true })),
			task.CodeError, "Error method"},
		"panics with an error that panics": {panicWith(funcError(panics)), task.CodePanic, "the handler panicked"},
		"panics with an error that exits":  {panicWith(funcError(goexit)), task.CodePanic, "the handler panicked"},
		"panics with an error that is slow": {panicWith(funcError(slow)), task.CodePanic,
			"the handler panicked: at last"},
		"panics with nil": {panicWith(nil), task.CodePanic, "panic called with nil argument"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
				b := open(t, log, Options{Concurrency: 2})
				b.does["BAD"] = test.do
				bad := b.submit(task.Submit{Type: "BAD", MaxAttempts: 1}).ID
				neighbour := b.submit(task.Submit{Type: "T"}).ID
				b.want(neighbour, task.Success)
				time.Sleep(5 * time.Second)
				if got := b.want(bad, task.Failed); got.Code != test.code {
					t.Errorf("code is %s", got.Code)
				}
				if got := b.errorText(bad); !strings.Contains(got, test.text) {
					t.Errorf("error is %s, want %q", got, test.text)
				}
				if n := b.s.State().Running; n != 0 {
					t.Errorf("%d slots are taken", n)
				}
				if err := b.stop(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// retryAfter is an error that says when the next attempt is to be.
type retryAfter time.Duration

func (retryAfter) Error() string               { return "later" }
func (r retryAfter) RetryAfter() time.Duration { return time.Duration(r) }

func TestAnErrorCanSayWhenItsTaskIsRetried(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{
		90 * time.Second: 90 * time.Second, time.Hour: time.Hour, 0: 5 * time.Second, -time.Hour: 5 * time.Second, 1000 * time.Hour: 7 * 24 * time.Hour,
	} {
		bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
			b := open(t, log, Options{})
			b.does["LATER"] = failWith(fmt.Errorf("wrapped: %w", retryAfter(asked)))
			id := b.submit(task.Submit{Type: "LATER", Backoff: &task.Backoff{Kind: task.Constant, Base: 5 * task.Second, Max: 5 * task.Second, NoJitter: true}}).ID
			failed := time.Now()
			synctest.Wait()
			state := b.want(id, task.Pending)
			if got := state.DueAt.Time().Sub(failed); got != want {
				t.Errorf("%v: it is due in %v, not %v", asked, got, want)
			}
			b.wantBackoff(id)
			if err := b.stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// wantBackoff fails the test unless the task is pending in backoff and counted there.
func (b *bench) wantBackoff(id ulid.ULID) {
	b.t.Helper()
	got := b.want(id, task.Pending)
	if w := b.s.WaitingFor(&got); w == nil || w.Reason != "backoff" || w.Until != got.DueAt {
		b.t.Errorf("it waits for %+v", w)
	}
	for _, state := range projection.WaitStates() {
		page, err := b.s.o.Views.List(b.t.Context(), projection.Query{Waiting: []projection.WaitState{state}, Wall: b.s.o.Wall(), Limit: 10})
		listed := slices.ContainsFunc(page.Tasks, func(t task.Task) bool { return t.ID == id })
		if err != nil || listed != (state == projection.WaitBackoff) {
			b.t.Errorf("listed as %v: %v, %v", state, listed, err)
		}
	}
	counts, next := b.s.o.Views.WaitCounts(b.s.o.Wall())
	if next != got.DueAt || len(counts) != 1 || counts[0].State != projection.WaitBackoff || counts[0].N != 1 {
		b.t.Errorf("counted: %v, next %v", counts, next)
	}
}

func failWith(err error) func(context.Context, Attempt) (Outcome, error) {
	return func(context.Context, Attempt) (Outcome, error) { return Outcome{}, err }
}

func panicWith(value any) func(context.Context, Attempt) (Outcome, error) {
	return func(context.Context, Attempt) (Outcome, error) { panic(value) }
}

func TestAResultThatTheLogWouldRefuseFailsItsTaskForGood(t *testing.T) {
	files := make([]string, 16_000)
	for i := range files {
		files[i] = fmt.Sprintf("%064x", i)
	}
	nested := strings.Repeat("[", 33) + strings.Repeat("]", 33)
	tests := map[string]struct {
		outcome Outcome
		text    string
	}{
		"not UTF-8":        {Outcome{Result: []byte("\"a\xff\"")}, "the result is not valid JSON: it must be valid UTF-8"},
		"nested not UTF-8": {Outcome{Result: []byte("{\"a\":[\"\xff\"]}")}, "the result is not valid JSON: /a/0 must be valid UTF-8"},
		"a lone surrogate": {Outcome{Result: []byte(`{"a":"\ud800"}`)}, "lone surrogate"},
		"a key twice":      {Outcome{Result: []byte(`{"a":1,"a":2}`)}, "duplicate key"},
		"too deep":         {Outcome{Result: []byte(nested)}, "nested too deep"},
		"cut":              {Outcome{Result: []byte(`{`)}, "not valid JSON"},
		"empty":            {Outcome{Result: []byte{}}, "it is empty"},
		"two values":       {Outcome{Result: []byte(`1 2`)}, "not valid JSON"},
		"a raw newline":    {Outcome{Result: []byte("\"a\nb\"")}, "not valid JSON"},
		"17 MiB":           {Outcome{Result: []byte(`"` + strings.Repeat("x", 17<<20) + `"`)}, "the most is 16777216"},
		"64 MiB of spaces": {Outcome{Result: []byte(strings.Repeat(" ", 64<<20) + "1")}, "the most is 16777216"},
		"16,000 files":     {Outcome{Files: files}, "the result names 16000 files; the most is 10000"},
		"a bad file id":    {Outcome{Files: []string{"a\x00b"}}, "no id of a file"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
				b := open(t, log, Options{})
				b.does["BAD"] = func(context.Context, Attempt) (Outcome, error) { return test.outcome, nil }
				id := b.submit(task.Submit{Type: "BAD"}).ID
				if got := b.want(id, task.Failed); got.Code != task.CodePermanent || got.Attempt != 1 {
					t.Errorf("code %s after attempt %d", got.Code, got.Attempt)
				}
				if got := b.errorText(id); !strings.Contains(got, test.text) {
					t.Errorf("error is %.300s, want %q", got, test.text)
				}
				b.want(b.submit(task.Submit{Type: "T"}).ID, task.Success)
				if err := b.stop(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func TestAResultIsWrittenWithoutSpaceAndAsLargeAsMayBe(t *testing.T) {
	largest := `"` + strings.Repeat("x", task.MaxResult-2) + `"`
	for given, want := range map[string]string{
		" { \"n\" : 9007199254740993 , \"é\" : \"\\u00e9\" } ": `{"n":9007199254740993,"é":"\u00e9"}`,
		strings.Repeat("[", 32) + strings.Repeat("]", 32):      strings.Repeat("[", 32) + strings.Repeat("]", 32),
		" " + largest: largest,
	} {
		got, err := checked(Outcome{Result: []byte(given)})
		if err != nil || string(got.Result) != want {
			t.Errorf("%.80s became %.80s, %v", given, got.Result, err)
		}
	}
}

func TestAPanicKeepsItsValueAndWhereItWas(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["T"] = func(context.Context, Attempt) (Outcome, error) {
			var nobody *Attempt
			return Outcome{Result: nobody.Parameters}, nil
		}
		id := b.submit(task.Submit{Type: "T", MaxAttempts: 1}).ID
		if got := b.want(id, task.Failed); got.Code != task.CodePanic {
			t.Errorf("code is %s", got.Code)
		}
		got := b.errorText(id)
		if !strings.HasPrefix(got, `{"error":"the handler panicked: runtime error: invalid memory address or nil pointer dereference","stack":"daybook/scheduler.`) {
			t.Errorf("payload is %s", got)
		}
		if !strings.Contains(got, "ending_test.go:") || strings.Contains(got, "/ending_test.go") {
			t.Errorf("the stack names the line, and no folder: %s", got)
		}
	})
}

func TestALongPanicIsCut(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		defer b.stop()
		b.does["T"] = panicWith(strings.Repeat("é", 1<<20))
		id := b.submit(task.Submit{Type: "T", MaxAttempts: 1}).ID
		b.want(id, task.Failed)
		if got := b.errorText(id); len(got) > 32<<10 || !strings.Contains(got, "é…") {
			t.Errorf("payload has %d bytes", len(got))
		}
	})
}

func TestWhyAnAttemptFailedIsKeptAtItsTimeout(t *testing.T) {
	own := errors.New("row 17 is locked")
	tests := map[string]struct {
		err  error
		code task.Code
		text string
	}{
		"the context's":  {context.DeadlineExceeded, task.CodeTimeout, `{"error":"it ran longer than its timeout of 3s"}`},
		"the cause":      {task.ErrAttemptTimeout, task.CodeTimeout, `{"error":"it ran longer than its timeout of 3s"}`},
		"its own":        {own, task.CodeTimeout, `{"error":"it ran longer than its timeout of 3s; then: row 17 is locked"}`},
		"a permanent":    {permanentError{own}, task.CodePermanent, `{"error":"it ran longer than its timeout of 3s; then: row 17 is locked"}`},
		"one with words": {fmt.Errorf("step 3: %w", context.DeadlineExceeded), task.CodeTimeout, `{"error":"it ran longer than its timeout of 3s; then: step 3: context deadline exceeded"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
				b := open(t, log, Options{})
				defer b.stop()
				b.does["T"] = func(ctx context.Context, _ Attempt) (Outcome, error) {
					<-ctx.Done()
					return Outcome{}, test.err
				}
				id := b.submit(task.Submit{Type: "T", Timeout: 3 * task.Second, MaxAttempts: 1}).ID
				time.Sleep(3 * time.Second)
				if got := b.want(id, task.Failed); got.Code != test.code {
					t.Errorf("code is %s", got.Code)
				}
				if got := b.errorText(id); got != test.text {
					t.Errorf("payload is %s", got)
				}
			})
		})
	}
}

func TestAContextSaysWhenItEndsAndWhy(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{Grace: time.Second})
		causes := map[string]error{}
		b.does["T"] = func(ctx context.Context, a Attempt) (Outcome, error) {
			start := time.Now()
			deadline, ok := ctx.Deadline()
			if timeout := a.Task.Timeout.Duration(); ok != (timeout > 0) || ok && !deadline.Equal(start.Add(timeout)) {
				t.Errorf("deadline is %v, %v with a timeout of %v", deadline, ok, timeout)
			}
			<-ctx.Done()
			b.mu.Lock()
			defer b.mu.Unlock()
			causes[a.Task.Tags()[0]] = context.Cause(ctx)
			return Outcome{}, ctx.Err()
		}
		b.submit(task.Submit{Type: "T", Tags: []string{"timeout"}, MaxAttempts: 1, Timeout: task.Second})
		cancelled := b.submit(task.Submit{Type: "T", Tags: []string{"cancelled"}}).ID
		b.submit(task.Submit{Type: "T", Tags: []string{"stopping"}})
		synctest.Wait()
		if _, err := b.s.Do(t.Context(), "anonymous", cancelled, task.Cancel{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for tag, want := range map[string]error{
			"timeout": task.ErrAttemptTimeout, "cancelled": task.ErrAttemptCancelled, "stopping": task.ErrAttemptStopping,
		} {
			if causes[tag] != want {
				t.Errorf("%s: the cause is %v", tag, causes[tag])
			}
		}
	})
}

func TestAnAttemptWhoseServerFailsHasLostItsTask(t *testing.T) {
	bubble(t, func(t *testing.T, memory *eventlogtest.Memory) {
		log := eventlogtest.NewFailing(memory)
		b := open(t, log, Options{})
		cause := make(chan error, 1)
		b.does["T"] = func(ctx context.Context, _ Attempt) (Outcome, error) {
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return Outcome{}, ctx.Err()
		}
		b.submit(task.Submit{Type: "T"})
		synctest.Wait()
		log.FailAppend(1, eventlogtest.BeforeWriting, eventlog.ErrUnknown)
		if _, err := b.s.Submit(t.Context(), "anonymous", []task.Submit{{Type: "T"}}); err == nil {
			t.Error("a submit to a log that fails was answered without an error")
		}
		if err := <-b.done; err == nil {
			t.Error("the scheduler runs on a log that has failed")
		}
		if got := <-cause; got != task.ErrAttemptLeaseLost {
			t.Errorf("the cause is %v", got)
		}
	})
}

// A program may need the grace of its command after the end of its attempt: the warning says so.
func TestTheWarningOfALateHandlerSaysWhatItWaitsFor(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		var said bytes.Buffer
		b := open(t, log, Options{Concurrency: 1, Logger: slog.New(slog.NewTextHandler(&said, nil))})
		b.does["LATE"] = func(ctx context.Context, _ Attempt) (Outcome, error) {
			<-ctx.Done()
			time.Sleep(5 * time.Second)
			return Outcome{}, ctx.Err()
		}
		b.submit(task.Submit{Type: "LATE", Timeout: task.Second, MaxAttempts: 1})
		time.Sleep(time.Minute)
		if err := b.stop(); err != nil {
			t.Error(err)
		}
		text := said.String()
		if strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "has not returned yet") || !strings.Contains(text, "grace_seconds") || strings.Contains(text, "ignores") {
			t.Error(text)
		}
	})
}
