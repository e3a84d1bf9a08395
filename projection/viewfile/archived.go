package viewfile

import "encoding/binary"

// archivedRow is how many archive numbers share a row.
const archivedRow = 4096

// archivedSeqs is the submit seqs of those that got the latest archive numbers, in that
// order, as far as they are not written yet.
type archivedSeqs struct {
	seqs   []byte // distances
	n      int
	before int64
}

// add takes in the one that got the number no.
func (a *archivedSeqs) add(w *writer, seq, no int64) error {
	a.seqs = binary.AppendVarint(a.seqs, seq-a.before)
	a.n++
	a.before = seq
	if a.n == archivedRow {
		return a.flush(w, no)
	}
	return nil
}

// flush writes them as a row. The last one has the number no.
func (a *archivedSeqs) flush(w *writer, no int64) error {
	if a.n == 0 {
		return nil
	}
	err := w.putArchived.run(no-int64(a.n)+1, a.seqs)
	a.clear()
	return err
}

func (a *archivedSeqs) clear() { *a = archivedSeqs{seqs: a.seqs[:0]} }
