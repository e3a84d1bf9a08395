package viewfile

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"daybook/internal/sqlite"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// pending has the rows that a batch has not written yet. They are written in the order of the keys of
// their tables, so that neighbours are written to one page.
type pending struct {
	// kept has rows to write to live, dropped submit seqs to delete from it, in the form of sqlite.Rows. A
	// task that was dropped is kept again only after a flush, which writes before it deletes.
	kept, dropped []byte

	ended   sorter[int64] // by submit seq
	tags    sorter[tagged]
	keys    sorter[keyed]
	numbers []int64 // submit seqs in the order of their archive numbers, which end with the latest
	zones   map[int64]*zone
}

// sorter holds rows until they are written in the order of their keys.
type sorter[K any] struct {
	rows    []sorted[K]
	values  []byte // of the rows, in the form of sqlite.Rows
	ordered []byte // buffer
}

// sorted is a row: its key, and the position of its values in sorter.values.
type sorted[K any] struct {
	key        K
	start, end uint32
}

// add adds a row whose values have been appended to s.values.
func (s *sorter[K]) add(key K, values []byte) {
	s.rows = append(s.rows, sorted[K]{key, uint32(len(s.values)), uint32(len(values))})
	s.values = values
}

// flush writes the rows in the order of their keys.
func (s *sorter[K]) flush(into *sqlite.Rows, compare func(a, b K) int) error {
	slices.SortFunc(s.rows, func(a, b sorted[K]) int { return compare(a.key, b.key) })
	s.ordered = s.ordered[:0]
	for i, r := range s.rows {
		s.ordered = append(s.ordered, s.values[r.start:r.end]...)
		if len(s.ordered) < atOnce && i < len(s.rows)-1 {
			continue
		}
		if _, err := into.Insert(s.ordered); err != nil {
			return err
		}
		s.ordered = s.ordered[:0]
	}
	s.rows, s.values = s.rows[:0], s.values[:0]
	return nil
}

// clear discards the rows, and memory that few batches need.
func (s *sorter[K]) clear() {
	if cap(s.values) > 2*mostPending {
		*s = sorter[K]{}
	}
	s.rows, s.values = s.rows[:0], s.values[:0]
}

// zone is a row of ended_zones, see schema.sql.
type zone struct {
	least, most ulid.ULID
	first, last int64 // minimum and maximum of the last seqs
}

type tagged struct {
	tag    string
	status uint8
	seq    int64
}

type keyed struct {
	key string
	seq int64
}

const (
	// mostPending is the maximum size of pending rows in bytes, approximately.
	mostPending = 8 << 20
	// atOnce is the number of bytes that are passed to SQLite per call, approximately.
	atOnce = 64 << 10

	epochBits = 21
	zoneBits  = 12
)

func epochOf(seq int64) int64 { return seq >> epochBits }

func zoneOf(seq int64) int64 { return seq >> zoneBits }

// clear discards everything.
func (p *pending) clear() {
	p.kept, p.dropped, p.numbers, p.zones = p.kept[:0], p.dropped[:0], p.numbers[:0], map[int64]*zone{}
	p.ended.clear()
	p.tags.clear()
	p.keys.clear()
}

// keep adds a row for live.
func (p *pending) keep(w *writer, r *Row) error {
	p.kept = live.appendRow(p.kept, r)
	if len(p.kept) < atOnce {
		return nil
	}
	return p.flushLive(w)
}

// drop deletes a task from live.
func (p *pending) drop(w *writer, seq int64) error {
	p.dropped = sqlite.AppendNumber(p.dropped, seq)
	if len(p.dropped) < atOnce {
		return nil
	}
	return p.flushLive(w)
}

func (p *pending) flushLive(w *writer) error {
	if _, err := w.putLive.Insert(p.kept); err != nil {
		return err
	}
	_, err := w.dropLive.Insert(p.dropped)
	p.kept, p.dropped = p.kept[:0], p.dropped[:0]
	return err
}

