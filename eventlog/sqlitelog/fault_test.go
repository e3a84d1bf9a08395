package sqlitelog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/eventlog"
	"daybook/internal/sqlite"
)

const testStart = 1_795_521_600_000_000

// appendN appends n events, one a call, and returns the first error.
func appendN(ctx context.Context, log eventlog.Log, n int) error {
	for range n {
		head := log.Head()
		e := &eventlog.Event{
			At: max(testStart, head.At) + 1, Stream: "task:a", Version: head.Seq + 1, Type: "task.progressed", V: 1,
			Actor: "anonymous", Data: fmt.Appendf(nil, `{"n":%d}`, head.Seq+1), Payload: []byte(`"` + strings.Repeat("p", 300) + `"`),
		}
		if r := log.Append(ctx, []eventlog.Entry{{Events: []*eventlog.Event{e}}})[0]; r.Err != nil {
			return r.Err
		}
	}
	return nil
}

// files returns what lies in dir, but for the lock.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	all := make(map[string][]byte)
	for _, e := range entries {
		if e.Name() == lockName {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		all[e.Name()] = b
	}
	return all
}

// write makes dir hold these files and no others.
func write(t *testing.T, dir string, all map[string][]byte) {
	t.Helper()
	must(t, os.RemoveAll(dir))
	must(t, os.MkdirAll(dir, 0o700))
	for name, b := range all {
		must(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
}

// crashed returns the files of a log with n events as a process that was killed leaves
// them, the last ones in the WAL alone.
func crashed(t *testing.T, n int) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	log := open(t, Options{Dir: dir})
	must(t, appendN(t.Context(), log, n/2))
	must(t, log.Close())
	log = open(t, Options{Dir: dir})
	must(t, appendN(t.Context(), log, n-n/2))
	image := files(t, dir)
	must(t, log.Close())
	if len(image[logName+"-wal"]) == 0 || len(image[logName+"-shm"]) == 0 {
		t.Fatal("the crashed log has no WAL")
	}
	return image
}

// sameFiles fails the test when the files in dir are not those of before.
func sameFiles(t *testing.T, dir string, before map[string][]byte) {
	t.Helper()
	after := files(t, dir)
	for name, b := range before {
		if now, ok := after[name]; !ok {
			t.Errorf("%s is gone", name)
		} else if !bytes.Equal(now, b) {
			t.Errorf("%s was changed", name)
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			t.Errorf("%s was left behind", name)
		}
	}
}

// scanAll reads the whole log with its payloads and returns how many events it has.
func scanAll(ctx context.Context, log eventlog.Log) (n int64, err error) {
	err = log.Scan(ctx, 0, func(e *eventlog.Event) error {
		if n++; e.HasPayload {
			if _, err := log.Payload(ctx, e.Seq); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

func TestAKilledLogOpensWhole(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, crashed(t, 40))
	log := open(t, Options{Dir: dir})
	if n, err := scanAll(t.Context(), log); n != 40 || err != nil {
		t.Errorf("%d events, %v", n, err)
	}
	if log.Loss() != nil || log.ReadOnly() {
		t.Errorf("loss %+v, read only %v", log.Loss(), log.ReadOnly())
	}
}

func TestCloseCheckpointsTheWALAndReleasesEverything(t *testing.T) {
	dir := t.TempDir()
	log := open(t, Options{Dir: dir})
	must(t, appendN(t.Context(), log, 3))
	_, err := scanAll(t.Context(), log)
	must(t, err)
	must(t, log.Close())
	for name := range files(t, dir) {
		if name != logName && name != sidecarName {
			t.Errorf("%s is left", name)
		}
	}
	descriptors, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("open files can only be listed on Linux")
	}
	for _, fd := range descriptors {
		if path, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.HasPrefix(path, dir) {
			t.Errorf("%s is still open", path)
		}
	}
}

func TestALogAheadOfItsWitnessIsNormal(t *testing.T) {
	dir := t.TempDir()
	old := crashed(t, 20)
	write(t, dir, old)
	log := open(t, Options{Dir: dir})
	must(t, appendN(t.Context(), log, 1))
	image := files(t, dir)
	must(t, log.Close())
	image[sidecarName] = old[sidecarName]
	write(t, dir, image)
	if log := open(t, Options{Dir: dir}); log.Head().Seq != 21 {
		t.Errorf("head %d", log.Head().Seq)
	}
}

// loss is one way to lose what was acknowledged.
type loss struct {
	name  string
	spoil func(t *testing.T, image map[string][]byte)
	text  string // what the refusal must say
	first int64  // the first seq that is missing, 0 = unknown
}

func losses(t *testing.T) []loss {
	other := crashed(t, 10)
	older := crashed(t, 40)
	return []loss{
		{"a flipped bit in the WAL", func(_ *testing.T, i map[string][]byte) { i[logName+"-wal"][len(i[logName+"-wal"])/2] ^= 4 }, "are missing", -1},
		{"a cut WAL", func(_ *testing.T, i map[string][]byte) {
			i[logName+"-wal"] = i[logName+"-wal"][:len(i[logName+"-wal"])/2]
		}, "are missing", -1},
		{"a WAL of no bytes", func(_ *testing.T, i map[string][]byte) { i[logName+"-wal"] = nil }, "seqs 21 to 40 are missing", 21},
		{"no WAL", func(_ *testing.T, i map[string][]byte) { delete(i, logName+"-wal"); delete(i, logName+"-shm") }, "seqs 21 to 40 are missing", 21},
		{"no database", func(_ *testing.T, i map[string][]byte) {
			delete(i, logName)
			delete(i, logName+"-wal")
			delete(i, logName+"-shm")
		}, "seqs 1 to 40 are missing", 1},
		{"no witness", func(_ *testing.T, i map[string][]byte) { delete(i, sidecarName) }, "daybook.head is missing", 0},
		{"both slots bad", func(_ *testing.T, i map[string][]byte) { i[sidecarName][20] ^= 1; i[sidecarName][slotGap+20] ^= 1 }, "neither", 0},
		{"a cut witness", func(_ *testing.T, i map[string][]byte) { i[sidecarName] = i[sidecarName][:50] }, "neither", 0},
		{"the witness of another log", func(_ *testing.T, i map[string][]byte) { i[sidecarName] = other[sidecarName] }, "belongs to log", 0},
		{"another log of the same length", func(_ *testing.T, i map[string][]byte) {
			for name := range i {
				if name != sidecarName {
					i[name] = older[name]
				}
			}
		}, "belongs to log", 0},
		{"another history", func(t *testing.T, i map[string][]byte) {
			w, ok := parseSlot(i[sidecarName][slotGap:])
			if !ok {
				t.Fatal("no slot")
			}
			w.hash[0]++
			copy(i[sidecarName], w.append(nil))
			copy(i[sidecarName][slotGap:], w.append(nil))
		}, "another history", 0},
	}
}

func TestALossIsRefusedAndTheEvidenceStays(t *testing.T) {
	for _, c := range losses(t) {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			image := crashed(t, 40)
			c.spoil(t, image)
			write(t, dir, image)
			for range 2 {
				log, err := Open(t.Context(), Options{Dir: dir})
				if err == nil {
					log.Close()
					t.Fatalf("opened with head %d", log.Head().Seq)
				}
				refusal, ok := errors.AsType[*LossError](err)
				if !ok || !errors.Is(err, ErrLoss) {
					t.Fatalf("error %v", err)
				}
				for _, want := range []string{c.text, "--accept-loss", dir} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q does not say %q", err, want)
					}
				}
				if l := refusal.Loss; c.first >= 0 && l.First != c.first || c.first < 0 && (l.First != l.Head+1 || l.First > l.Last) {
					t.Errorf("loss %+v", l)
				}
				sameFiles(t, dir, image)
			}
		})
	}
}

