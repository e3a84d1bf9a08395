package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/projection"
)

func adminToken(name string) projection.Token {
	t := projection.Token{Name: name, Role: projection.Admin}
	copy(t.Hash[:], name)
	return t
}

func TestTokensAreCreatedAndRevokedOnceEach(t *testing.T) {
	bubble(t, func(t *testing.T, log *eventlogtest.Memory) {
		b := open(t, log, Options{})
		ctx := t.Context()
		viewer := adminToken("viewer")
		viewer.Role = projection.Viewer
		if err := b.s.CreateToken(ctx, "anonymous", viewer); !errors.Is(err, ErrFirstToken) {
			t.Errorf("the first token may be a viewer's: %v", err)
		}
		// Many at once: of one name only one comes to be.
		var all sync.WaitGroup
		var mu sync.Mutex
		made := map[string]int{}
		for i := range 40 {
			all.Go(func() {
				name := fmt.Sprint("t", i%4)
				one := adminToken(name)
				one.Hash[30] = byte(i)
				if err := b.s.CreateToken(ctx, "anonymous", one); err == nil {
					mu.Lock()
					made[name]++
					mu.Unlock()
				} else if !errors.Is(err, ErrTokenExists) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for i := range 4 {
			if n := made[fmt.Sprint("t", i)]; n != 1 {
				t.Errorf("t%d was created %d times", i, n)
			}
		}
		if err := b.s.CreateToken(ctx, "token:t0", viewer); err != nil {
			t.Error(err)
		}
		for i := range 3 {
			if err := b.s.RevokeToken(ctx, "token:t3", fmt.Sprint("t", i)); err != nil {
				t.Error(err)
			}
		}
		if err := b.s.RevokeToken(ctx, "token:t3", "t0"); !errors.Is(err, ErrNoToken) {
			t.Error(err)
		}
		if err := b.s.RevokeToken(ctx, "token:t3", "t3"); !errors.Is(err, ErrLastAdmin) {
			t.Error(err)
		}
		for _, name := range []string{"viewer", "t3"} {
			if err := b.s.RevokeToken(ctx, "token:t3", name); err != nil {
				t.Error(err)
			}
		}
		if b.s.o.Views.Tokens().Any() {
			t.Error("there is a token")
		}
		if err := b.s.CreateToken(ctx, "anonymous", adminToken("t3")); err != nil { // its stream goes on
			t.Error(err)
		}
		if err := b.stop(); err != nil {
			t.Error(err)
		}
		versions := map[string]int64{}
		page, err := log.Read(context.Background(), 0, eventlog.Filter{}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			if versions[e.Stream]++; e.Version != versions[e.Stream] {
				t.Errorf("%s has version %d after %d", e.Stream, e.Version, versions[e.Stream]-1)
			}
		}
	})
}
