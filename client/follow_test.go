package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"daybook/client"
)

// cutter passes connections on to a server and cuts each after a random number of bytes
// of its answer, so that messages are cut in the middle too.
type cutter struct {
	listener net.Listener
	to       string
	most     int64 // bytes
	cuts     atomic.Int64
	wait     sync.WaitGroup
}

func cut(t *testing.T, to string, most int64) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: l, to: strings.TrimPrefix(to, "http://"), most: most}
	c.wait.Go(c.run)
	t.Cleanup(func() { l.Close(); c.wait.Wait() })
	return c
}

func (c *cutter) run() {
	for {
		in, err := c.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", c.to)
		if err != nil {
			in.Close()
			continue
		}
		c.wait.Go(func() {
			_, _ = io.Copy(out, in)
			out.Close()
		})
		c.wait.Go(func() {
			if _, err := io.CopyN(in, out, 1+rand.Int64N(c.most)); err == nil {
				c.cuts.Add(1)
			}
			in.Close()
			out.Close()
		})
	}
}

func TestFollowHasNoGapAndNoRepeatOverConnectionsThatBreakAnywhere(t *testing.T) {
	web := serve(t)
	direct, err := client.New(web.URL, web.Client())
	if err != nil {
		t.Fatal(err)
	}
	proxy := cut(t, web.URL, 20_000)
	broken, err := client.New("http://"+proxy.listener.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var again atomic.Int64
	broken.Reconnecting = func(error) { again.Add(1) }
	const tasks = 500
	go func() { // ends long before the stream below has seen all
		for i := range tasks / 10 {
			batch := slices.Repeat([]client.Submit{sleep(i)}, 10)
			if _, err := direct.SubmitBatch(t.Context(), batch); err != nil {
				t.Error(err)
			}
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got []client.Event
	ended := 0
	for e, err := range broken.Follow(ctx, client.FollowQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e)
		if e.Type == "task.succeeded" {
			ended++
		}
		if ended == tasks {
			break
		}
	}
	n := 0
	for e, err := range direct.Log(t.Context(), client.LogQuery{Limit: len(got)}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; e.Seq != int64(n) || string(e.Raw) != string(got[n-1].Raw) {
			t.Fatalf("event %d of the log:\n%s\nof the stream:\n%s", n, e.Raw, got[n-1].Raw)
		}
	}
	if n != len(got) || proxy.cuts.Load() < 10 || again.Load() < 10 {
		t.Errorf("%d events, %d followed, %d cuts, %d times back", n, len(got), proxy.cuts.Load(), again.Load())
	}
}

func TestFollowFromTheHeadAndThroughAFilter(t *testing.T) {
	web := serve(t)
	direct, err := client.New(web.URL, web.Client())
	if err != nil {
		t.Fatal(err)
	}
	before, err := direct.SubmitAndWait(t.Context(), sleep("before"))
	if err != nil {
		t.Fatal(err)
	}
	proxy := cut(t, web.URL, 3000)
	broken, err := client.New("http://"+proxy.listener.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	started := make(chan struct{})
	go func() {
		<-started
		for range 30 {
			if _, err := direct.SubmitAndWait(ctx, sleep("after")); err != nil {
				t.Error(err)
			}
		}
	}()
	var seqs []int64
	all := broken.Follow(ctx, client.FollowQuery{After: before.LastSeq, Types: []string{"task.succeeded"}})
	close(started)
	for e, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type != "task.succeeded" || e.Seq <= before.LastSeq {
			t.Errorf("got %s", e.Raw)
		}
		if seqs = append(seqs, e.Seq); len(seqs) == 30 {
			break
		}
	}
	if !slices.IsSorted(seqs) || len(slices.Compact(slices.Clone(seqs))) != 30 {
		t.Errorf("got %v", seqs)
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	c := connect(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range c.Follow(ctx, client.FollowQuery{}) { // server.started is there
		last = err
		cancel()
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("it ended with %v", last)
	}
}

func TestFollowBeyondTheHeadIsAReset(t *testing.T) {
	c := connect(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, err := range c.Follow(ctx, client.FollowQuery{After: 1_000_000}) {
		if !errors.Is(err, client.ErrReset) {
			t.Errorf("got %v", err)
		}
	}
}

func TestFollowEndsAtARefusal(t *testing.T) {
	c := connect(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, err := range c.Follow(ctx, client.FollowQuery{Types: []string{"task.nonsense"}}) {
		if client.StatusOf(err) != 400 {
			t.Errorf("got %v", err)
		}
	}
	for _, err := range c.Watch(ctx, "01ARZ3NDEKTSV4RRFFQ69G5FAV") {
		if client.StatusOf(err) != 404 {
			t.Errorf("got %v", err)
		}
	}
}

// lowAddr is an address on which nobody listens. Its port is below those that the kernel gives
// to outgoing connections, so that none of them takes it.
func lowAddr(t *testing.T) string {
	t.Helper()
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err == nil {
			l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port from 10000 to 29999 is free")
	return ""
}

func TestFollowWaitsForAServerThatIsNotThere(t *testing.T) {
	web := serve(t)
	addr := lowAddr(t)
	c, err := client.New("http://"+addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	c.Reconnecting = func(error) {
		once.Do(func() {
			l, err := net.Listen("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			p := &cutter{listener: l, to: strings.TrimPrefix(web.URL, "http://"), most: 1 << 40}
			p.wait.Go(p.run)
			t.Cleanup(func() { l.Close(); p.wait.Wait() })
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for e, err := range c.Follow(ctx, client.FollowQuery{}) {
		if err != nil || e.Seq != 1 {
			t.Errorf("%+v, %v", e, err)
		}
		break
	}
}

func TestWatchShowsATaskFromItsStateToItsEnd(t *testing.T) {
	c := connect(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	watch := func(submit client.Submit, moves func(moved int, id string)) (last client.Task, moved int) {
		submitted, err := c.Submit(ctx, submit)
		if err != nil {
			t.Fatal(err)
		}
		for task, err := range c.Watch(ctx, submitted.ID) {
			if err != nil {
				t.Fatal(err)
			}
			if task.Progress < last.Progress {
				t.Errorf("progress went from %v to %v", last.Progress, task.Progress)
			}
			if task.Progress > last.Progress {
				moved++
				moves(moved, task.ID)
			}
			last = task
		}
		return last, moved
	}
	if last, _ := watch(sleep("done"), func(int, string) {}); last.Status != client.Success || last.Progress != 100 {
		t.Errorf("it ends as %s at %v", last.Status, last.Progress)
	}
	// A long one moves as often as the test wants to see it, however slow the machine is.
	last, moved := watch(long(), func(moved int, id string) {
		if moved == 3 {
			if _, err := c.Cancel(ctx, id); err != nil {
				t.Fatal(err)
			}
		}
	})
	if last.Status != client.Cancelled || moved < 3 {
		t.Errorf("it ends as %s after it moved %d times", last.Status, moved)
	}
}

func TestWatchAllTellsWhatChanged(t *testing.T) {
	c := connect(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	page, err := c.ListPage(ctx, client.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	submitted, err := c.Submit(ctx, sleep(1))
	if err != nil {
		t.Fatal(err)
	}
	for update, err := range c.WatchAll(ctx, page.Seq) {
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(update.Rows, func(t client.Task) bool { return t.ID == submitted.ID && t.Status == client.Success }) {
			return
		}
	}
}

func TestLogAndHistoryAndVerify(t *testing.T) {
	c, ctx := connect(t), t.Context()
	done, err := c.SubmitAndWait(ctx, sleep("hello"))
	if err != nil {
		t.Fatal(err)
	}
	history, err := c.History(ctx, done.ID, client.HistoryQuery{Payload: true})
	if err != nil || int64(len(history)) != done.Version {
		t.Fatalf("%d events, %v", len(history), err)
	}
	last := history[len(history)-1]
	if last.Type != "task.succeeded" || string(last.Payload) != `"hello"` || last.Seq != done.LastSeq || last.Stream != "task:"+done.ID {
		t.Errorf("last: %s", last.Raw)
	}
	var types []string
	for e, err := range c.Log(ctx, client.LogQuery{Streams: []string{last.Stream}, Types: []string{"task.submitted", "task.succeeded"}}) {
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, e.Type)
	}
	if !slices.Equal(types, []string{"task.submitted", "task.succeeded"}) {
		t.Errorf("got %v", types)
	}
	v, err := c.Verify(ctx)
	if err != nil || !v.OK || v.Events < done.LastSeq || v.Detail != nil {
		t.Errorf("%s, %v", v.Raw, err)
	}
}

func TestWaitMissesNoEndHoweverCloseItIs(t *testing.T) {
	c := connect(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var waiters sync.WaitGroup
	for range 8 {
		waiters.Go(func() {
			for range 60 {
				submitted, err := c.Submit(ctx, client.Submit{TaskType: "SLEEP", Parameters: map[string]any{"seconds": 0.001 * rand.Float64() * 4}})
				if err == nil {
					_, err = c.Wait(ctx, submitted.ID)
				}
				if err != nil {
					t.Errorf("task %s: %v", submitted.ID, err)
					return
				}
			}
		})
	}
	waiters.Wait()
}
