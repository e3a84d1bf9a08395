package powercut

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// recorded is a recording of the trace in a folder that holds files, "" for one that is not there.
func recorded(t *testing.T, files map[string]string, lines ...string) (*Recording, *parser) {
	t.Helper()
	r := &Recording{dir: t.TempDir()}
	p := &parser{dir: r.dir}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range lines {
		if err := p.line(in(strings.ReplaceAll(line, "/data", r.dir))); err != nil {
			t.Fatal(err)
		}
	}
	r.events = append(p.events, event{kind: ended})
	return r, p
}

// A program that is killed within a call may have done it, though the trace does not say so.
func TestACallInWhichTheProgramWasKilledCountsAsTheFolderSays(t *testing.T) {
	type files = map[string]string
	for name, c := range map[string]struct {
		holds      files
		calls      string
		lost, kept files
	}{
		"a write that was done":   {files{"a": "new"}, `1 pwrite64(7</data/a>, "new", 3, 0 <unfinished ...>`, files{"a": "old"}, files{"a": "new"}},
		"a write with a result":   {files{"a": "new"}, `1 pwrite64(7</data/a>, "new", 3, 0) = ?`, files{"a": "old"}, files{"a": "new"}},
		"a write with no error":   {files{"a": "new"}, `1 pwrite64(7</data/a>, "new", 3, 0) = -1 (errno 18446744073709551615)`, files{"a": "old"}, files{"a": "new"}},
		"a write in two halves":   {files{"a": "new"}, "1 write(7</data/a>, \"new\", 3 <unfinished ...>\n1 <... write resumed>) = ?", files{"a": "old"}, files{"a": "new"}},
		"a write that was not":    {files{"a": "old"}, `1 pwrite64(7</data/a>, "new", 3, 0 <unfinished ...>`, files{"a": "old"}, files{"a": "old"}},
		"a shorter file":          {files{"a": "o"}, `1 ftruncate(7</data/a>, 1 <unfinished ...>`, files{"a": "old"}, files{"a": "o"}},
		"a new file":              {files{"a": "old", "b": ""}, `1 openat(AT_FDCWD</>, "/data/b", O_CREAT <unfinished ...>`, files{"a": "old"}, files{"a": "old", "b": ""}},
		"another name":            {files{"b": "old"}, `1 rename("/data/a", "/data/b" <unfinished ...>`, files{"a": "old"}, files{"b": "old"}},
		"a removal":               {files{}, `1 unlink("/data/a" <unfinished ...>`, files{"a": "old"}, files{}},
		"a sync that did not end": {files{"a": "new"}, "1 pwrite64(7</data/a>, \"new\", 3, 0) = 3\n1 fsync(7</data/a> <unfinished ...>", files{"a": "old"}, files{"a": "new"}},
	} {
		r, p := recorded(t, c.holds, trace(oldA+c.calls)...)
		if err := r.compare(p.unknown()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for fate, want := range map[Fate]files{Lost: c.lost, Kept: c.kept} {
			if got := leftAfter(t, newDisk(false), fate, 1, r.events); !maps.Equal(got, want) {
				t.Errorf("%s, what was not synced is %v: %v, not %v", name, fate, got, want)
			}
		}
	}
}

// What no killed call explains is a fault of the recorder.
func TestARecordingThatMissesSomethingIsAnError(t *testing.T) {
	for _, calls := range []string{``, `1 fsync(7</data/a> <unfinished ...>`, `1 write(9<socket:[5]>, "said", 4 <unfinished ...>`} {
		for _, holds := range []map[string]string{{"a": "new"}, {}} {
			r, p := recorded(t, holds, trace(oldA+calls)...)
			if err := r.compare(p.unknown()); err == nil || !strings.Contains(err.Error(), "misses something") {
				t.Errorf("%q, then the folder holds %v: %v", calls, holds, err)
			}
		}
	}
}

// writer is set in the program that is killed.
const writer = "POWERCUT_TEST_WRITES_TO"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writer); dir != "" {
		panic(write(dir, os.Args[1]))
	}
	os.Exit(m.Run())
}

// write changes files without a pause.
func write(dir, run string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "a"))
	if err != nil {
		return err
	}
	for i := int64(0); err == nil; i++ {
		text := fmt.Append(nil, run, " line ", i)
		_, err = f.WriteAt(text, i%50*20)
		other := filepath.Join(dir, "b")
		err = errors.Join(err, os.WriteFile(other, text, 0o600), os.Rename(other, filepath.Join(dir, "c")))
	}
	return err
}

// What is recorded of a program that is killed while it writes is what it has written.
func TestAKillWhileAProgramWrites(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("what a program writes is recorded by strace, which is not here")
	}
	r, err := New(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	within := 0
	for i := range 40 {
		cmd := exec.Command(os.Args[0], fmt.Sprint("run", i))
		cmd.Env = append(os.Environ(), writer+"="+r.dir)
		run, err := r.Start(cmd)
		if err != nil {
			t.Fatal(err)
		}
		for name, deadline := filepath.Join(r.dir, "c"), time.Now().Add(2*time.Minute); ; time.Sleep(time.Millisecond) {
			if b, err := os.ReadFile(name); err == nil && strings.HasPrefix(string(b), cmd.Args[len(cmd.Args)-1]+" ") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the program writes nothing")
			}
		}
		time.Sleep(time.Duration(i) * 100 * time.Microsecond)
		if err := run.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		err = run.Wait()
		_ = cmd.Wait() // it was killed
		if err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		if r.events[len(r.events)-1].kind != ended {
			within++
		}
	}
	t.Logf("%d of 40 kills came within a call that was done", within)
}
