package viewfile

import (
	"cmp"
	"database/sql/driver"
	"slices"

	"github.com/oklog/ulid/v2"
)

// pending is the rows that a batch has yet to write to the archive. They are written in
// the order of submit seqs: so they come, as a rule, at the end of the tree.
type pending struct {
	rows   []pendingRow
	has    map[int64]struct{} // submit seqs of rows; nil until somebody asks
	bodies []byte             // one behind the other
	terms  []int64            // of tags, one behind the other
}

type pendingRow struct {
	seq, no    int64
	id         ulid.ULID
	body, size int // in bodies
	terms, n   int // in terms
	entry      entry
	key        int64 // hash; 0 = none
}

const (
	// maxPending is how many rows wait in memory, and maxBodies how many bytes of them.
	maxPending = 1 << 18
	maxBodies  = 64 << 20
	// together is how many rows one statement inserts.
	together = 16
)

func (p *pending) full() bool { return len(p.rows) >= maxPending || len(p.bodies) >= maxBodies }

func (p *pending) clear() {
	p.rows, p.bodies, p.terms = p.rows[:0], p.bodies[:0], p.terms[:0]
	clear(p.has)
}

// add takes in a row that goes to the archive.
func (p *pending) add(w *writer, r *Row, no int64) error {
	t := &r.Task
	row := pendingRow{seq: t.SubmitSeq, no: no, id: t.ID, body: len(p.bodies), entry: entryOf(r)}
	p.bodies = appendBody(p.bodies, r)
	row.size = len(p.bodies) - row.body
	row.terms = len(p.terms)
	var err error
	if p.terms, err = w.tagTerms(p.terms, t.Tags); err != nil {
		return err
	}
	row.n = len(p.terms) - row.terms
	if t.IdempotencyKey != "" {
		row.key = hashKey(t.IdempotencyKey)
	}
	p.rows = append(p.rows, row)
	if p.has != nil {
		p.has[row.seq] = struct{}{}
	}
	return nil
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

// flush writes the rows to the archive, and into the changes of its indexes.
func (p *pending) flush(w *writer, c *changes) error {
	bySeq := func(a, b pendingRow) int { return cmp.Compare(a.seq, b.seq) }
	if !slices.IsSortedFunc(p.rows, bySeq) {
		slices.SortFunc(p.rows, bySeq)
	}
	for i := range p.rows {
		row := &p.rows[i]
		c.note(row.seq, row.entry, p.terms[row.terms:][:row.n], row.key)
		c.widen(row.seq, row.id)
	}
	rows := p.rows
	for ; len(rows) >= together; rows = rows[together:] {
		if err := p.insert(w.putArchives, rows[:together]); err != nil {
			return err
		}
	}
	for i := range rows {
		if err := p.insert(w.putArchive, rows[i:i+1]); err != nil {
			return err
		}
	}
	p.clear()
	return nil
}

func (p *pending) insert(s statement, rows []pendingRow) error {
	for i := range rows {
		row := &rows[i]
		for j, v := range [...]driver.Value{row.seq, row.no, row.id[:], p.bodies[row.body:][:row.size]} {
			s.Args[4*i+j].Value = v
		}
	}
	return s.Run()
}
