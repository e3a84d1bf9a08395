package viewfile

import (
	"database/sql/driver"

	"daybook/task"
)

// PutKeys writes what is known of concurrency keys, in that order.
func (b *Batch) PutKeys(keys []Key) error {
	var err error
	for i := range keys {
		if k := &keys[i]; k.Gone {
			err = b.w.dropKeyState.run(k.Queue, k.Key)
		} else {
			err = b.w.putKeyState.run(k.Queue, k.Key, int64(k.Due), int64(k.Finish))
		}
		if err != nil {
			return fail("write concurrency keys", err)
		}
	}
	return nil
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
