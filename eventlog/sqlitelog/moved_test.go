package sqlitelog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/eventlog"
	"daybook/internal/sqlite"
)

// ways are those in which the files of an open log are taken away.
var ways = map[string]func(dir string) error{
	"the folder is removed": os.RemoveAll,
	"the folder is renamed": func(dir string) error { return os.Rename(dir, dir+".away") },
	"the folder is replaced by a copy": func(dir string) error {
		return errors.Join(os.Rename(dir, dir+".away"), os.CopyFS(dir, os.DirFS(dir+".away")))
	},
	"the folder is replaced by an empty one": func(dir string) error {
		return errors.Join(os.Rename(dir, dir+".away"), os.Mkdir(dir, 0o700))
	},
	"the database is removed":  func(dir string) error { return os.Remove(filepath.Join(dir, logName)) },
	"the WAL is removed":       func(dir string) error { return os.Remove(filepath.Join(dir, logName+"-wal")) },
	"the witness is removed":   func(dir string) error { return os.Remove(filepath.Join(dir, sidecarName)) },
	"the lock file is removed": func(dir string) error { return os.Remove(filepath.Join(dir, lockName)) },
	"the database is replaced by a copy": func(dir string) error {
		path := filepath.Join(dir, logName)
		return errors.Join(sqlite.CopyFile(path+".copy", path), os.Rename(path+".copy", path))
	},
}

func TestALogWhoseFilesAreTakenAwayAcknowledgesNothingMore(t *testing.T) {
	for name, take := range ways {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			log, err := Open(t.Context(), Options{Dir: dir, Logger: quiet})
			must(t, err)
			must(t, appendN(t.Context(), log, 5))
			must(t, log.CheckFiles())
			head := log.Head()
			must(t, take(dir))
			if err := log.CheckFiles(); !errors.Is(err, eventlog.ErrMoved) || !strings.Contains(err.Error(), "removed or replaced") {
				t.Errorf("check: %v", err)
			}
			err = appendN(t.Context(), log, 1)
			if !errors.Is(err, eventlog.ErrMoved) || !errors.Is(err, eventlog.ErrDamaged) || errors.Is(err, eventlog.ErrUnknown) {
				t.Errorf("append: %v", err)
			}
			if n, err := scanAll(t.Context(), log); n != head.Seq || err != nil || log.Head() != head {
				t.Errorf("%d events, head %d: %v", n, log.Head().Seq, err)
			}
			if err := log.ErasePayloads(t.Context(), 1); !errors.Is(err, eventlog.ErrMoved) {
				t.Errorf("erase: %v", err)
			}
			must(t, log.Close())
		})
	}
}

// What was written before anybody looked is not acknowledged either: it may be on disk or not.
func TestWhatWasAppendedWhenTheFilesWereTakenAwayIsUnknown(t *testing.T) {
	for name, take := range ways {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			log, err := Open(t.Context(), Options{Dir: dir, Logger: quiet})
			must(t, err)
			must(t, appendN(t.Context(), log, 5))
			head := log.Head()
			must(t, take(dir))
			if err := log.Append(t.Context(), []eventlog.Entry{one(log, false)})[0].Err; !errors.Is(err, eventlog.ErrUnknown) || log.Head() != head {
				t.Errorf("append: %v, head %d", err, log.Head().Seq)
			}
			if !errors.Is(log.Damage(), eventlog.ErrMoved) {
				t.Errorf("damage %v", log.Damage())
			}
			must(t, log.Close())
		})
	}
}

func TestAnAcceptedLossAndAnOrderlyRestartMoveNothing(t *testing.T) {
	image := crashed(t, 40)
	delete(image, sidecarName)
	dir := imageDir(t, image)
	log := open(t, Options{Dir: dir, AcceptLoss: true, Logger: quiet})
	for range 3 {
		must(t, appendN(t.Context(), log, 1))
		must(t, log.CheckFiles())
	}
}
