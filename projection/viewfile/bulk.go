package viewfile

import "database/sql/driver"

// StartBulk begins a rebuild of an empty file: until EndBulk nothing waits for the
// disk, and the file is marked as not complete, so that Open refuses it if the
// rebuild is cut short. Batches and readers work as ever, but ByKey is not available.
func (f *File) StartBulk() error {
	if f.write.open {
		return ErrBusy
	}
	return fail("start bulk", f.doAll(
		"UPDATE about SET complete = 0",
		"PRAGMA wal_checkpoint(TRUNCATE)",
		"PRAGMA synchronous = OFF",
	))
}

// EndBulk makes the file complete: all of it is on disk when it returns. progress, if not
// nil, is told of steps done out of all.
func (f *File) EndBulk(progress func(done, total int64)) error {
	if f.write.open {
		return ErrBusy
	}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	steps := []string{
		"PRAGMA synchronous = NORMAL",
		"PRAGMA wal_checkpoint(TRUNCATE)",
		"UPDATE about SET complete = 1",
		"PRAGMA wal_checkpoint(TRUNCATE)",
	}
	for i, sql := range steps {
		progress(int64(i), int64(len(steps)))
		if err := f.write.conn.Do(sql); err != nil {
			return fail("end bulk", err)
		}
	}
	progress(int64(len(steps)), int64(len(steps)))
	return nil
}

func (f *File) doAll(statements ...string) error {
	for _, sql := range statements {
		if err := f.write.conn.Do(sql); err != nil {
			return err
		}
	}
	return nil
}

// Image calls fn for every task of the image in the order of submission. The Row is
// used again for the next one: fn must not keep it, but may keep its slices and text.
// It is for the goroutine that writes, between batches.
func (f *File) Image(fn func(*Row) error) error {
	groups := *f.groups.Load()
	var stop error
	var r Row
	err := f.write.each("SELECT seq, id, body FROM image ORDER BY seq", 3, func(v []driver.Value) error {
		seq := intOf(v[0])
		if err := decodeBody(&r, seq, bytesOf(v[1]), bytesOf(v[2]), groups); err != nil {
			return err
		}
		stop = fn(&r)
		return stop
	})
	if stop != nil {
		return stop
	}
	return fail("read image", err)
}
