package viewfile

import (
	"math"

	"daybook/internal/sqlite"
)

// imageRows is what a batch has yet to write of the image. What is kept is written before
// what is dropped: a task goes both ways in that order, or flush comes in between.
type imageRows struct {
	kept, dropped []byte // as sqlite.Rows takes them
}

// imageRoom is how many bytes of each wait in memory.
const imageRoom = 64 << 10

func (i *imageRows) keep(w *writer, r *Row) error {
	i.kept = sqlite.AppendBytes(sqlite.AppendNumber(i.kept, r.Task.SubmitSeq), r.Task.ID[:])
	i.kept = appendBodyValue(i.kept, r)
	return i.flushOver(w, imageRoom)
}

func (i *imageRows) drop(w *writer, seq int64) error {
	i.dropped = sqlite.AppendNumber(i.dropped, seq)
	return i.flushOver(w, imageRoom)
}

func (i *imageRows) flush(w *writer) error { return i.flushOver(w, 1) }

// flushOver writes it if one of the two has so many bytes.
func (i *imageRows) flushOver(w *writer, size int) error {
	if len(i.kept) < size && len(i.dropped) < size {
		return nil
	}
	if _, err := w.putImage.Insert(i.kept); err != nil {
		return err
	}
	if _, err := w.dropImage.Insert(i.dropped); err != nil {
		return err
	}
	i.clear()
	return nil
}

func (i *imageRows) clear() { i.kept, i.dropped = i.kept[:0], i.dropped[:0] }

const (
	imageSQL = "SELECT seq, id, body FROM image WHERE seq > ?1 + 0 ORDER BY seq LIMIT ?2 + 0"
	// imageChunk is how many tasks of the image are read in one call.
	imageChunk = 1024
)

// Image calls fn for every task of the image in the order of submission. The Row is
// used again for the next one: fn must not keep it, but may keep its slices and text.
// It is for the goroutine that writes, between batches. Another one reads ahead.
func (f *File) Image(fn func(*Row) error) error {
	chunks, free := make(chan []byte), make(chan []byte, 2)
	free <- nil
	free <- nil
	var readErr error
	go func() {
		defer close(chunks)
		readErr = f.write.readImage(chunks, free)
	}()
	var row Row
	var err error
	groups := *f.groups.Load()
	for chunk := range chunks {
		if err != nil {
			continue // what was read ahead
		}
		for values := sqlite.ValuesOf(chunk); values.More() && err == nil; {
			seq, id, body := values.Number(), values.Bytes(), values.Bytes()
			if err = fail("read image", decodeBody(&row, seq, id, body, groups)); err == nil {
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
		err = fail("read image", readErr)
	}
	return err
}

// readImage sends the image in chunks, into memory that is free, until there is no more of
// one of them.
func (w *writer) readImage(chunks chan<- []byte, free <-chan []byte) error {
	last := int64(math.MinInt64)
	for chunk := range free {
		chunk, err := w.image.Append(chunk[:0], last, imageChunk)
		if err != nil || len(chunk) == 0 {
			return err
		}
		for values := sqlite.ValuesOf(chunk); values.More(); {
			last, _, _ = values.Number(), values.Bytes(), values.Bytes()
		}
		chunks <- chunk
	}
	return nil
}
