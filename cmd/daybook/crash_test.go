package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"daybook/client"
	"daybook/internal/freeaddr"
)

var kills = flag.Int("kills", 5, "how often the crash test kills the server")

const (
	crashLoaders = 6
	// settleTime is how long the tasks may take to end after the last kill: those that may
	// have killed the server run one at a time.
	settleTime = 10 * time.Minute
)

// TestNothingAcknowledgedIsLost kills the server again and again while it is loaded, also
// while it starts and in the very moment of an acknowledgement, and compares what the log says in the end with what was acknowledged.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	dir, addr := t.TempDir(), freeaddr.Find(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d kills", seed, *kills)
	random := rand.New(rand.NewPCG(seed, 0))
	server, err := client.New("http://"+addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	start := func() *process {
		p, err := startServer(dir, os.Environ(), "--addr", addr, "--data", "data", "--quiet", "--grace", "1s", "--concurrency", "100")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
		return p
	}
	o := newOracle()
	loading, stopLoading := context.WithCancel(t.Context())
	defer stopLoading()
	var loaders sync.WaitGroup
	for i := range crashLoaders {
		l := &loader{server: server, oracle: o, random: rand.New(rand.NewPCG(seed, uint64(i)+1)), name: fmt.Sprintf("loader%d", i)}
		loaders.Go(func() { l.run(loading) })
	}
	following, stopFollowing := context.WithCancel(t.Context())
	defer stopFollowing()
	var followers sync.WaitGroup
	f := &follower{server: server}
	followers.Go(func() { f.run(following) })

	for i := range *kills {
		p := start()
		if i%4 == 3 { // while it starts
			pause(random, 0, 150*time.Millisecond)
		} else {
			if err := p.ready(patience); err != nil {
				t.Fatal(err)
			}
			pause(random, 20*time.Millisecond, 600*time.Millisecond)
			o.awaitMoment([]string{"", "submitted", "cancelling"}[i%4])
		}
		if code, err := p.stop(syscall.SIGKILL, patience); err != nil || code != -1 {
			t.Fatalf("server ended by itself with exit code %d (%v):\n%s", code, err, p.stderr.String())
		}
	}

	p := start()
	if err := p.ready(patience); err != nil {
		t.Fatal(err)
	}
	stopLoading()
	loaders.Wait()
	o.await(t, server)
	seen := readWholeLog(t, server)
	o.compare(t, server, seen)
	f.awaitHead(t, seen.last)
	stopFollowing()
	followers.Wait()
	f.compare(t, seen)
	if v, err := server.Verify(t.Context()); err != nil || !v.OK || v.Events < seen.last {
		t.Errorf("verify: %+v, %v", v, err)
	}
	if code, err := p.stop(syscall.SIGTERM, patience); err != nil || code != exitDone {
		t.Errorf("stop in order: exit code %d, %v:\n%s", code, err, p.stderr.String())
	}
	verify := exec.Command("daybook", "verify", "--data", "data")
	verify.Dir = dir
	if out, err := verify.CombinedOutput(); err != nil {
		t.Errorf("daybook verify --data: %v\n%s", err, out)
	}
	t.Logf("%d acknowledged tasks, %d events, %d cancels, %d repeated submits", len(o.tasks), seen.last, o.cancels, o.repeats)
}

// pause waits a random time. The moments of the kills are the point of the test.
func pause(random *rand.Rand, from, to time.Duration) {
	time.Sleep(from + time.Duration(random.Int64N(int64(to-from))))
}

// loader does random things to the server and tells the oracle what was acknowledged.
type loader struct {
	server *client.Client
	oracle *oracle
	random *rand.Rand
	name   string
	n      int
}

func (l *loader) run(ctx context.Context) {
	for ctx.Err() == nil {
		l.n++
		var err error
		switch dice := l.random.IntN(12); {
		case dice < 4:
			err = l.submitWithKey(ctx)
		case dice < 6:
			err = l.submit(ctx)
		case dice < 8:
			err = l.batch(ctx)
		case dice < 9:
			err = l.cancel(ctx)
		case dice < 11:
			err = l.submitUnique(ctx)
		default:
			err = l.retry(ctx)
		}
		if err != nil {
			pause(l.random, 10*time.Millisecond, 50*time.Millisecond) // nobody is there
		} else {
			pause(l.random, 0, 40*time.Millisecond)
		}
	}
}

func (l *loader) task() client.Submit {
	base := 0.02
	return client.Submit{
		TaskType: "SLEEP",
		Parameters: map[string]any{
			"seconds":   float64(l.random.IntN([]int{20, 60, 400}[l.random.IntN(3)])) / 1000,
			"fail_rate": []float64{0, 0, 0.3}[l.random.IntN(3)],
			"result":    map[string]any{"by": l.name, "n": l.n},
		},
		Priority: l.random.IntN(5),
		Backoff:  &client.Backoff{Kind: "constant", BaseSeconds: &base},
		Tags:     []string{l.name},
	}
}

// submitWithKey submits until it is acknowledged, whatever happens to the server.
func (l *loader) submitWithKey(ctx context.Context) error {
	s := l.task()
	s.IdempotencyKey = fmt.Sprintf("%s-%d", l.name, l.n)
	l.oracle.tried(s.IdempotencyKey)
	for {
		done, err := l.server.Submit(ctx, s)
		if err == nil {
			l.oracle.acknowledged(s.IdempotencyKey, done.ID)
			if l.random.IntN(4) > 0 {
				return nil
			}
			continue // and once more, to see that it is the same task
		}
		if ctx.Err() != nil {
			return err
		}
		if status := client.StatusOf(err); status != 0 && status != 503 {
			l.oracle.object("submit with a key: %v", err)
			return err
		}
		l.oracle.repeated()
		pause(l.random, 10*time.Millisecond, 50*time.Millisecond)
	}
}

func (l *loader) submit(ctx context.Context) error {
	done, err := l.server.Submit(ctx, l.task())
	if err == nil {
		l.oracle.acknowledged("", done.ID)
	}
	return err
}

func (l *loader) batch(ctx context.Context) error {
	batch := make([]client.Submit, 1+l.random.IntN(20))
	for i := range batch {
		batch[i] = l.task()
	}
	tasks, err := l.server.SubmitBatch(ctx, batch)
	for _, t := range tasks {
		l.oracle.acknowledged("", t.ID)
	}
	return err
}

func (l *loader) cancel(ctx context.Context) error {
	id := l.oracle.anyone(l.random)
	if id == "" {
		return nil
	}
	answer, err := l.server.Cancel(ctx, id)
	switch client.StatusOf(err) {
	case 400:
		return nil // it has ended
	case 404:
		l.oracle.object("cancel of acknowledged task %s: %v", id, err)
	}
	if err == nil {
		l.oracle.cancelled(id, answer.Status == client.Running)
	}
	return err
}

func (l *loader) retry(ctx context.Context) error {
	id := l.oracle.anyone(l.random)
	if id == "" {
		return nil
	}
	_, err := l.server.Retry(ctx, id)
	switch client.StatusOf(err) {
	case 400, 409:
		return nil // it has not ended, or well; or another task holds its unique key
	case 404:
		l.oracle.object("retry of acknowledged task %s: %v", id, err)
	}
	if err == nil {
		l.oracle.retried(id)
	}
	return err
}
