package viewfile

import (
	"math"

	"daybook/internal/sqlite"
)

var liveSQL = "SELECT " + live.names + " FROM live WHERE submit_seq > ?1 + 0 ORDER BY submit_seq LIMIT ?2 + 0"

// liveChunk is the number of live tasks that are read per call.
const liveChunk = 1024

// Live calls fn for every live task in the order of submission. The Row is reused for the next task: fn
// must not keep it, but may keep its slices and strings. Only the goroutine that writes may call Live,
// between batches. Another goroutine reads ahead.
func (f *File) Live(fn func(*Row) error) error {
	chunks, free := make(chan []byte), make(chan []byte, 2)
	free <- nil
	free <- nil
	var readErr error
	go func() {
		defer close(chunks)
		readErr = f.write.readLive(chunks, free)
	}()
	var row Row
	var err error
	groups := *f.groups.Load()
	for chunk := range chunks {
		if err != nil {
			continue // drain what was read ahead
		}
		for values := sqlite.ValuesOf(chunk); values.More() && err == nil; {
			if err = fail("read live tasks", live.readRow(&row, &values, groups)); err == nil {
				err = fn(&row)
			}
		}
		if err == nil {
			free <- chunk
		} else {
			close(free)
		}
	}
	if err == nil {
		err = fail("read live tasks", readErr)
	}
	return err
}

// readLive sends the live tasks in chunks, which it reads into the buffers from free. It ends after the
// last task, or when free is closed.
func (w *writer) readLive(chunks chan<- []byte, free <-chan []byte) error {
	last := int64(math.MinInt64)
	for chunk := range free {
		chunk, err := w.live.Append(chunk[:0], last, liveChunk)
		if err != nil || len(chunk) == 0 {
			return err
		}
		for values := sqlite.ValuesOf(chunk); values.More(); {
			last = values.Number() // the first column
			for range len(live.columns) - 1 {
				values.Bytes()
			}
		}
		chunks <- chunk
	}
	return nil
}
