package sqlitelog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"daybook/eventlog"
)

// childDir is set for a second process of this test binary: it appends to the log in
// that folder and prints each seq that was acknowledged, until it is killed.
const childDir = "DAYBOOK_TEST_CHILD_DIR"

// childWrites is set for a process that writes without a sync: see writeAndWait.
const childWrites = "DAYBOOK_TEST_CHILD_WRITES"

func child(dir string) int {
	if run := os.Getenv(childPower); run != "" {
		return power(dir, run)
	}
	log, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if os.Getenv(childWrites) != "" {
		return writeAndWait(log)
	}
	for {
		if err := appendN(context.Background(), log, 1); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(log.Head().Seq)
	}
}

// writeAndWait appends five events, writes two more and three more without a sync, prints
// what is acknowledged and waits to be killed.
func writeAndWait(log *Log) int {
	err := appendN(context.Background(), log, 5)
	var entries []eventlog.Entry
	for _, n := range []int{2, 3} {
		entry := eventlog.Entry{}
		for range n {
			entry.Events = append(entry.Events, one(log, false).Events...)
		}
		entries = append(entries, entry)
	}
	if err := errors.Join(err, writeUnsynced(log, entries...)); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(log.Head().Seq)
	_, _ = os.Stdin.Read(make([]byte, 1))
	return 1
}

// writeUnsynced leaves in the WAL what a process leaves there that is killed between the
// write and the sync of its appends: one transaction an entry, none of them acknowledged.
func writeUnsynced(log *Log, entries ...eventlog.Entry) error {
	acknowledged := log.Head()
	defer log.head.Store(&acknowledged)
	if err := log.writer.c.Do("PRAGMA synchronous = OFF"); err != nil {
		return err
	}
	for _, e := range entries {
		batch := eventlog.Admit(log.Head(), []eventlog.Entry{e}, make([]eventlog.Result, 1), false)
		hash, err := log.writer.write(log.Head().Hash, batch, nil)
		if err != nil {
			return err
		}
		last := batch[len(batch)-1]
		log.head.Store(&eventlog.Head{Seq: last.Seq, Hash: hash, At: last.At})
	}
	return nil
}

// startChild starts a process that appends to the log in dir, and returns when it has
// acknowledged an event.
func startChild(t *testing.T, dir string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childDir+"="+dir), env...)
	in, err := cmd.StdinPipe() // open as long as this process lives
	must(t, err)
	t.Cleanup(func() { _ = in.Close() })
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the other process said nothing")
	}
	return cmd, lines
}

func TestASecondProcessIsRefusedAndToldOfTheFirst(t *testing.T) {
	dir := t.TempDir()
	cmd, _ := startChild(t, dir)
	for name, open := range map[string]func() (*Log, error){
		"open":    func() (*Log, error) { return Open(t.Context(), Options{Dir: dir}) },
		"offline": func() (*Log, error) { return OpenReadOnly(t.Context(), dir) },
	} {
		_, err := open()
		if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d on ", cmd.Process.Pid)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	open(t, Options{Dir: dir})
}

func TestNothingAcknowledgedIsLostByAKill(t *testing.T) {
	dir := t.TempDir()
	for round := range 12 {
		cmd, lines := startChild(t, dir)
		var acknowledged int64
		for n := 0; n < 5+round*13 && lines.Scan(); n++ {
			seq, err := strconv.ParseInt(lines.Text(), 10, 64)
			if err != nil {
				t.Fatal(lines.Text())
			}
			acknowledged = seq
		}
		must(t, cmd.Process.Kill())
		for lines.Scan() { // what it had said before it was killed
			if seq, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
				acknowledged = seq
			}
		}
		_ = cmd.Wait()
		log, err := OpenReadOnly(t.Context(), dir)
		must(t, err)
		if n, err := scanAll(t.Context(), log); err != nil || n < acknowledged || log.Loss() != nil {
			t.Errorf("round %d: %d events, %d were acknowledged, loss %+v, %v", round, n, acknowledged, log.Loss(), err)
		}
		must(t, log.Close())
	}
}

// A kill between the write and the sync of an append leaves each entry whole or not at all,
// also where the power fails with it and the end of the WAL was never written.
func TestAKillBetweenWriteAndSyncLeavesWholeEntries(t *testing.T) {
	dir := t.TempDir()
	cmd, lines := startChild(t, dir, childWrites+"=1")
	if lines.Text() != "5" {
		t.Fatalf("the other process says %q, want 5", lines.Text())
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	image := files(t, dir)
	wal := image[logName+"-wal"]
	found := make(map[int64]bool)
	const cuts = 64
	for cut := range cuts {
		image[logName+"-wal"] = wal[:len(wal)*(cuts-cut)/cuts]
		write(t, dir, image)
		log, err := Open(t.Context(), Options{Dir: dir})
		if errors.Is(err, ErrLoss) {
			break // so much of the WAL had been synced
		}
		must(t, err)
		n, err := scanAll(t.Context(), log)
		if err != nil || n != log.Head().Seq || n != 5 && n != 7 && n != 10 {
			t.Errorf("%d of %d bytes of the WAL: %d events, head %d: %v", len(image[logName+"-wal"]), len(wal), n, log.Head().Seq, err)
		}
		must(t, appendN(t.Context(), log, 1))
		must(t, log.Close())
		found[n] = true
	}
	if !found[5] || !found[7] || !found[10] {
		t.Errorf("the log opened with %v events, want each of 5, 7 and 10", found)
	}
}

func TestOfflineReadingChangesNothing(t *testing.T) {
	for name, spoil := range map[string]func(map[string][]byte){
		"a killed log":  func(map[string][]byte) {},
		"a damaged WAL": func(i map[string][]byte) { i[logName+"-wal"][len(i[logName+"-wal"])/2] ^= 1 },
		"no witness":    func(i map[string][]byte) { delete(i, sidecarName) },
	} {
		image := crashed(t, 40)
		spoil(image)
		dir := t.TempDir()
		write(t, dir, image)
		log, err := OpenReadOnly(t.Context(), dir)
		must(t, err)
		if n, err := scanAll(t.Context(), log); n != log.Head().Seq || n < 20 || err != nil {
			t.Errorf("%s: %d events, %v", name, n, err)
		}
		if r := log.Append(t.Context(), make([]eventlog.Entry, 1)); !errors.Is(r[0].Err, eventlog.ErrFull) {
			t.Errorf("%s: append: %v", name, r[0].Err)
		}
		if (name == "a killed log") != (log.Loss() == nil) || !log.ReadOnly() {
			t.Errorf("%s: loss %+v, read only %v", name, log.Loss(), log.ReadOnly())
		}
		second, err := OpenReadOnly(t.Context(), dir)
		must(t, err)
		if _, err := Open(t.Context(), Options{Dir: dir}); !errors.Is(err, ErrLocked) {
			t.Errorf("%s: opened for writing beside readers: %v", name, err)
		}
		must(t, second.Close())
		must(t, log.Close())
		sameFiles(t, dir, image)
	}
	if _, err := OpenReadOnly(t.Context(), t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no log: %v", err)
	}
}

func TestAStartRemovesWhatAKilledStartLeft(t *testing.T) {
	dir := t.TempDir()
	image := crashed(t, 10)
	write(t, dir, image)
	must(t, os.Mkdir(filepath.Join(dir, lookPrefix+"1"), 0o700))
	must(t, os.Link(filepath.Join(dir, logName), filepath.Join(dir, lookPrefix+"1", logName)))
	open(t, Options{Dir: dir})
	left, _ := filepath.Glob(filepath.Join(dir, lookPrefix+"*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
