package client_test

import (
	"context"
	"errors"
	"sync"
	"testing"
)

func TestWhoGathersInPlaceOfOneThatLeftIsSent(t *testing.T) {
	_, s, p := tapped(t)
	var wg sync.WaitGroup
	gate := holdTwo(t, s, p, &wg)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { _, err := s.Submit(ctx, tagged("left")); left <- err }()
	for s.Gathered() < 1 {
	}
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left: %v", err)
	}
	wg.Go(func() {
		if _, err := s.Submit(t.Context(), tagged("came")); err != nil {
			t.Errorf("who came after: %v", err)
		}
	})
	for s.Gathered() < 1 {
	}
	close(gate)
	wg.Wait()
}
