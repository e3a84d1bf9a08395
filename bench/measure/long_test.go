package measure

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clockwork is a queue that takes a fixed time a call and runs tasks at a fixed rate.
type clockwork struct {
	call  time.Duration // of a submit
	rate  float64       // tasks a second that end
	fault error         // of Left

	mu       sync.Mutex // guards all below
	at       time.Time  // up to when tasks have ended
	all      float64    // submitted
	ended    float64
	mostLeft float64
}

func (c *clockwork) Caller() (Caller, error) { return c, nil }

func (c *clockwork) Submit(_ context.Context, n int) error {
	time.Sleep(c.call)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn()
	c.all += float64(n)
	c.mostLeft = max(c.mostLeft, c.all-c.ended)
	return nil
}

// turn lets tasks end up to now.
func (c *clockwork) turn() {
	now := time.Now()
	c.ended = min(c.ended+now.Sub(c.at).Seconds()*c.rate, c.all)
	c.at = now
}

func (c *clockwork) Work(context.Context) error {
	c.at = time.Now()
	return nil
}

func (c *clockwork) Left(context.Context) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn()
	return int64(math.Ceil(c.all - c.ended)), c.fault
}

func (c *clockwork) Ended(ctx context.Context, n int64) (int64, error) {
	for {
		left, err := c.Left(ctx)
		if left == 0 || ctx.Err() != nil || err != nil {
			return int64(c.all) - left, err
		}
		time.Sleep(time.Millisecond)
	}
}

// Lag is the number of seconds since the year 2000, when a bubble begins.
func (c *clockwork) Lag(context.Context) (int64, error) {
	return int64(time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).Seconds()), nil
}

func (c *clockwork) Facts(context.Context) (Facts, error) { return Facts{}, nil }

func (c *clockwork) Close() error { return nil }

func long(row Row) Job {
	return Job{Row: row, Callers: 64, Bulkers: 4, Minute: 60, Sustained: 180, Ahead: 20_000, Limit: 30, Bulk: true}
}

func near(got, want, by float64) bool { return math.Abs(got-want) <= want*by }

func TestASustainedRateIsThatOfTheEndsAndTheBacklogIsBounded(t *testing.T) {
	for name, tc := range map[string]struct {
		row                   Row
		queue                 *clockwork
		rate                  float64
		leastLeft, mostLeft   int64 // at the end
		mostLeftEver, settled float64
	}{
		"runs are slower": {
			SustainedOne, &clockwork{call: time.Millisecond, rate: 1000}, 1000, 19_800, 20_000, 20_000, 20_000},
		"runs are much slower, by a hundred": {
			SustainedBulk, &clockwork{call: time.Millisecond, rate: 50}, 50, 19_800, 20_300, 20_300, 20_000},
		"submits are slower": {
			SustainedOne, &clockwork{call: 100 * time.Millisecond, rate: 1000}, 640, 0, 64, 64, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := tc.queue
				r, err := (&Bench{Job: long(tc.row), System: q}).Run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if !near(r.Rate, tc.rate, 0.01) || !near(r.Seconds, 120, 0.01) || !near(float64(r.Tasks), 120*tc.rate, 0.01) {
					t.Errorf("%v tasks/s, %d tasks in %v s; want %v tasks/s in 120 s", r.Rate, r.Tasks, r.Seconds, tc.rate)
				}
				if *r.Waiting < tc.leastLeft || *r.Waiting > tc.mostLeft {
					t.Errorf("%d wait at the end, want %d to %d", *r.Waiting, tc.leastLeft, tc.mostLeft)
				}
				if math.Abs(float64(*r.Settled)-tc.settled) > 300 {
					t.Errorf("%d waited after a third, want about %v", *r.Settled, tc.settled)
				}
				if q.mostLeft > tc.mostLeftEver {
					t.Errorf("%v waited at most, want no more than %v", q.mostLeft, tc.mostLeftEver)
				}
				// The tick at the end and the end come at the same moment: one look, or two.
				if l := *r.Lags; l.Median != 90 && l.Median != 91 || l.Most != 180 || l.Last != 180 {
					t.Errorf("lags %+v", l)
				}
			})
		})
	}
}

func TestAMinuteLoadsWithoutABoundAndWaitsForTheEnd(t *testing.T) {
	for row, tasks := range map[Row]float64{MinuteOne: 60 * 640, MinuteBulk: 60 * 4000} {
		synctest.Test(t, func(t *testing.T) {
			j := long(row)
			j.Limit = 600
			r, err := (&Bench{Job: j, System: &clockwork{call: 100 * time.Millisecond, rate: 500}}).Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !near(float64(r.Tasks), tasks, 0.01) || !near(r.Rate, 500, 0.01) || r.CutOff {
				t.Errorf("%s: %d tasks at %v, want %v at 500; cut off: %v", row, r.Tasks, r.Rate, tasks, r.CutOff)
			}
			if !near(float64(*r.Waiting), tasks-60*500, 0.01) {
				t.Errorf("%s: %d wait at the end of the load, want %v", row, *r.Waiting, tasks-60*500)
			}
			if end := int64(tasks / 500); r.Lags.Last < end || r.Lags.Last > end+5 {
				t.Errorf("%s: the lag was last looked at after %d s, want at the end, after %d s", row, r.Lags.Last, end)
			}
			if r.P50 < 99 || r.P50 > 101 {
				t.Errorf("%s: p50 %v ms, want 100", row, r.P50)
			}
		})
	}
}

func TestASystemWithoutViewsHasNoLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := struct{ System }{&clockwork{call: time.Second, rate: 1}} // hides Lag
		r, err := (&Bench{Job: long(SustainedOne), System: q}).Run(t.Context())
		if err != nil || r.Lags != nil || r.Lag != nil {
			t.Errorf("lags %+v, lag %v, %v", r.Lags, r.Lag, err)
		}
	})
}

func TestAFaultOfTheStoreEndsASustainedLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, fault := time.Now(), errors.New("store on fire")
		_, err := (&Bench{Job: long(SustainedOne), System: &clockwork{call: time.Millisecond, fault: fault}}).Run(t.Context())
		if !errors.Is(err, fault) || time.Since(start) > time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestASustainedLoadEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err := (&Bench{Job: long(SustainedBulk), System: &clockwork{call: time.Millisecond, rate: 1}}).Run(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 11*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestLagsAreTheMiddleTheMostAndTheLast(t *testing.T) {
	if diff := cmp.Diff(&Lags{Median: 20, Most: 90, Last: 10}, lagsOf([]int64{20, 90, 10})); diff != "" {
		t.Error(diff)
	}
	if got := lagsOf(nil); got != nil {
		t.Errorf("%+v of nothing", got)
	}
}
