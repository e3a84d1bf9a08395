package projection

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/task"

	"pgregory.net/rapid"
)

// TestThePastIsWhatTheViewsWere compares views of the past, in memory and in files, with what live views showed at
// that moment, in any order of moments and from several readers at once.
func TestThePastIsWhatTheViewsWere(t *testing.T) {
	type sight struct {
		seq   int64
		wall  task.Micros
		shown snapshot
	}
	rapid.Check(t, func(rt *rapid.T) {
		l := newLedger(t)
		var sights []sight
		for range rapid.IntRange(2, 6).Draw(rt, "stretches") {
			wander(rt, l)
			l.views.Promote(l.now)
			l.views.OpenKeys(l.now)
			one := sight{int64(len(l.events)), l.now, snapshotOf(rt, l.views, l.now)}
			one.shown.Changed = nil
			sights = append(sights, one)
		}
		p := NewPast(timedTape{tape{events: l.events}}, t.TempDir(), quiet)
		p.inMemory = int64(rapid.SampledFrom([]int{0, 20, 1000}).Draw(rt, "in memory"))
		var one sync.Mutex // a snapshot calls what is for the writer only
		ask := func(s sight) error {
			v, release, err := p.At(t.Context(), s.seq, s.wall)
			if errors.Is(err, ErrPastBusy) {
				return nil
			}
			if err != nil {
				return err
			}
			defer release()
			if _, err := v.List(t.Context(), Query{Limit: 10}); err != nil { // as readers do
				return err
			}
			v.Counts()
			v.WaitCounts(s.wall)
			one.Lock()
			defer one.Unlock()
			got := snapshotOf(rt, v, s.wall)
			got.Changed = nil
			if diff := diffOf(s.shown, got); diff != "" {
				return errors.New("event " + time.UnixMicro(int64(s.wall)).String() + " (-then +now):\n" + diff)
			}
			return nil
		}
		var running sync.WaitGroup
		failed := make([]error, 4)
		for i := range failed {
			s := rapid.SampledFrom(sights).Draw(rt, "moment")
			running.Go(func() { failed[i] = ask(s) })
			if rapid.Bool().Draw(rt, "alone") {
				running.Wait()
			}
		}
		running.Wait()
		if err := errors.Join(failed...); err != nil {
			rt.Fatal(err)
		}
		if err := p.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

// timedTape is a tape whose head has a time.
type timedTape struct{ tape }

func (t timedTape) Head() eventlog.Head {
	head := t.tape.Head()
	if n := len(t.events); n > 0 {
		head.At = t.events[n-1].At
	}
	return head
}

// someHistory are n tasks, one submitted each second.
func someHistory(t *testing.T, n int) *ledger {
	l := newLedger(t)
	for range n {
		l.submit(task.Submit{})
		l.after(task.Second)
	}
	return l
}

func TestATimeOfThePastIsAnEvent(t *testing.T) {
	l := someHistory(t, 5)
	p := NewPast(timedTape{tape{events: l.events}}, t.TempDir(), quiet)
	defer p.Close()
	for after, want := range map[task.Micros]int64{-1: 0, 0: 1, 1: 1, task.Second - 1: 1, task.Second: 2, 4 * task.Second: 5, 100 * task.Second: 5} {
		if seq, err := p.SeqAt(t.Context(), noon+after); seq != want || err != nil {
			t.Errorf("%d µs after the first event: seq %d, want %d: %v", after, seq, want, err)
		}
	}
	if at, err := p.TimeOf(t.Context(), 3); at != noon+2*task.Second || err != nil {
		t.Error(at, err)
	}
}

func TestThePastIsForgottenWhenItIsNotRead(t *testing.T) {
	l, dir := someHistory(t, 40), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "past-7"), 0o700); err != nil { // of a process that was killed
		t.Fatal(err)
	}
	p := NewPast(timedTape{tape{events: l.events}}, dir, quiet)
	p.inMemory = 0
	folders := func() int {
		names, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	if n := folders(); n != 0 {
		t.Error(n, "folders are left of the process before")
	}
	at := func(seq int64) (func(), error) {
		v, release, err := p.At(t.Context(), seq, noon)
		if err == nil && v.Seq() != seq {
			t.Errorf("views of event %d are of %d", seq, v.Seq())
		}
		return release, err
	}
	var held []func()
	for seq := int64(10); seq < 10+pastKept; seq++ {
		release, err := at(seq)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, release)
	}
	p.patience = time.Millisecond
	if _, err := at(5); !errors.Is(err, ErrPastBusy) {
		t.Errorf("one moment too many: %v", err)
	}
	p.patience = time.Minute
	waiting := make(chan error)
	go func() {
		_, release, err := p.At(t.Context(), 6, noon)
		if err == nil {
			release()
		}
		waiting <- err
	}()
	held[0]()
	if err := <-waiting; err != nil {
		t.Errorf("one that waits for room: %v", err)
	}
	for _, seq := range []int64{5, 5, 30} { // 6 makes room for 5, whose views go on to 30
		release, err := at(seq)
		if err != nil {
			t.Fatal(err)
		}
		release()
	}
	if n := folders(); n != pastKept {
		t.Errorf("%d folders, want %d", n, pastKept)
	}
	for _, release := range held[1:] {
		release()
	}
	if err := p.Close(); err != nil || folders() != 0 {
		t.Errorf("%d folders after the end: %v", folders(), err)
	}
	if _, err := at(5); !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// stuck is a log whose scans wait.
type stuck struct {
	timedTape
	goOn chan struct{}
}

func (s stuck) Scan(ctx context.Context, after int64, fn func(*eventlog.Event) error) error {
	select {
	case <-s.goOn:
		return s.timedTape.Scan(ctx, after, fn)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestAMomentThatIsNotFoldedYetSaysHowFarItIs(t *testing.T) {
	l := someHistory(t, 40)
	log := stuck{timedTape{tape{events: l.events}}, make(chan struct{})}
	p := NewPast(log, t.TempDir(), quiet)
	defer p.Close()
	p.patience = time.Millisecond
	var folding *Folding
	if _, _, err := p.At(t.Context(), 20, noon); !errors.As(err, &folding) || folding.Total != 20 || !errors.Is(err, ErrFolding) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := p.At(ctx, 20, noon); !errors.Is(err, context.Canceled) && !errors.Is(err, ErrFolding) {
		t.Error(err)
	}
	close(log.goOn)
	p.patience = time.Minute
	v, release, err := p.At(t.Context(), 20, noon)
	if err != nil || v.Seq() != 20 {
		t.Fatal(err)
	}
	release()
}

// TestAClockOfThePastSaysWhatIsDue looks at one event by several clocks.
func TestAClockOfThePastSaysWhatIsDue(t *testing.T) {
	l := newLedger(t)
	for i := range task.Micros(5) {
		l.submit(task.Submit{RunAt: noon + (i+1)*60*task.Second})
	}
	p := NewPast(timedTape{tape{events: l.events}}, t.TempDir(), quiet)
	defer p.Close()
	ready := func(v *Views, wall task.Micros) (n int64) {
		waits, _ := v.WaitCounts(wall)
		for _, w := range waits {
			if w.State == WaitReady {
				n += w.N
			}
		}
		return n
	}
	var reading []func()
	for _, minutes := range []task.Micros{2, 4, 1, 5, 0, 3} {
		wall := noon + minutes*60*task.Second
		v, release, err := p.At(t.Context(), 5, wall)
		if err != nil {
			t.Fatal(err)
		}
		check := func() {
			if n := ready(v, wall); n != int64(minutes) {
				t.Errorf("%d tasks are ready after %d minutes", n, minutes)
			}
			release()
		}
		if reading = append(reading, check); len(reading) == pastKept { // several are read at once
			for _, check := range reading {
				check()
			}
			reading = nil
		}
	}
}

func TestMomentsWithManyTasksAreNotKept(t *testing.T) {
	l := someHistory(t, 40)
	p := NewPast(timedTape{tape{events: l.events}}, t.TempDir(), quiet)
	defer p.Close()
	p.tasks = 30
	for _, seq := range []int64{40, 20, 5} { // 40 alone are too many, 20 and 5 are not
		_, release, err := p.At(t.Context(), seq, noon)
		if err != nil {
			t.Fatal(err)
		}
		release()
		if last := p.kept[len(p.kept)-1].seq; last != seq {
			t.Errorf("event %d is not kept though it was read last", seq)
		}
	}
	if len(p.kept) != 2 {
		t.Errorf("%d moments are kept, want 2", len(p.kept))
	}
}
