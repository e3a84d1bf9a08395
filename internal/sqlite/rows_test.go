package sqlite

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	sqlite3 "github.com/mattn/go-sqlite3"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) *Conn {
	t.Helper()
	c, err := Connect(filepath.Join(t.TempDir(), "rows.db"), "mode=rwc&_journal_mode=WAL")
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	must(t, c.Do(`CREATE TABLE rows (n INTEGER PRIMARY KEY, text TEXT NOT NULL, blob BLOB) STRICT;
		CREATE TRIGGER rows_insert BEFORE INSERT ON rows WHEN NEW.n > 100 BEGIN SELECT RAISE(ABORT, 'too many'); END`))
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func row(b []byte, n int64, text, blob string) []byte {
	return AppendBytes(AppendBytes(AppendNumber(b, n), []byte(text)), []byte(blob))
}

func insert(t *testing.T, c *Conn) *Rows {
	t.Helper()
	r, err := c.PrepareRows("INSERT INTO rows VALUES (?, ?, ?)", "itb")
	must(t, err)
	return r
}

func TestTheDriverHasTheFieldThatIsReadOfIt(t *testing.T) {
	c := open(t)
	if db, err := handleOf(c.SQLiteConn); db == nil || err != nil {
		t.Fatal(err)
	}
	_, err := c.CheckReading("SELECT 1") // by the handle
	must(t, err)
}

func TestADriverWithoutTheFieldIsRefused(t *testing.T) {
	for _, conn := range []any{&struct{ conn *int }{}, &struct{ db *int }{new(int)}, &struct{ db uintptr }{5}} {
		if db, err := handleOf(conn); db != nil || err == nil || !strings.Contains(err.Error(), "go-sqlite3") {
			t.Errorf("%T: %v, %v", conn, db, err)
		}
	}
	if db, err := handleOf(&sqlite3.SQLiteConn{}); db != nil || err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("%v, %v", db, err)
	}
}

func TestRowsComeBackAsTheyWere(t *testing.T) {
	c := open(t)
	r := insert(t, c)
	b := row(row(row(nil, -5, "", "x\x00y"), 0, "ü\n", ""), -1<<62, strings.Repeat("long", 5000), "z")
	if n, err := r.Insert(b); n != 3 || err != nil {
		t.Fatalf("%d rows, %v", n, err)
	}
	if n, err := r.Insert(nil); n != 0 || err != nil {
		t.Errorf("no rows: %d, %v", n, err)
	}
	for n, want := range map[int64][2]any{-5: {"", "x\x00y"}, 0: {"ü\n", nil}, -1 << 62: {strings.Repeat("long", 5000), "z"}} {
		got, err := c.Row(2, "SELECT text, blob FROM rows WHERE n = ?", n)
		must(t, err)
		if blob, ok := got[1].([]byte); ok {
			got[1] = string(blob)
		}
		if got[0] != want[0] || got[1] != want[1] {
			t.Errorf("row %d: %.20q, want %.20q", n, got, want)
		}
	}
}

func TestARefusedRowEndsTheCallAndTheNextOneWorks(t *testing.T) {
	c := open(t)
	r := insert(t, c)
	n, err := r.Insert(row(row(row(row(nil, 1, "a", ""), 2, "b", ""), 1, "c", ""), 3, "d", ""))
	if extended, primary := Code(err); n != 2 || primary != sqlite3.ErrConstraint || extended != sqlite3.ErrConstraintPrimaryKey {
		t.Errorf("a taken key: %d rows, %v", n, err)
	}
	if !strings.Contains(err.Error(), "rows.n") {
		t.Errorf("%q does not say what was refused", err)
	}
	if n, err := r.Insert(row(nil, 3, "d", "")); n != 1 || err != nil {
		t.Errorf("the next row: %d, %v", n, err)
	}
	if n, err := r.Insert(row(nil, 101, "e", "")); n != 0 || err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("a row that the trigger refuses: %d, %v", n, err)
	}
	must(t, c.IgnoreTriggers())
	if n, err := r.Insert(row(nil, 101, "e", "")); n != 1 || err != nil {
		t.Errorf("without triggers: %d, %v", n, err)
	}
}

func TestBytesThatAreNoRowAreRefused(t *testing.T) {
	c := open(t)
	r := insert(t, c)
	whole := row(nil, 1, "text", "blob")
	for cut := 1; cut < len(whole); cut++ {
		if n, err := r.Insert(whole[:cut]); n != 0 || err == nil {
			t.Errorf("%d bytes of %d: %d rows, %v", cut, len(whole), n, err)
		}
	}
	if _, err := r.Insert(AppendBytes(nil, []byte("1"))); err == nil {
		t.Error("a number of one byte was taken")
	}
	if n, err := c.Number("SELECT count(*) FROM rows"); n != 0 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	if _, err := c.PrepareRows("INSERT INTO elsewhere VALUES (?)", "i"); err == nil || errors.Is(err, sqlite3.ErrMisuse) || !strings.Contains(err.Error(), "no such table") {
		t.Errorf("prepare: %v", err)
	}
}

func TestFramesTellHowLongTheWALIs(t *testing.T) {
	c := open(t)
	if c.Frames() != 0 {
		t.Errorf("%d frames before they are counted", c.Frames())
	}
	must(t, c.CountFrames())
	r := insert(t, c)
	_, err := r.Insert(row(nil, 1, "a", ""))
	must(t, err)
	first := c.Frames()
	_, err = r.Insert(row(nil, 2, strings.Repeat("x", 100_000), ""))
	must(t, err)
	if second := c.Frames(); first < 1 || second < first+24 {
		t.Errorf("%d frames, then %d", first, second)
	}
	must(t, c.Do("PRAGMA wal_checkpoint(PASSIVE)"))
	_, err = r.Insert(row(nil, 3, "a", ""))
	must(t, err)
	if n := c.Frames(); n < 1 || n > first {
		t.Errorf("%d frames after all were copied", n)
	}
}
