package handler

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func never() float64 { return 0.999 }

func TestSleepTakesExactlyItsSecondsAndReportsFourTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var percents []float64
		call := Call{
			Parameters: json.RawMessage(`{"seconds":2,"fail_rate":0,"result":{"a":1}}`),
			Report:     func(percent float64, _ string) { percents = append(percents, percent) },
		}
		result, err := NewSleep(never).Run(context.Background(), call)
		if err != nil || string(result.(json.RawMessage)) != `{"a":1}` {
			t.Errorf("result %s, %v", result, err)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("took %v", took)
		}
		if len(percents) != 7 || percents[0] != 12.5 || percents[6] != 87.5 {
			t.Errorf("reports: %v", percents)
		}
	})
}

func TestSleepSaysHowFarItIsInTheTimeThatWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seconds, want := range map[string]string{"1.5": "1.3 of 1.5 s", "2": "1.8 of 2 s", "90": "90 of 90 s"} {
			last := ""
			call := Call{Parameters: json.RawMessage(`{"seconds":` + seconds + `}`), Report: func(_ float64, message string) { last = message }}
			if _, err := NewSleep(never).Run(t.Context(), call); err != nil || last != want {
				t.Errorf("%s s: %q, want %q (%v)", seconds, last, want, err)
			}
		}
	})
}

func TestSleepEndsAtOnceWhenCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		start := time.Now()
		call := Call{Parameters: json.RawMessage(`{"seconds":86400}`), Report: func(float64, string) {}}
		if _, err := NewSleep(never).Run(ctx, call); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestSleepFailsAsOftenAsItsFailRateSays(t *testing.T) {
	tests := []struct {
		rate  string
		draw  float64
		fails bool
	}{
		{"0", 0, false}, {"0.5", 0.49, true}, {"0.5", 0.5, false}, {"1", 0.999, true},
	}
	for _, test := range tests {
		s := NewSleep(func() float64 { return test.draw })
		_, err := s.Run(context.Background(), Call{Parameters: json.RawMessage(`{"fail_rate":` + test.rate + `}`)})
		if (err != nil) != test.fails || IsPermanent(err) {
			t.Errorf("fail_rate %s, draw %v: %v", test.rate, test.draw, err)
		}
	}
}

func TestSleepOfNothingAllocatesNothing(t *testing.T) {
	r := sleepRegistry(t)
	prepared, _, _, err := r.Prepare("SLEEP", []byte("{}"))
	if err != nil || string(prepared) != sleepNothing {
		t.Fatalf("Prepare({}) = %s, %v", prepared, err)
	}
	call := Call{Parameters: prepared}
	n := testing.AllocsPerRun(100, func() {
		if result, err := r.Run(t.Context(), "SLEEP", call); result.JSON != nil || err != nil {
			t.Errorf("Run = %s, %v", result.JSON, err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func sleepRegistry(t testing.TB) *Registry {
	t.Helper()
	r, err := NewRegistry(NewSleep(never))
	if err != nil {
		t.Fatal(err)
	}
	return r
}
