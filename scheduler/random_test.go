package scheduler

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/projection"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
)

// chaos does things to a scheduler at random, with appends that take long and find no room.
type chaos struct {
	b   *bench
	log *heldLog
	r   *rand.Rand

	commands []*asked
	tags     []string // of the submit that is command i, "" for another
	ids      []ulid.ULID

	mu      sync.Mutex
	running int // handlers; guarded by mu
	most    int // guarded by mu
	gates   []chan error
}

func (c *chaos) run(ctx context.Context, a Attempt) (Outcome, error) {
	gate := make(chan error, 1)
	c.mu.Lock()
	c.running++
	c.most = max(c.most, c.running)
	c.gates = append(c.gates, gate)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.running--
		c.mu.Unlock()
	}()
	a.Report(50, "half")
	select {
	case err := <-gate:
		return Outcome{Result: []byte("1")}, err
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
}

// step does one thing.
func (c *chaos) step() {
	switch c.r.IntN(12) {
	case 0, 1, 2:
		c.submit()
	case 3, 4:
		c.command()
	case 5, 6, 7:
		c.openGate()
	case 8, 9:
		select {
		case c.log.gate <- nil:
			synctest.Wait()
		default:
		}
	case 10:
		c.log.full.Store(c.r.IntN(3) == 0)
		c.log.reserve.Store(c.r.IntN(2) == 0)
	case 11:
		time.Sleep(time.Duration(c.r.IntN(700)) * time.Millisecond)
	}
}

func (c *chaos) submit() {
	submits := make([]task.Submit, 1+c.r.IntN(3))
	tag := fmt.Sprint("s", len(c.commands))
	for i := range submits {
		s := task.Submit{Type: "T", Tags: []string{tag}, Priority: c.r.IntN(3), MaxAttempts: 2, Backoff: &task.Backoff{
			Kind: task.Constant, Base: task.Second, Max: task.Second, NoJitter: true}}
		if c.r.IntN(4) == 0 {
			s.IdempotencyKey, s.RequestHash = fmt.Sprint("k", c.r.IntN(5)), [32]byte{1}
		}
		if c.r.IntN(8) == 0 {
			s.Tags = append(s.Tags, "bad") // the log refuses it
		}
		s.Unique = anyUnique(c.r)
		if len(c.ids) > 0 && c.r.IntN(8) == 0 {
			s.RetryOf = c.ids[max(0, len(c.ids)-1-c.r.IntN(6))]
		}
		if c.r.IntN(4) == 0 {
			s.RunAt = task.MicrosOf(time.Now().Add(time.Second))
		}
		submits[i] = s
	}
	c.commands, c.tags = append(c.commands, c.b.ask(submits...)), append(c.tags, tag)
	c.ids = append(c.ids, c.log.inFlight()...)
}

func (c *chaos) command() {
	if len(c.ids) == 0 {
		return
	}
	command := []task.Command{task.Cancel{}, task.Retry{}, task.Reprioritise{Priority: 5},
		task.Snooze{Until: task.MicrosOf(time.Now().Add(time.Second))}}[c.r.IntN(4)]
	id := c.ids[max(0, len(c.ids)-1-c.r.IntN(6))]
	c.commands, c.tags = append(c.commands, c.b.askDo(id, command)), append(c.tags, "")
}

// openGate lets one handler return.
func (c *chaos) openGate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.gates) == 0 {
		return
	}
	i := c.r.IntN(len(c.gates))
	gate := c.gates[i]
	c.gates = append(c.gates[:i], c.gates[i+1:]...)
	if c.r.IntN(4) == 0 {
		gate <- errors.New("no luck")
	} else {
		gate <- nil
	}
}

// finish makes room and lets everything end.
func (c *chaos) finish() {
	c.log.full.Store(false)
	c.log.release()
	for range 100 {
		time.Sleep(time.Second)
		for range 20 {
			c.openGate()
		}
		synctest.Wait()
	}
}