func TestALossThatIsAcceptedGoesOnAndIsForgottenByTheFirstAppend(t *testing.T) {
	for _, c := range losses(t) {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			image := crashed(t, 40)
			c.spoil(t, image)
			write(t, dir, image)
			log := open(t, Options{Dir: dir, AcceptLoss: true})
			if log.Loss() == nil {
				t.Fatal("no loss is told")
			}
			head := log.Head()
			must(t, log.Close())
			if _, err := Open(t.Context(), Options{Dir: dir}); !errors.Is(err, ErrLoss) {
				t.Fatalf("the loss was forgotten before anything said so: %v", err)
			}
			log = open(t, Options{Dir: dir, AcceptLoss: true})
			if log.Loss() == nil || log.Head() != head {
				t.Fatalf("second start: loss %+v, head %+v, was %+v", log.Loss(), log.Head(), head)
			}
			must(t, appendN(t.Context(), log, 1))
			if log.Loss() != nil {
				t.Error("the loss is still told after the first append")
			}
			must(t, log.Close())
			log = open(t, Options{Dir: dir})
			if n, err := scanAll(t.Context(), log); n != head.Seq+1 || err != nil {
				t.Errorf("%d events after %d: %v", n, head.Seq, err)
			}
		})
	}
}

func TestOneBadSlotIsNoLoss(t *testing.T) {
	for _, at := range []int{20, slotGap + 20} {
		dir := t.TempDir()
		image := crashed(t, 40)
		image[sidecarName][at] ^= 1
		write(t, dir, image)
		if log := open(t, Options{Dir: dir}); log.Head().Seq != 40 {
			t.Errorf("head %d", log.Head().Seq)
		}
	}
}

