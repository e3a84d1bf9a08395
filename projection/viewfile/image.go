package viewfile

import "daybook/sqlite"

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
