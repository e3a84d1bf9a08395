package viewfile

import (
	"math"

	"daybook/internal/sqlite"
)

var liveSQL = "SELECT " + live.names + " FROM live WHERE submit_seq > ?1 + 0 ORDER BY submit_seq LIMIT ?2 + 0"

// liveChunk is how many live tasks are read in one call.
const liveChunk = 1024

// Live calls fn for every live task in the order of submission. The Row is used again for the
// next one: fn must not keep it, but may keep its slices and text. It is for the goroutine that
// writes, between batches. Another one reads ahead.
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
			continue // what was read ahead
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

// readLive sends the live tasks in chunks, into memory that is free, until there is no more of
// one of them.
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