// Whatever bit of the WAL is wrong, the log opens whole or not at all.
func TestNoFlippedBitInTheWALShortensTheLogInSilence(t *testing.T) {
	image := crashed(t, 20)
	wal := image[logName+"-wal"]
	dir := t.TempDir()
	refused := 0
	for at := 0; at < len(wal); at += len(wal)/97 + 1 {
		wal[at] ^= 1 << (at % 8)
		write(t, dir, image)
		log, err := Open(t.Context(), Options{Dir: dir})
		if err != nil {
			refused++
			if !errors.Is(err, ErrLoss) && !errors.Is(err, eventlog.ErrDamaged) {
				t.Errorf("byte %d: %v", at, err)
			}
			sameFiles(t, dir, image)
		} else {
			if n, err := scanAll(t.Context(), log); n != 20 || err != nil {
				t.Errorf("byte %d: opened with %d events: %v", at, n, err)
			}
			must(t, log.Close())
		}
		wal[at] ^= 1 << (at % 8)
	}
	if refused == 0 {
		t.Error("no damage was seen at all")
	}
}

// digest returns a hash over the whole log with its payloads.
func digest(ctx context.Context, log eventlog.Log) (sum [32]byte, err error) {
	h := sha256.New()
	err = log.Scan(ctx, 0, func(e *eventlog.Event) error {
		body, err := log.Payload(ctx, e.Seq)
		h.Write(eventlog.AppendJSON(nil, e, body))
		return err
	})
	h.Sum(sum[:0])
	return sum, err
}

// Whatever bit of the database is wrong, reading it all finds out or finds all.
func TestNoFlippedBitInTheDatabaseGoesUnseen(t *testing.T) {
	dir := t.TempDir()
	log := open(t, Options{Dir: dir})
	must(t, appendN(t.Context(), log, 60))
	want, err := digest(t.Context(), log)
	must(t, err)
	must(t, log.Close())
	image := files(t, dir)
	db := image[logName]
	seen := 0
	for at := 0; at < len(db); at += len(db)/151 + 1 {
		db[at] ^= 1 << (at % 8)
		write(t, dir, image)
		log, err := Open(t.Context(), Options{Dir: dir, Logger: quiet})
		got := want
		if err == nil {
			got, err = digest(t.Context(), log)
			must(t, log.Close())
		} else {
			sameFiles(t, dir, image)
		}
		if err != nil {
			seen++
		} else if got != want {
			t.Errorf("byte %d: the log reads differently and nobody says so", at)
		}
		db[at] ^= 1 << (at % 8)
	}
	if seen == 0 {
		t.Error("no damage was seen at all")
	}
}

func TestWhatIsNoLogOfOursIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		sql  string
		want error
		text string
	}{
		"a newer schema":      {"PRAGMA user_version = 2", ErrForeign, "newer Daybook"},
		"another application": {"PRAGMA application_id = 7", ErrForeign, "not a Daybook log"},
	} {
		dir := t.TempDir()
		log := open(t, Options{Dir: dir})
		must(t, appendN(t.Context(), log, 3))
		must(t, log.writer.c.Do(c.sql))
		must(t, log.Close())
		image := files(t, dir)
		_, err := Open(t.Context(), Options{Dir: dir, AcceptLoss: true})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := OpenReadOnly(t.Context(), dir); !errors.Is(err, c.want) {
			t.Errorf("%s, offline: %v", name, err)
		}
		sameFiles(t, dir, image)
	}
	dir := t.TempDir()
	write(t, dir, map[string][]byte{logName: bytes.Repeat([]byte("no database "), 1000)})
	if _, err := Open(t.Context(), Options{Dir: dir}); !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("a file of words: %v", err)
	}
}

func TestTriggersRefuseWhateverIsNoAppend(t *testing.T) {
	dir := t.TempDir()
	log := open(t, Options{Dir: dir})
	must(t, appendN(t.Context(), log, 3))
	// Another program, which does not set recursive_triggers.
	c, err := sqlite.Connect(filepath.Join(dir, logName), "mode=rw")
	must(t, err)
	defer c.Close()
	const row = "(%d, 1, 's', 1, 't', 1, 'a', '{}', NULL, zeroblob(32))"
	for _, sql := range []string{
		"UPDATE events SET data = '{}' WHERE seq = 2",
		"UPDATE events SET seq = 9 WHERE seq = 3",
		"DELETE FROM events WHERE seq = 3",
		"DELETE FROM events",
		"INSERT OR REPLACE INTO events VALUES " + fmt.Sprintf(row, 2),
		"INSERT OR REPLACE INTO events VALUES " + fmt.Sprintf(row, 3),
		"INSERT INTO events VALUES " + fmt.Sprintf(row, 5),
		"INSERT INTO events VALUES " + fmt.Sprintf(row, 0),
		"INSERT INTO events (at, stream, version, type, v, actor, data, hash) VALUES (1, 's', 1, 't', 1, 'a', '{}', zeroblob(32))",
		"UPDATE payloads SET body = x'00' WHERE seq = 1",
		"UPDATE meta SET log_id = 'x'",
		"DELETE FROM meta",
		"INSERT INTO meta VALUES (1, 'x', 1, 0, x'00')",
	} {
		if err := c.Do(sql); err == nil {
			t.Errorf("%s was taken", sql)
		}
	}
	if n, err := scanAll(t.Context(), log); n != 3 || err != nil {
		t.Errorf("%d events, %v", n, err)
	}
	// A payload may be deleted, so it can be replaced as well: its hash tells.
	must(t, c.Do("INSERT OR REPLACE INTO payloads VALUES (1, x'00', x'00')"))
	if _, err := log.Payload(t.Context(), 1); !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("a forged payload: %v", err)
	}
}

func TestAMissingEventIsNamed(t *testing.T) {
	log := open(t, Options{Dir: t.TempDir()})
	must(t, appendN(t.Context(), log, 40))
	must(t, log.writer.c.Do("DROP TRIGGER events_delete; DELETE FROM events WHERE seq = 30"))
	n, err := scanAll(t.Context(), log)
	if n != 29 || !errors.Is(err, eventlog.ErrDamaged) || !strings.Contains(err.Error(), "event 30 is missing") {
		t.Errorf("%d events, %v", n, err)
	}
}
