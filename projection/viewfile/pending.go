package viewfile

import (
	"encoding/binary"
	"slices"

	"daybook/internal/sqlite"

	"github.com/oklog/ulid/v2"
)

// pending is the rows that a batch has yet to write to the archive. They are written in
// the order of submit seqs: so they come, as a rule, at the end of the tree.
type pending struct {
	rows        []pendingRow
	has         map[int64]struct{} // submit seqs of rows; nil until somebody asks
	values      []byte             // of the rows, as sqlite.Rows takes them, one row behind the other
	terms       []int64            // of tags, one behind the other
	least, most int64              // submit seqs of rows lie in between

	order  []uint64 // room
	sorted []byte
}

type pendingRow struct {
	seq        int64
	id         ulid.ULID
	start, end uint32 // in values
	terms, n   uint32 // in terms
	entry      entry
	key        int64 // hash; 0 = none
}

const (
	// maxPending is how many rows wait in memory, and maxValues how many bytes of them.
	maxPending = 1 << pendingBits
	maxValues  = 64 << 20
	// Rows that lie close together do not wait for more of them: nearRows are enough if
	// there is one in nearSeqs submit seqs.
	nearRows = 1 << 13
	nearSeqs = 32
	// together is how many rows one statement inserts.
	together = 16
	// sortedRows is about how many are handed over at a time, a multiple of together.
	sortedRows = 16 * together

	pendingBits = 18
)

func (p *pending) full() bool {
	n := len(p.rows)
	return n >= maxPending || len(p.values) >= maxValues || n >= nearRows && p.most-p.least < int64(n)*nearSeqs
}

func (p *pending) clear() {
	p.rows, p.values, p.terms = p.rows[:0], p.values[:0], p.terms[:0]
	p.has = nil
}

// shrink lets go of room that few batches need.
func (p *pending) shrink() {
	if cap(p.rows) > 2*nearRows || cap(p.values) > 256*nearRows || cap(p.terms) > 8*nearRows {
		*p = pending{}
	}
}

// add takes in a row that goes to the archive.
func (p *pending) add(w *writer, r *Row, no int64) error {
	t := &r.Task
	row := pendingRow{seq: t.SubmitSeq, id: t.ID, start: uint32(len(p.values)), entry: entryOf(r)}
	p.values = sqlite.AppendNumber(sqlite.AppendNumber(p.values, t.SubmitSeq), no)
	p.values = appendBodyValue(sqlite.AppendBytes(p.values, t.ID[:]), r)
	row.end = uint32(len(p.values))
	row.terms = uint32(len(p.terms))
	var err error
	if p.terms, err = w.tagTerms(p.terms, t.Tags); err != nil {
		return err
	}
	row.n = uint32(len(p.terms)) - row.terms
	if t.IdempotencyKey != "" {
		row.key = hashKey(t.IdempotencyKey)
	}
	if len(p.rows) == 0 {
		p.least, p.most = row.seq, row.seq
	}
	p.least, p.most = min(p.least, row.seq), max(p.most, row.seq)
	p.rows = append(p.rows, row)
	if p.has != nil {
		p.has[row.seq] = struct{}{}
	}
	return nil
}

// appendBodyValue appends the row's body as a value of sqlite.Rows.
func appendBodyValue(dst []byte, r *Row) []byte {
	at := len(dst)
	dst = appendBody(append(dst, 0, 0, 0, 0), r)
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// holds tells whether the task with that submit seq waits here.
func (p *pending) holds(seq int64) bool {
	if p.has == nil {
		p.has = make(map[int64]struct{}, len(p.rows))
		for i := range p.rows {
			p.has[p.rows[i].seq] = struct{}{}
		}
	}
	_, ok := p.has[seq]
	return ok
}

// inOrder lists the rows by submit seq: the low bits of each number are the place of one.
func (p *pending) inOrder() []uint64 {
	p.order = p.order[:0]
	for i := range p.rows {
		p.order = append(p.order, uint64(p.rows[i].seq)<<pendingBits|uint64(i))
	}
	slices.Sort(p.order)
	return p.order
}

// flush writes the rows to the archive, and into the changes of its indexes.
func (p *pending) flush(w *writer, c *changes) error {
	order := p.inOrder()
	whole := len(order) - len(order)%together
	p.sorted = p.sorted[:0]
	for i, at := range order {
		row := &p.rows[at&(maxPending-1)]
		c.note(row.seq, row.entry, p.terms[row.terms:][:row.n], row.key)
		c.widen(row.seq, row.id)
		p.sorted = append(p.sorted, p.values[row.start:row.end]...)
		if n := i + 1; n%sortedRows == 0 || n == whole {
			if err := p.insert(w.putArchives); err != nil {
				return err
			}
		}
	}
	if err := p.insert(w.putArchive); err != nil {
		return err
	}
	p.clear()
	return nil
}

// insert inserts what is sorted.
func (p *pending) insert(rows *sqlite.Rows) error {
	_, err := rows.Insert(p.sorted)
	p.sorted = p.sorted[:0]
	return err
}
