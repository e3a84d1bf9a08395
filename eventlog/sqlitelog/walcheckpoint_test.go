package sqlitelog

import (
	"path/filepath"
	"testing"

	"daybook/eventlog"
	"daybook/internal/sqlite"
)

// appendMuch appends about a megabyte in one call.
func appendMuch(t *testing.T, log *Log) error {
	t.Helper()
	entries := make([]eventlog.Entry, 330)
	for i := range entries {
		entries[i] = one(log, false)
	}
	return log.Append(t.Context(), entries)[len(entries)-1].Err
}

// aside opens the log as another program does.
func aside(t *testing.T, log *Log) *sqlite.Conn {
	t.Helper()
	c, err := sqlite.Connect(filepath.Join(log.dir, logName), "mode=rw")
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

func TestAReaderInTheWayDelaysTheCopyingAndNothingElse(t *testing.T) {
	log := open(t, Options{Dir: t.TempDir()})
	must(t, appendMuch(t, log))
	c := aside(t, log)
	must(t, c.Do("BEGIN"))
	_, err := c.Number("SELECT max(seq) FROM events")
	must(t, err)
	for range 12 {
		must(t, appendMuch(t, log))
	}
	if log.writer.checkpointer.restarts != 0 || log.Stats().WALBytes < 12<<20 {
		t.Errorf("the WAL has %d bytes and was restarted %d times under the eyes of a reader", log.Stats().WALBytes, log.writer.checkpointer.restarts)
	}
	must(t, c.Do("COMMIT"))
	for n := 0; log.writer.checkpointer.restarts == 0; n++ {
		if n == 200 {
			t.Fatalf("the reader is gone, and the WAL of %d bytes is not restarted", log.Stats().WALBytes)
		}
		must(t, appendMuch(t, log))
	}
	log.writer.checkpointer.group.Wait()
	if f := log.writer.checkpointer; f.copied > f.frames {
		t.Errorf("%d pages of %d count as copied: those of the WAL before", f.copied, f.frames)
	}
	if n, err := scanAll(t.Context(), log); n != log.Head().Seq || err != nil {
		t.Errorf("%d events, %v", n, err)
	}
}

func TestAnErrorOfTheCopyingStopsTheLog(t *testing.T) {
	for _, where := range []string{"beside appends", "in an append"} {
		t.Run(where, func(t *testing.T) {
			log := open(t, Options{Dir: t.TempDir(), Logger: quiet})
			f := log.writer.checkpointer
			bad, err := f.c.Prepare("INSERT INTO meta VALUES (1, 'x', 1, 0, x'00')")
			must(t, err)
			must(t, appendN(t.Context(), log, 3))
			if where == "in an append" {
				f.pageSize = waitFrom // every commit must wait
			} else {
				f.pageSize = copyFrom / 2
			}
			head := log.Head()
			f.checkpoint = bad
			err = appendN(t.Context(), log, 1)
			f.group.Wait()
			// The append may be answered before the copying has failed, or find that it has.
			if where == "beside appends" && err == nil {
				head = log.Head()
				err = appendN(t.Context(), log, 1)
			}
			stopped(t, log, err, head)
		})
	}
}

func TestAFailedLogIsNotCopied(t *testing.T) {
	log := open(t, Options{Dir: t.TempDir(), Logger: quiet})
	must(t, appendN(t.Context(), log, 3))
	_ = log.fail(eventlog.ErrDamaged)
	before := files(t, log.dir)
	log.writer.checkpointer.start()
	log.writer.checkpointer.group.Wait()
	sameFiles(t, log.dir, before)
}