// add adds the rows of a task that has ended.
func (p *pending) add(w *writer, r *Row, number int64) error {
	t := &r.Task
	run, class := int64(-1), int64(-1)
	if t.StartedAt != 0 {
		run = max(int64(t.CompletedAt-t.StartedAt), 0)
		class = classOf(run)
	}
	values := p.ended.values
	for _, n := range [...]int64{number, run, class} {
		values = sqlite.AppendNumber(values, n)
	}
	p.ended.add(t.SubmitSeq, ended.appendRow(values, r))
	for i, tag := range t.Tags {
		if slices.Contains(t.Tags[:i], tag) {
			continue
		}
		values := appendText(p.tags.values, tag)
		for _, n := range [...]int64{int64(t.Status), t.SubmitSeq, int64(r.Group), run} {
			values = sqlite.AppendNumber(values, n)
		}
		p.tags.add(tagged{tag, uint8(t.Status), t.SubmitSeq}, values)
	}
	if key := t.IdempotencyKey; key != "" {
		values := appendText(sqlite.AppendNumber(p.keys.values, epochOf(t.SubmitSeq)), key)
		p.keys.add(keyed{key, t.SubmitSeq}, sqlite.AppendNumber(values, t.SubmitSeq))
	}
	p.numbers = append(p.numbers, t.SubmitSeq)
	p.widen(t)
	if len(p.ended.values) >= mostPending {
		if err := p.flushEnded(w); err != nil {
			return err
		}
	}
	if len(p.tags.values)+len(p.keys.values) < mostPending {
		return nil
	}
	return p.flush(w)
}

// widen extends the bounds of the task's zone to the task.
func (p *pending) widen(t *task.Task) {
	z := p.zones[zoneOf(t.SubmitSeq)]
	if z == nil {
		z = &zone{t.ID, t.ID, t.LastSeq, t.LastSeq}
		p.zones[zoneOf(t.SubmitSeq)] = z
	}
	if t.ID.Compare(z.least) < 0 {
		z.least = t.ID
	}
	if t.ID.Compare(z.most) > 0 {
		z.most = t.ID
	}
	z.first, z.last = min(z.first, t.LastSeq), max(z.last, t.LastSeq)
}

// flush writes everything.
func (p *pending) flush(w *writer) error {
	if err := p.flushLive(w); err != nil || len(p.numbers) == 0 {
		return err
	}
	err := errors.Join(p.flushEnded(w), p.flushNumbers(w))
	if err == nil {
		err = p.tags.flush(w.putTag, func(a, b tagged) int {
			return cmp.Or(strings.Compare(a.tag, b.tag), cmp.Compare(a.status, b.status), cmp.Compare(a.seq, b.seq))
		})
	}
	if err == nil {
		err = p.keys.flush(w.putKey, func(a, b keyed) int {
			return cmp.Or(cmp.Compare(epochOf(a.seq), epochOf(b.seq)), strings.Compare(a.key, b.key), cmp.Compare(a.seq, b.seq))
		})
	}
	for number, z := range p.zones {
		if err == nil {
			ids := appendID(appendID(sqlite.AppendNumber(nil, number), &z.least), &z.most)
			_, err = w.putZone.Insert(sqlite.AppendNumber(sqlite.AppendNumber(ids, z.first), z.last))
		}
	}
	p.clear()
	return err
}

func (p *pending) flushEnded(w *writer) error { return p.ended.flush(w.putEnded, cmp.Compare[int64]) }

// flushNumbers writes the latest archive numbers as one row of archived.
func (p *pending) flushNumbers(w *writer) error {
	var seqs []byte
	before := int64(0)
	for _, seq := range p.numbers {
		seqs = binary.AppendVarint(seqs, seq-before)
		before = seq
	}
	return w.putArchived.run(w.archived-int64(len(p.numbers))+1, w.archived, seqs)
}
