package viewfile

import (
	"database/sql/driver"

	"daybook/internal/sqlite"
	"daybook/task"
)

// PutKeys writes what is known of concurrency keys, in that order.
func (b *Batch) PutKeys(keys []Key) {
	w := b.w
	var rows []byte
	var into *sqlite.Rows
	for i := range keys {
		k := &keys[i]
		next := w.putKeyState
		if k.Gone {
			next = w.dropKeyState
		}
		if into != next || len(rows) >= atOnce {
			w.inserts.copy(into, rows)
			into, rows = next, rows[:0]
		}
		rows = appendText(appendText(rows, k.Queue), k.Key)
		if !k.Gone {
			rows = sqlite.AppendNumber(sqlite.AppendNumber(rows, int64(k.Due)), int64(k.Finish))
		}
	}
	w.inserts.copy(into, rows)
}

// Keys calls fn for all keys of which something is known. It is for the goroutine that writes, between batches.
func (f *File) Keys(fn func(Key)) error {
	err := f.write.each("SELECT queue, key, due, finish FROM queue_keys", 4, func(v []driver.Value) error {
		queue, ok1 := v[0].(string)
		key, ok2 := v[1].(string)
		if !ok1 || !ok2 {
			return damaged("a concurrency key is not text")
		}
		fn(Key{Queue: queue, Key: key, Due: task.Micros(intOf(v[2])), Finish: task.Micros(intOf(v[3]))})
		return nil
	})
	return fail("read concurrency keys", err)
}
