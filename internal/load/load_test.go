package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if got < want*0.99 || got > want*1.01 {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// A server that answers in 1 ms stalls once for a second, while a request is due every
// 10 ms. Request 300+j is due at 3 s + 10 ms × j and answered at 4 s + 1 ms × j, so it is
// late by 1,000 − 9 × j ms.
func stallOnce() http.HandlerFunc {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if n.Add(1) == 301 {
			time.Sleep(time.Second)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAStallIsSeenByAllThatHadToWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := bubbled(t, stallOnce())
		o.Rate, o.Connections, o.Count = 100, 1, 1000
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "p50", r.Latency.P50, 1)
		near(t, "p90", r.Latency.P90, 1000-9*100)
		near(t, "p99", r.Latency.P99, 1000-9*10)
		near(t, "the largest", r.Latency.Max, 1000)
		near(t, "p99 of the sending", r.Late.P99, 1000-9*11-1)
		near(t, "the time", r.Elapsed, 9.991)
		if r.Tasks.Accepted != 1000 || r.Requests.Unsent != 0 || r.Latency.Count != 1000 {
			t.Errorf("%+v %+v", r.Tasks, r.Requests)
		}
	})
}

func TestWithoutARateDueIsWhenTheConnectionIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := bubbled(t, stallOnce())
		o.Connections, o.Count = 1, 1000
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "p99.9", r.Latency.P999, 1)
		near(t, "the largest", r.Latency.Max, 1000)
		if r.Late != nil {
			t.Error("there is no rate to be late for")
		}
	})
}

func TestWhatIsDueAndNotSentIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := bubbled(t, func(http.ResponseWriter, *http.Request) { time.Sleep(100 * time.Millisecond) })
		o.Rate, o.Connections, o.Duration = 100, 2, 10*time.Second
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		// Two connections send 20 of 100 a second.
		if r.Requests.Answered != 200 || r.Requests.Unsent != 800 {
			t.Errorf("%+v", r.Requests)
		}
		if r.Latency.Max < 7900 {
			t.Errorf("the largest latency is %v ms", r.Latency.Max)
		}
	})
}

func TestTheLastPostHoldsWhatIsLeftOfTheCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sizes := make(chan int, 10)
		o, _ := bubbled(t, func(_ http.ResponseWriter, r *http.Request) {
			var batch []struct {
				TaskType     string `json:"task_type"`
				Parameters   struct{ Seconds float64 }
				DelaySeconds float64 `json:"delay_seconds"`
			}
			if err := json.NewDecoder(r.Body).Decode(&batch); err != nil || r.URL.Path != "/api/tasks/batch" {
				t.Error(r.URL, err)
			}
			if one := batch[0]; one.TaskType != "SLEEP" || one.Parameters.Seconds != 7 || one.DelaySeconds != 60 {
				t.Errorf("%+v", one)
			}
			sizes <- len(batch)
		})
		o.Batch, o.Count, o.Connections = 100, 250, 1
		o.Parameters, o.Delay = json.RawMessage(`{"seconds":7}`), time.Minute
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if a, b, c := <-sizes, <-sizes, <-sizes; a != 100 || b != 100 || c != 50 || r.Tasks.Accepted != 250 || r.Requests.Answered != 3 {
			t.Error(a, b, c, r.Tasks, r.Requests)
		}
	})
}

func TestFailuresAreCountedByStatusAndReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		o, _ := bubbled(t, func(w http.ResponseWriter, _ *http.Request) {
			switch i := n.Add(1); {
			case i%10 == 0:
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(http.StatusServiceUnavailable)
				fmt.Fprint(w, `{"title":"Service Unavailable","detail":"the log is full"}`)
			case i == 55:
				panic(http.ErrAbortHandler) // no answer
			}
		})
		o.Connections, o.Count = 1, 100
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		want := []Failure{{503, "the log is full", 10}, {0, "unexpected EOF", 1}}
		if fmt.Sprint(r.Failures) != fmt.Sprint(want) || r.Requests.Failed != 11 || r.Requests.Answered != 89 || r.Latency.Count != 89 {
			t.Errorf("%+v %+v", r.Failures, r.Requests)
		}
	})
}

func TestARunThatIsEndedEarlySaysWhatThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := bubbled(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			select {
			case <-time.After(time.Hour):
			case <-r.Context().Done():
			}
		})
		var calls atomic.Int64
		o.Connections, o.Duration = 3, time.Minute
		o.Progress = func(p Progress) { calls.Add(1) }
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		r, err := Run(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Interrupted || r.Requests.Unanswered != 3 || r.Requests.Failed != 0 || r.Elapsed != (5*time.Second+hurryTime).Seconds() {
			t.Errorf("%v %+v after %v s", r.Interrupted, r.Requests, r.Elapsed)
		}
		if calls.Load() < 10 {
			t.Errorf("%d calls in 5 s", calls.Load())
		}
	})
}

func TestAServerThatIsGoneIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, server := bubbled(t, func(http.ResponseWriter, *http.Request) { time.Sleep(time.Millisecond) })
		o.Connections, o.Duration, o.Patience = 2, time.Hour, 10*time.Second
		time.AfterFunc(time.Second, func() { _ = server.Close() })
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if r.GaveUp == "" || r.Interrupted || r.Elapsed < 10 || r.Elapsed > 12 || r.Requests.Failed == 0 {
			t.Errorf("%q after %v s, %+v", r.GaveUp, r.Elapsed, r.Requests)
		}
	})
}

func TestARunWhoseTokenIsRefusedStopsAtTheFirstAnswer(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		synctest.Test(t, func(t *testing.T) {
			o, _ := bubbled(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.WriteHeader(status)
				_, _ = io.WriteString(w, `{"detail":"This needs the role submitter."}`)
			})
			o.Connections, o.Rate, o.Duration = 4, 10, time.Hour
			r, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(r.GaveUp, "needs the role submitter") || r.Requests.Failed != 1 || r.Elapsed > 1 {
				t.Errorf("%d: %q after %v s, %+v", status, r.GaveUp, r.Elapsed, r.Requests)
			}
		})
	}
}

func TestNoServerIsAnErrorAtOnce(t *testing.T) {
	o := Options{URL: "http://127.0.0.1:1", Type: "SLEEP", Count: 1}
	var op *net.OpError
	if _, err := Run(t.Context(), o); !errors.As(err, &op) {
		t.Error(err)
	}
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	good := Options{URL: "http://127.0.0.1:1", Type: "SLEEP", Count: 1}
	for name, spoil := range map[string]func(*Options){
		"no type": func(o *Options) { o.Type = "" }, "no end": func(o *Options) { o.Count = 0 },
		"two ends": func(o *Options) { o.Duration = 1 }, "no address": func(o *Options) { o.URL = "127.0.0.1:1" },
		"a scheme": func(o *Options) { o.URL = "ftp://x" }, "a batch": func(o *Options) { o.Batch = 1001 },
		"connections": func(o *Options) { o.Connections = -1 }, "a rate": func(o *Options) { o.Rate = -1 },
		"parameters": func(o *Options) { o.Parameters = json.RawMessage("{") }, "a delay": func(o *Options) { o.Delay, o.Wait = 1, true },
	} {
		o := good
		spoil(&o)
		if _, err := Run(t.Context(), o); !errors.Is(err, ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
