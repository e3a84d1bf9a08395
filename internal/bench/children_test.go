package bench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"daybook/handler"
	"daybook/task"
)

// fan is a task type whose tasks make children that do nothing, and wait for them.
type fan struct {
	probe
	children int
}

func (f fan) Run(ctx context.Context, _ handler.Call) (any, error) {
	family := handler.Family{Tasks: make(map[string]handler.Child, f.children)}
	for i := range f.children {
		family.Tasks[fmt.Sprint("child-", i)] = handler.Child{Type: "PROBE"}
	}
	ends, err := handler.Children(ctx, "fan", family)
	if err != nil {
		return nil, fmt.Errorf("wait: %w", err)
	}
	if len(ends) != f.children {
		return nil, handler.Permanent(fmt.Errorf("%d of %d children have ended", len(ends), f.children))
	}
	return len(ends), nil
}

// BenchmarkFanOut is the time from the submit of a task to its end, which makes 10,000 children that do nothing and waits for them, beside the
// time of 10,000 such tasks that are submitted in batches of 1,000; overhead is the difference.
func BenchmarkFanOut(b *testing.B) {
	const children = 10_000
	var ran atomic.Int64
	d := runDaybook(b, b.TempDir(), 64, func() { ran.Add(1) })
	if err := d.Register(fan{probe{name: "FAN"}, children}); err != nil {
		b.Fatal(err)
	}
	var alone, joined time.Duration
	for b.Loop() {
		began := time.Now()
		before := ran.Load()
		submitAll(b, d, children, []byte("{}"))
		for ran.Load() < before+children {
			time.Sleep(time.Millisecond)
		}
		alone += time.Since(began)
		began = time.Now()
		submitted, err := d.Submit(b.Context(), task.Submit{Type: "FAN", Parameters: json.RawMessage("{}")})
		if err != nil {
			b.Fatal(err)
		}
		if done, _, err := d.Wait(b.Context(), submitted[0].Task.ID); err != nil || done.Status != task.Success {
			b.Fatalf("the parent is %s: %v", done.Status, err)
		}
		joined += time.Since(began)
	}
	n := float64(b.N)
	b.ReportMetric(alone.Seconds()/n, "s-alone")
	b.ReportMetric(joined.Seconds()/n, "s-joined")
	b.ReportMetric((joined-alone).Seconds()/n, "s-overhead")
}
