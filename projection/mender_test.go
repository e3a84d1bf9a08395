package projection

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/task"

	"pgregory.net/rapid"
)

// published is the log of a ledger as it was when that was last published: other goroutines
// read it.
type published struct {
	tape
	latest atomic.Pointer[tape]
}

func publish(l *ledger) *published {
	p := &published{}
	p.latest.Store(&tape{events: l.events})
	return p
}

func (p *published) Head() eventlog.Head { return p.latest.Load().Head() }
func (p *published) Events(ctx context.Context, seqs []int64) ([]*eventlog.Event, error) {
	return p.latest.Load().Events(ctx, seqs)
}
func (p *published) Payload(ctx context.Context, seq int64) ([]byte, error) {
	return p.latest.Load().Payload(ctx, seq)
}
func (p *published) Payloads(ctx context.Context, seqs []int64, fn func(int, []byte, error) error) error {
	return p.latest.Load().Payloads(ctx, seqs, fn)
}
func (p *published) Scan(ctx context.Context, after int64, fn func(*eventlog.Event) error) error {
	return p.latest.Load().Scan(ctx, after, fn)
}

// goOn lets the ledger go on, and applies that to the views, whose keeper runs.
func goOn(rt *rapid.T, l *ledger, p *published, v *Views) {
	from := len(l.events)
	wander(rt, l)
	p.latest.Store(&tape{events: l.events})
	if err := v.Apply(l.events[from:]); err != nil {
		rt.Fatal(err)
	}
}

// keptOnDisk makes views of which ended tasks have left memory, and returns one of them.
func keptOnDisk(rt *rapid.T, t *testing.T, l *ledger, dir string) (gone task.Task) {
	v := openKept(t, growing{l: l}, dir, 0)
	l.alone = true // or it is looked up for those that depend on it
	for gone.ID == (task.Task{}).ID {
		from := len(l.events)
		wander(rt, l)
		applyIn(rt, v, l.events[from:])
		checkpointNow(rt, v)
		page, err := v.List(t.Context(), Query{Statuses: []task.Status{task.Success, task.Failed, task.Cancelled}, Limit: 100})
		if err != nil {
			rt.Fatal(err)
		}
		for _, one := range page.Tasks {
			if v.peek(one.ID) == nil {
				gone = one
			}
		}
	}
	closeViews(rt, v)
	return gone
}

// openMended opens the views as Open does.
func openMended(t *testing.T, log eventlog.Log, dir string) *Views {
	o := Options{Dir: dir, Logger: quiet}
	v, err := open(t.Context(), log, o)
	if err != nil {
		t.Fatal(err)
	}
	startMender(v, log, o)
	v.mender.patience = 0
	return v
}

// damagedAt opens the views after a bit of the task in the file has changed, in a page that
// is read when somebody asks for the task, not before.
func damagedAt(rt *rapid.T, t *testing.T, dir string, gone task.Task, log eventlog.Log) *Views {
	path := filepath.Join(dir, fileName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; ; at++ {
		next := bytes.Index(whole[at:], []byte(gone.Name()))
		if next < 0 {
			rt.Fatal("no page of the task is read for it alone")
		}
		at += next
		bad := bytes.Clone(whole)
		bad[at+15] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := open(t.Context(), log, Options{Dir: dir, Logger: quiet})
		if unusable(err) {
			continue
		}
		if err != nil {
			rt.Fatal(err)
		}
		startMender(v, log, Options{Dir: dir, Logger: quiet})
		v.mender.patience = 0
		if _, _, err := v.Get(t.Context(), gone.ID); errors.Is(err, ErrRebuilding) {
			return v
		}
		closeViews(rt, v)
	}
}

// A bit of the file changes that is read only when somebody asks for the task.
func TestAFileThatIsFoundDamagedIsMadeAgainWhileTheViewsGoOn(t *testing.T) {
	t.Parallel() // it waits for the disk most of the time
	rapid.Check(t, func(rt *rapid.T) {
		l := newLedger(t)
		dir, err := os.MkdirTemp(t.TempDir(), "views")
		if err != nil {
			t.Fatal(err)
		}
		gone := keptOnDisk(rt, t, l, dir)
		log := publish(l)
		v := damagedAt(rt, t, dir, gone, log)
		if _, err := v.Find(gone.ID); !errors.Is(err, ErrRebuilding) {
			rt.Errorf("as the writer sees it: %v", err)
		}
		if _, err := v.FindByKey("a key that nobody used"); !errors.Is(err, ErrRebuilding) {
			rt.Errorf("a key: %v", err)
		}
		if _, err := v.List(t.Context(), Query{Limit: 10}); !errors.Is(err, ErrRebuilding) {
			rt.Errorf("a list: %v", err)
		}
		if _, err := v.List(t.Context(), Query{Statuses: []task.Status{task.Pending, task.Running}, Limit: 10}); err != nil {
			rt.Errorf("a list of what is in memory: %v", err)
		}
		<-v.Mended()
		if rapid.Bool().Draw(rt, "while it is idle") {
			if err := v.Adopt(); err != nil {
				rt.Fatal(err)
			}
		} else {
			goOn(rt, l, log, v)
			if err := v.Adopt(); err != nil { // of no events
				rt.Fatal(err)
			}
		}
		if got, _, err := v.Get(t.Context(), gone.ID); err != nil || got.SubmitSeq != gone.SubmitSeq {
			rt.Errorf("rebuilt: %v, %v", got, err)
		}
		goOn(rt, l, log, v)
		sameTasks(rt, l.views, v, l.now)
		sameLists(rt, l, v)
		closeViews(rt, v)
		again := openKept(t, growing{l: l}, dir, 0)
		sameTasks(rt, l.views, again, l.now)
		sameLists(rt, l, again)
		closeViews(rt, again)
	})
}

func TestViewsStayInMemoryWhileThereCanBeNoFile(t *testing.T) {
	t.Parallel() // it waits for the disk most of the time
	rapid.Check(t, func(rt *rapid.T) {
		l := newLedger(t)
		dir, err := os.MkdirTemp(t.TempDir(), "views")
		if err != nil {
			t.Fatal(err)
		}
		keptOnDisk(rt, t, l, dir)
		log := publish(l)
		v := openMended(t, log, dir)
		// In the place of the file is a folder that cannot be removed.
		path := filepath.Join(dir, fileName)
		if err := errors.Join(os.Remove(path), os.MkdirAll(filepath.Join(path, "full"), 0o700)); err != nil {
			t.Fatal(err)
		}
		v.mender.lastTry = time.Millisecond
		v.keeper.fail(errors.New("attempt to write a readonly database"))
		for _, want := range []string{"memory", "ok"} {
			<-v.Mended()
			if err := v.Adopt(); err != nil {
				rt.Fatal(err)
			}
			for v.Health().State != want {
				runtime.Gosched() // the mender is about to see that they were adopted
			}
			goOn(rt, l, log, v)
			sameTasks(rt, l.views, v, l.now)
			sameLists(rt, l, v)
			if want == "memory" { // now it can
				if err := os.Remove(filepath.Join(path, "full")); err != nil {
					t.Fatal(err)
				}
			}
		}
		closeViews(rt, v)
	})
}
