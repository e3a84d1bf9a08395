package sqlitelog

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"daybook/eventlog"
	"daybook/internal/powercut"
)

var cuts = flag.Int("cuts", 20, "how many power cuts are simulated")

// childPower is set for a process whose writes are recorded; it says which run it is.
const childPower = "DAYBOOK_TEST_CHILD_POWER"

// childReplica is set if its log is a replica.
const childReplica = "DAYBOOK_TEST_CHILD_REPLICA"

// powerRuns is how many runs are recorded, one after the other, of one log.
const powerRuns = 3

// speaker says what the log has acknowledged: it must be there after a power cut.
type speaker struct {
	log *Log
	err error
}

// head says that the log reaches its head. A replica must be synced before it does.
func (s *speaker) head() {
	if s.err == nil {
		s.err = s.log.Sync()
	}
	if head := s.log.Head(); s.err == nil {
		fmt.Printf("event %d %s\n", head.Seq, hex.EncodeToString(head.Hash[:]))
	}
}

func (s *speaker) append(sizes ...int) {
	for _, size := range sizes {
		e := one(s.log, false)
		e.Events[0].Payload = []byte(`"` + strings.Repeat("p", size) + `"`)
		if s.err == nil {
			s.err = s.log.Append(context.Background(), []eventlog.Entry{e})[0].Err
		}
		if !s.log.options.Replica || size == 20_000 {
			s.head()
		}
	}
}

func (s *speaker) erase(seq int64) {
	if s.err == nil {
		s.err = s.log.ErasePayloads(context.Background(), seq)
	}
	if s.err == nil {
		fmt.Printf("erased %d\n", seq)
	}
}

// witness appends when the witness is due to be synced.
func (s *speaker) witness() {
	s.log.sidecar.synced = time.Now().Add(-syncPeriod)
	s.append(10)
	if s.err == nil { // the witness of a replica too says what is on the disk
		fmt.Printf("witness %d\n", s.log.Head().Seq)
	}
}

// power does what is recorded of one run and returns its exit code. The first and the last run
// end as if they were killed.
func power(dir, run string) int {
	log, err := Open(context.Background(), Options{Dir: dir, Logger: quiet, Replica: os.Getenv(childReplica) != ""})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	// A WAL of some pages counts as one that is long: it is copied and restarted all the time.
	log.writer.checkpointer.pageSize = copyFrom / 4
	s := &speaker{log: log}
	s.head()
	for round := range 12 {
		s.append(10, 3000, 20_000, 10)
		s.witness()
		s.erase(log.Head().Seq - int64(round%4))
	}
	if run == "1" {
		s.err = errors.Join(s.err, log.Close())
		fmt.Printf("witness %d\n", log.Head().Seq)
		return code(s.err)
	}
	s.err = errors.Join(s.err, writeUnsynced(log, one(log, false), one(log, false))) // whoever opens the log next finds them
	return code(s.err)
}

func code(err error) int {
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// record records the runs of a log in data below the folder; replica is not empty if it is one.
func record(t *testing.T, replica string) *powercut.Recording {
	t.Helper()
	for try := 1; ; try++ {
		recording, err := recordRuns(t, t.TempDir(), replica)
		if err == nil {
			return recording
		}
		t.Logf("recording %d: %v", try, err) // strace has not read all: that says nothing of the log
		if try == 3 {
			t.Fatal("the log cannot be recorded")
		}
	}
}

// recordRuns makes one recording. An error is one of the recording.
func recordRuns(t *testing.T, root, replica string) (*powercut.Recording, error) {
	t.Helper()
	recording, err := powercut.New(root)
	must(t, err)
	var unread error
	for run := range powerRuns {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+filepath.Join(root, "data"), childPower+"="+fmt.Sprint(run), childReplica+"="+replica)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		traced, err := recording.Start(cmd)
		must(t, err)
		if err := cmd.Wait(); err != nil {
			t.Fatalf("run %d: %v\n%.2000s", run, err, out.String())
		}
		unread = errors.Join(unread, traced.Wait())
	}
	return recording, unread
}

