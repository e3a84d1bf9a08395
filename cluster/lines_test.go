package cluster

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// What nodes add comes to all, in one order, from where each was. The same again is not added twice.
func TestLinesComeToAllNodes(t *testing.T) {
	n := lone(t)
	ctx := t.Context()
	before := time.Now().Unix()
	one, other := n.Lines(), n.Lines()
	var places []int64
	for _, id := range []string{"x", "y", "y", "z"} {
		place, err := one.Add(ctx, id, []byte(id))
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, place)
	}
	if places[0] < before || places[1] != places[0]+1 || places[2] != places[1] || places[3] != places[1]+1 {
		t.Errorf("places %d, begun at %d", places, before)
	}
	for name, c := range map[string]struct {
		after int64
		want  string // of what was there
	}{
		"a new node":               {0, "xyz"},
		"a node that was away":     {places[0], "yz"},
		"a node of another stream": {places[3] + 100, "xyz"},
		"a node that has all":      {places[3], ""},
	} {
		ctx, cancel := context.WithCancel(ctx)
		ended, got, failed := make(chan struct{}), make(chan string, 10), false
		go func() {
			defer close(ended)
			other.Follow(ctx, c.after, func(_ int64, batch []byte) error {
				if string(batch) == "z" && !failed { // it comes again
					failed = true
					return errors.New("no room")
				}
				got <- string(batch)
				return nil
			})
		}()
		for _, want := range c.want {
			if have := <-got; have != string(want) {
				t.Errorf("%s: %s came, not %c", name, have, want)
			}
		}
		cancel()
		<-ended
		if len(got) > 0 {
			t.Errorf("%s: %s came too", name, <-got)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended, got := make(chan struct{}), make(chan string, 1)
	go func() {
		defer close(ended)
		other.Follow(ctx, places[3], func(place int64, batch []byte) error {
			got <- fmt.Sprint(place-places[3], " ", string(batch))
			return nil
		})
	}()
	if _, err := one.Add(ctx, "new", []byte("new")); err != nil {
		t.Fatal(err)
	}
	if have := <-got; have != "1 new" {
		t.Errorf("%s came", have)
	}
	cancel()
	<-ended
}
