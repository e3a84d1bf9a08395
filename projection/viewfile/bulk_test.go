package viewfile

import "testing"

func TestTheWALOfARebuildStaysShortAndNothingIsLost(t *testing.T) {
	path := temp(t)
	f := open(t, path)
	ok(t, f.StartBulk())
	f.copier.most = 250
	const batches, size = 60, 200
	rows := make([]Row, size)
	var longest int64
	for i := range batches {
		makeRows(rows, i*size)
		archiveRange(t, f, rows, i*size)
		_, wal := f.Sizes()
		longest = max(longest, wal)
	}
	file, _ := f.Sizes()
	if most := int64(2 * f.copier.most * pageSize); longest > most {
		t.Errorf("the WAL was up to %d bytes long, want at most %d; the file has %d", longest, most, file)
	}
	ok(t, f.EndBulk(nil))
	if n, err := f.write.conn.Number("PRAGMA wal_autocheckpoint"); err != nil || n != 1000 {
		t.Errorf("want a WAL checkpoint every 1000 pages again, got %d (%v)", n, err)
	}
	ok(t, f.Close())
	f = open(t, path)
	defer func() { ok(t, f.Close()) }()
	if n, err := f.write.conn.Number("SELECT count(*) FROM ended"); err != nil || n != batches*size {
		t.Errorf("want %d tasks, got %d (%v)", batches*size, n, err)
	}
	if n, err := f.write.conn.Number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"); err != nil || n != 0 {
		t.Errorf("want no fault of the file, got %d (%v)", n, err)
	}
}
