package eventlogtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"daybook/eventlog"
)

// testFollow starts followers at many points while a writer goes on.
func testFollow(t *testing.T, open Open) {
	log, reopen := open(t)
	fill(t, log, 500)
	log = reopen() // what lies before is no longer at hand in memory
	const total = 3000
	var group sync.WaitGroup
	for i, after := range []int64{0, 1, 250, 499, 500, 700, 2999} {
		group.Go(func() {
			filter := eventlog.Filter{}
			if i%2 == 1 {
				filter.Streams = []string{"task:b", "task:c"}
			}
			if err := follow(t.Context(), log, after, total, filter, 1+i*37); err != nil {
				t.Errorf("follower after %d: %v", after, err)
			}
		})
	}
	for n := 500; n < total; {
		var entries []eventlog.Entry
		for range 1 + n%13 {
			if n < total {
				n++
				entries = append(entries, entry(event(fmt.Sprintf("task:%c", 'a'+(n-1)%5), int64(n))))
			}
		}
		for _, r := range log.Append(t.Context(), entries) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
	group.Wait()
}

// follow reads up to a seq and checks that nothing is missing and nothing comes twice.
func follow(ctx context.Context, log eventlog.Log, after, upTo int64, filter eventlog.Filter, limit int) error {
	follower := log.Follow(after)
	for last := after; follower.After() < upTo; {
		events, err := follower.Next(ctx, filter, limit)
		if err != nil {
			return err
		}
		for _, e := range events {
			for last++; last < e.Seq; last++ {
				if len(filter.Streams) == 0 || last%5 == 2 || last%5 == 3 {
					return fmt.Errorf("event %d is missing before %d", last, e.Seq)
				}
			}
			if last != e.Seq {
				return fmt.Errorf("event %d came after %d", e.Seq, last)
			}
		}
	}
	return nil
}

func testFollowEnds(t *testing.T, open Open) {
	log, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := log.Follow(0).Next(ctx, eventlog.Filter{}, 1)
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("a follower ended with %v", err)
	}
	woken := make(chan error)
	go func() {
		events, err := log.Follow(0).Next(t.Context(), eventlog.Filter{}, 1)
		if err == nil && (len(events) != 1 || events[0].Seq != 1) {
			err = fmt.Errorf("got %+v", events)
		}
		woken <- err
	}()
	add(t, log, event("task:a", 1))
	if err := <-woken; err != nil {
		t.Error(err)
	}
}
