package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

const page = 4096

func openSummed(t *testing.T, path string) *Conn {
	t.Helper()
	c, err := ConnectSummed(path, "", page)
	must(t, err)
	return c
}

// makeSummed makes a database with rows of a text each.
func makeSummed(t *testing.T, rows int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "summed.db")
	c := openSummed(t, path)
	must(t, c.MakeSummed(page))
	must(t, c.Do("PRAGMA journal_mode = WAL; CREATE TABLE texts (n INTEGER PRIMARY KEY, text TEXT)"))
	for n := range rows {
		must(t, c.Do(fmt.Sprintf("INSERT INTO texts VALUES (%d, 'text of row %d')", n, n)))
	}
	must(t, c.Close())
	return path
}

func countTexts(c *Conn) (int64, error) {
	return c.Number("SELECT count(*) FROM texts WHERE text LIKE 'text of row %'")
}

func TestAPageThatChangedOnDiskIsNotRead(t *testing.T) {
	path := makeSummed(t, 1000)
	whole, err := os.ReadFile(path)
	must(t, err)
	if len(whole)%page != 0 || len(whole) < 4*page {
		t.Fatalf("the database has %d bytes", len(whole))
	}
	for name, bad := range map[string][]byte{
		"a bit of a text":        flipped(whole, bytes.LastIndex(whole, []byte("row 999"))),
		"a bit of a checksum":    flipped(whole, 2*page-1),
		"a bit of the header":    flipped(whole, 17),
		"pages exchanged":        bytes.Join([][]byte{whole[:page], whole[2*page : 3*page], whole[page : 2*page], whole[3*page:]}, nil),
		"a page of zeros":        bytes.Join([][]byte{whole[:page], make([]byte, page), whole[2*page:]}, nil),
		"the last page cut away": whole[:len(whole)-page],
	} {
		must(t, os.WriteFile(path, bad, 0o600))
		n := int64(0)
		c, err := ConnectSummed(path, "", page)
		if err == nil {
			n, err = countTexts(c)
			must(t, c.Close())
		}
		if !IsDamaged(err) {
			t.Errorf("%s: %d rows, %v", name, n, err)
		}
	}
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 4
	return b
}

func TestOtherProgramsCanReadASummedDatabaseAndNotWriteIt(t *testing.T) {
	path := makeSummed(t, 100)
	c, err := Connect(path, "")
	must(t, err)
	if n, err := countTexts(c); n != 100 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	must(t, c.Do("UPDATE texts SET text = 'another' WHERE n = 7"))
	must(t, c.Close())
	c = openSummed(t, path)
	if n, err := countTexts(c); !IsDamaged(err) {
		t.Errorf("%d rows, %v", n, err)
	}
	must(t, c.Close())
}

func TestADatabaseWithoutRoomForChecksumsIsNotWritten(t *testing.T) {
	c := openSummed(t, filepath.Join(t.TempDir(), "plain.db"))
	if err := c.Do("CREATE TABLE texts (n)"); err == nil {
		t.Error("it was made without a word")
	}
	must(t, c.Close())
}

// A frame that changes under a process that reads it is not read; nor is one of a WAL that
// was left behind, whose pages may lie in the database already.
func TestAFrameThatChangedOnDiskIsNotRead(t *testing.T) {
	path := makeSummed(t, 1)
	c := openSummed(t, path)
	must(t, c.Do("PRAGMA wal_autocheckpoint = 0; INSERT INTO texts VALUES (1000, 'text of row 1000')"))
	wal, err := os.ReadFile(path + "-wal")
	must(t, err)
	must(t, CheckWAL(path, page))
	at := bytes.Index(wal, []byte("row 1000"))
	overwrite := func(b []byte) {
		t.Helper()
		f, err := os.OpenFile(path+"-wal", os.O_WRONLY, 0)
		must(t, err)
		_, err = f.WriteAt(b, 0)
		must(t, errors.Join(err, f.Close()))
	}
	overwrite(flipped(wal, at))
	reader := openSummed(t, path)
	if n, err := countTexts(reader); !IsDamaged(err) {
		t.Errorf("%d rows, %v", n, err)
	}
	for _, at := range []int{0, 9, 17, 24, walHeader + 3, walHeader + 9, walHeader + 17, at} {
		overwrite(flipped(wal, at))
		if err := CheckWAL(path, page); !errors.Is(err, ErrWAL) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
	overwrite(wal)
	if n, err := countTexts(reader); n != 2 || err != nil {
		t.Errorf("as it was: %d rows, %v", n, err)
	}
	must(t, reader.Close())
	must(t, c.Close())
}

func TestAWALThatWasBegunAnewOrCutInAFrameIsWhole(t *testing.T) {
	path := makeSummed(t, 1)
	c := openSummed(t, path)
	for n := range 100 {
		must(t, c.Do(fmt.Sprintf("INSERT INTO texts VALUES (%d, '%0900d')", n+10, n)))
	}
	must(t, c.Do("PRAGMA wal_checkpoint(RESTART); INSERT INTO texts VALUES (1000, 'text of row 1000')"))
	must(t, CheckWAL(path, page))
	wal, err := os.ReadFile(path + "-wal")
	must(t, err)
	must(t, c.Close())
	for _, n := range []int{len(wal), len(wal) - 1, walHeader + 10, walHeader, 5, 0} {
		must(t, os.WriteFile(path+"-wal", wal[:n], 0o600))
		if err := CheckWAL(path, page); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	must(t, os.Remove(path+"-wal"))
	must(t, CheckWAL(path, page))
}
