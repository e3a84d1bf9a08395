package sqlitelog

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"daybook/eventlog"
)

// one is an entry of one event that follows on the log's head.
func one(log *Log, reserve bool) eventlog.Entry {
	head := log.Head()
	return eventlog.Entry{Reserve: reserve, Events: []*eventlog.Event{{
		At: max(testStart, head.At), Stream: "task:a", Version: head.Seq + 1, Type: "task.progressed", V: 1,
		Actor: "anonymous", Data: []byte(`{"a":1}`), Payload: []byte(`"` + strings.Repeat("p", 3000) + `"`),
	}}}
}

func TestTheReserveIsForThoseWhoMayUseIt(t *testing.T) {
	log := open(t, Options{Dir: t.TempDir(), MinFree: math.MaxInt64})
	r := log.Append(t.Context(), []eventlog.Entry{one(log, false), one(log, true), one(log, false), one(log, true)})
	for i, want := range []int64{0, 1, 0, 2} {
		if want == 0 && !errors.Is(r[i].Err, eventlog.ErrFull) || r[i].First != want {
			t.Errorf("entry %d: %+v", i, r[i])
		}
	}
	if n, err := scanAll(t.Context(), log); n != 2 || err != nil || log.Failed() != nil {
		t.Errorf("%d events, %v, failed %v", n, err, log.Failed())
	}
}

// SQLite itself says that it is full, in the middle of a transaction.
func TestAFullLogWritesNothingAndHealsByItself(t *testing.T) {
	log := open(t, Options{Dir: t.TempDir()})
	must(t, appendN(t.Context(), log, 5))
	pages, err := log.writer.c.Number("PRAGMA page_count")
	must(t, err)
	must(t, log.writer.c.Do(fmt.Sprintf("PRAGMA max_page_count = %d", pages+4)))
	var batch []eventlog.Entry
	for range 20 {
		batch = append(batch, one(log, false))
	}
	head := log.Head()
	for i, r := range log.Append(t.Context(), batch) {
		if !errors.Is(r.Err, eventlog.ErrFull) || r.First != 0 || batch[i].Events[0].Seq != 0 {
			t.Fatalf("entry %d: %+v", i, r)
		}
	}
	// The whole batch has no room, but the one that may use the reserve has.
	batch[7].Reserve = true
	for i, r := range log.Append(t.Context(), batch) {
		if i == 7 && (r.Err != nil || r.First != head.Seq+1) || i != 7 && !errors.Is(r.Err, eventlog.ErrFull) {
			t.Errorf("entry %d: %+v", i, r)
		}
	}
	must(t, log.writer.c.Do("PRAGMA max_page_count = 1000000"))
	batch[7] = one(log, false)
	for i, r := range log.Append(t.Context(), batch) {
		if r.Err != nil {
			t.Errorf("after it had room again, entry %d: %v", i, r.Err)
		}
	}
	if n, err := scanAll(t.Context(), log); n != 5+1+20 || err != nil || log.Failed() != nil {
		t.Errorf("%d events, %v, failed %v", n, err, log.Failed())
	}
}

// smallDisk mounts a file system of a few megabytes.
func smallDisk(t *testing.T, megabytes int) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", megabytes), "daybook-test", dir).CombinedOutput()
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("CI must be allowed to mount a tmpfs: %v: %s", err, out)
		}
		t.Skipf("a small disk needs the right to mount a tmpfs: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

// stuff fills the disk to the last byte and returns the file that does it.
func stuff(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	for block := make([]byte, 1<<16); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
	return path
}

func TestADiskThatFillsRefusesAndComesBack(t *testing.T) {
	disk := smallDisk(t, 24)
	log := open(t, Options{Dir: filepath.Join(disk, "log"), MinFree: -1})
	must(t, appendN(t.Context(), log, 10))
	for round := range 3 {
		ballast := stuff(t, disk)
		n, err := 0, error(nil)
		for ; err == nil && n < 100_000; n++ {
			err = log.Append(t.Context(), []eventlog.Entry{one(log, n%2 == 0)})[0].Err
		}
		if !errors.Is(err, eventlog.ErrFull) || log.Failed() != nil {
			t.Fatalf("round %d: after %d appends: %v, failed %v", round, n, err, log.Failed())
		}
		head := log.Head().Seq
		if n, err := scanAll(t.Context(), log); n != head || err != nil {
			t.Fatalf("round %d: %d of %d events can be read: %v", round, n, head, err)
		}
		must(t, os.Remove(ballast))
		must(t, appendN(t.Context(), log, 200))
	}
	head := log.Head()
	must(t, log.Close())
	log = open(t, Options{Dir: filepath.Join(disk, "log"), MinFree: -1})
	if n, err := scanAll(t.Context(), log); n != head.Seq || err != nil {
		t.Errorf("%d of %d events: %v", n, head.Seq, err)
	}
}

func TestADiskThatIsFullAtStartMeansReadOnly(t *testing.T) {
	for name, image := range map[string]map[string][]byte{"killed": crashed(t, 40), "closed": closed(t, 40)} {
		t.Run(name, func(t *testing.T) {
			disk := smallDisk(t, 8)
			dir := filepath.Join(disk, "log")
			write(t, dir, image)
			ballast := stuff(t, disk)
			log := open(t, Options{Dir: dir, MinFree: -1, Logger: quiet})
			if n, err := scanAll(t.Context(), log); n != 40 || err != nil {
				t.Errorf("%d events, %v", n, err)
			}
			if name == "closed" && !log.ReadOnly() {
				t.Error("there is no room to open it for writing, and nobody says so")
			}
			r := log.Append(t.Context(), []eventlog.Entry{one(log, true)})
			if r[0].Err != nil && !errors.Is(r[0].Err, eventlog.ErrFull) {
				t.Errorf("append: %v", r[0].Err)
			}
			must(t, os.Remove(ballast))
			must(t, appendN(t.Context(), log, 100))
			if log.ReadOnly() || log.Failed() != nil {
				t.Errorf("read only %v, failed %v", log.ReadOnly(), log.Failed())
			}
			head := log.Head().Seq
			must(t, log.Close())
			log = open(t, Options{Dir: dir, MinFree: -1})
			if n, err := scanAll(t.Context(), log); n != head || err != nil {
				t.Errorf("%d of %d events: %v", n, head, err)
			}
		})
	}
}

// closed returns the files of a log with n events after Close.
func closed(t *testing.T, n int) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	log := open(t, Options{Dir: dir})
	must(t, appendN(t.Context(), log, n))
	must(t, log.Close())
	return files(t, dir)
}
