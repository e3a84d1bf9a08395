package sqlitelog

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"daybook/eventlog"
)

func TestALogThatIsLookedAtFirstIsUnchangedUntilWritingStarts(t *testing.T) {
	for name, image := range map[string]map[string][]byte{"killed": crashed(t, 40), "closed": closed(t, 40)} {
		t.Run(name, func(t *testing.T) {
			dir := imageDir(t, image)
			log := open(t, Options{Dir: dir, LookFirst: true})
			if n, err := scanAll(t.Context(), log); n != 40 || err != nil {
				t.Errorf("%d events, %v", n, err)
			}
			must(t, log.Close())
			sameFiles(t, dir, image)
			if _, err := os.Stat(filepath.Join(dir, lockName)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the lock file: %v", err)
			}

			log = open(t, Options{Dir: dir, LookFirst: true})
			page, err := log.Read(t.Context(), 0, eventlog.Filter{}, 25)
			if len(page.Events) != 25 || err != nil {
				t.Errorf("%d events, %v", len(page.Events), err)
			}
			must(t, log.StartWriting())
			must(t, log.StartWriting())
			must(t, appendN(t.Context(), log, 1))
			if page, err = log.Read(t.Context(), page.Scanned, eventlog.Filter{}, 25); len(page.Events) != 16 || err != nil {
				t.Errorf("then %d events, %v", len(page.Events), err)
			}
			must(t, log.Close())
			if log = open(t, Options{Dir: dir}); log.Head().Seq != 41 || log.Loss() != nil {
				t.Errorf("head %d, loss %v", log.Head().Seq, log.Loss())
			}
		})
	}
}

func TestANewLogNeedsNoLook(t *testing.T) {
	log := open(t, Options{Dir: t.TempDir(), LookFirst: true})
	must(t, appendN(t.Context(), log, 1))
	must(t, log.StartWriting())
	must(t, appendN(t.Context(), log, 1))
}

// A reader that comes after a failed start of writing hears that, and does not wait.
func TestALogThatCannotBeWrittenIsNotWaitedFor(t *testing.T) {
	dir := imageDir(t, crashed(t, 40))
	log, err := Open(t.Context(), Options{Dir: dir, LookFirst: true})
	must(t, err)
	must(t, os.Remove(filepath.Join(dir, logName+"-wal")))
	must(t, os.Mkdir(filepath.Join(dir, logName+"-wal"), 0o700))
	if err := log.StartWriting(); err == nil {
		t.Error("it was opened for writing")
	}
	if _, err := scanAll(t.Context(), log); !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("scan: %v", err)
	}
	must(t, log.Close())
}