// promised is what a log has acknowledged.
type promised struct {
	hashes  map[int64]string
	erased  []int64
	head    int64
	witness int64
}

func promises(said [][]byte) promised {
	p := promised{hashes: map[int64]string{}}
	for line := range strings.Lines(string(bytes.Join(said, nil))) {
		var seq int64
		var hash string
		if n, _ := fmt.Sscanf(line, "event %d %s", &seq, &hash); n == 2 {
			p.hashes[seq], p.head = hash, seq
		} else if n, _ := fmt.Sscanf(line, "erased %d", &seq); n == 1 {
			p.erased = append(p.erased, seq)
		} else if n, _ := fmt.Sscanf(line, "witness %d", &seq); n == 1 {
			p.witness = seq
		}
	}
	return p
}

// kept opens the log that a power cut has left and says which promise it breaks, nil if none.
func (p promised) kept(ctx context.Context, dir string) error {
	w, _, err := readWitness(dir)
	if (p.witness > 0 || !errors.Is(err, os.ErrNotExist)) && (err != nil || w.seq < p.witness) {
		return fmt.Errorf("the witness says %d and not %d: %w", w.seq, p.witness, err)
	}
	log, err := Open(ctx, Options{Dir: dir, Logger: quiet})
	if err != nil {
		return fmt.Errorf("the start is refused: %w", err)
	}
	defer log.Close()
	if log.Head().Seq < p.head {
		return fmt.Errorf("the log ends at %d, %d was acknowledged", log.Head().Seq, p.head)
	}
	erased := map[int64]bool{}
	for _, seq := range p.erased {
		erased[seq] = true
		if _, err := log.Payload(ctx, seq); !errors.Is(err, eventlog.ErrErased) {
			return fmt.Errorf("the payload of event %d was erased: %w", seq, err)
		}
	}
	return log.Scan(ctx, 0, func(e *eventlog.Event) error {
		if want, ok := p.hashes[e.Seq]; ok && want != hex.EncodeToString(e.Hash[:]) {
			return fmt.Errorf("event %d is not the one that was acknowledged", e.Seq)
		}
		if _, err := log.Payload(ctx, e.Seq); err != nil && !errors.Is(err, eventlog.ErrErased) {
			return err
		}
		return nil
	})
}

// A log holds after any power cut what it had acknowledged by then, and a replica what it had synced; the same log on a disk that
// forgets what was synced does not, or the test would see nothing.
func TestNothingAcknowledgedIsLostByAPowerCut(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("what a log writes is recorded by strace, which is not here")
	}
	for name, replica := range map[string]string{"log": "", "replica": "yes"} {
		t.Run(name, func(t *testing.T) { cutPower(t, record(t, replica)) })
	}
}

func cutPower(t *testing.T, recording *powercut.Recording) {
	temp := t.TempDir()
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d events, seed %d", recording.Events(), seed)
	bad := 0
	must(t, recording.Each(powercut.Options{Cuts: *cuts, AfterSaid: true, Seed: seed, Temp: temp}, func(c powercut.Cut) {
		if err := promises(c.Said).kept(t.Context(), filepath.Join(c.Dir, "data")); err != nil {
			if bad++; bad <= 10 {
				t.Errorf("cut after %d of %d events, what was not synced is %v: %v", c.At, c.Of, c.Fate, err)
			}
		}
	}))
	if bad > 0 {
		t.Errorf("%d power cuts lost something", bad)
	}
	lost := 0
	must(t, recording.Each(powercut.Options{Cuts: 30, Seed: seed, Temp: temp, IgnoreSyncs: true}, func(c powercut.Cut) {
		if c.Fate != powercut.Kept && promises(c.Said).kept(t.Context(), filepath.Join(c.Dir, "data")) != nil {
			lost++
		}
	}))
	t.Logf("on a disk that syncs nothing %d of 20 power cuts lost something", lost)
	if lost < 10 { // some cuts come before anything was said
		t.Errorf("a disk that syncs nothing lost something in %d of 20 power cuts: the test does not see losses", lost)
	}
}