// TestWhateverHappensNothingAcknowledgedIsLostAndNoSlotIsTakenTwice also holds the views
// against the log.
func TestWhateverHappensNothingAcknowledgedIsLostAndNoSlotIsTakenTwice(t *testing.T) {
	var seen uniqueLog
	defer func() {
		if seen.replaced == 0 || seen.behind == 0 || seen.retried == 0 {
			t.Errorf("of unique tasks %d were replaced, %d retried, and %d times one waited for another: too few to learn from",
				seen.replaced, seen.retried, seen.behind)
		}
	}()
	for seed := range uint64(60) {
		bubble(t, func(t *testing.T, memory *eventlogtest.Memory) {
			log := newHeld(&pickyLog{memory, refusing("task.submitted", "bad")})
			const slots = 3
			b := open(t, log, Options{Concurrency: slots})
			c := &chaos{b: b, log: log, r: rand.New(rand.NewPCG(seed, 1))}
			b.does["T"] = c.run
			log.holding.Store(true)
			if seed%2 == 1 { // each command of an idle log is a round
				b.s.early = 1
			}
			for range 150 {
				c.step()
				if n := b.s.State().Running; n < 0 || n > slots {
					t.Fatalf("seed %d: %d of %d slots are taken", seed, n, slots)
				}
			}
			c.finish()
			if c.most > slots {
				t.Errorf("seed %d: %d handlers ran at a time, there are %d slots", seed, c.most, slots)
			}
			if n := b.s.State().Running; n != 0 {
				t.Errorf("seed %d: %d slots are taken at the end", seed, n)
			}
			c.check(t, seed)
			u := checkUnique(t, seed, memory)
			seen.replaced, seen.behind, seen.retried = seen.replaced+u.replaced, seen.behind+u.behind, seen.retried+u.retried
			if err := b.stop(); err != nil {
				t.Fatalf("seed %d: run: %v", seed, err)
			}
		})
	}
}

// check holds the answers against the log.
func (c *chaos) check(t *testing.T, seed uint64) {
	t.Helper()
	fresh, err := projection.Rebuild(t.Context(), c.b.log, nil)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	inLog := map[string]int{}
	page, err := c.b.log.Read(t.Context(), 0, eventlog.Filter{Types: []string{"task.submitted"}}, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Events {
		for _, tag := range c.tags {
			if tag != "" && strings.Contains(string(e.Data), `"`+tag+`"`) {
				inLog[tag]++
			}
		}
		id, _ := task.ParseStream(e.Stream)
		live, _, err := c.b.s.o.Views.Get(t.Context(), id)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		folded, _, err := fresh.Get(t.Context(), id)
		if diff := cmp.Diff(folded, live); diff != "" || err != nil {
			t.Errorf("seed %d: the views do not say what the log does: %s %v", seed, diff, err)
		}
		if !live.Status.Ended() {
			t.Errorf("seed %d: task is %s at the end: %s", seed, live.Status, c.b.history(id))
		}
	}
	for i, a := range c.commands {
		if !a.answered() {
			t.Errorf("seed %d: command %d was never answered", seed, i)
			continue
		}
		c.checkAnswer(t, seed, a, inLog[c.tags[i]], c.tags[i])
	}
}

func (c *chaos) checkAnswer(t *testing.T, seed uint64, a *asked, inLog int, tag string) {
	t.Helper()
	want := 0
	for _, s := range a.got {
		if a.err != nil || tag == "" {
			break
		}
		stored, _, err := c.b.s.o.Views.Get(t.Context(), s.Task.ID)
		if err != nil {
			t.Errorf("seed %d: %s was acknowledged and is not there: %v", seed, s.Task.Name(), err)
		}
		if stored.SubmitSeq != s.Task.SubmitSeq {
			t.Errorf("seed %d: it was answered with seq %d and is at %d", seed, s.Task.SubmitSeq, stored.SubmitSeq)
		}
		if !s.old() {
			want++
		}
	}
	if tag != "" && inLog != want {
		t.Errorf("seed %d: %d tasks of a submit are in the log, its answer (%v) says %d", seed, inLog, a.err, want)
	}
}
