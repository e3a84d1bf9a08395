package viewfile

import (
	"cmp"
	"encoding/binary"
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
	claims        []byte // rows to write to claims

	ended   sorter[int64] // by submit seq
	tags    sorter[tagged]
	keys    sorter[keyed]
	numbers []int64 // submit seqs in the order of their archive numbers, which end with the latest
	zones   map[int64]*zone
}

// sorter holds rows until they are written in the order of their keys.
type sorter[K any] struct {
	rows   []sorted[K]
	values []byte // of the rows, in the form of sqlite.Rows
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

// flush queues the rows in the order of their keys.
func (s *sorter[K]) flush(q *inserter, into *sqlite.Rows, compare func(a, b K) int) {
	slices.SortFunc(s.rows, func(a, b sorted[K]) int { return compare(a.key, b.key) })
	var ordered []byte
	for i, r := range s.rows {
		if len(ordered) == 0 {
			ordered = q.buffer()
		}
		ordered = append(ordered, s.values[r.start:r.end]...)
		if len(ordered) >= atOnce || i == len(s.rows)-1 {
			q.insert(into, ordered)
			ordered = nil
		}
	}
	s.rows, s.values = s.rows[:0], s.values[:0]
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
	// mostPending is the maximum size of the pending rows of tags and keys in bytes, approximately.
	mostPending = 8 << 20
	// mostEnded is that of the rows of tasks. It is less, so that SQLite begins while more are prepared.
	mostEnded = 4 << 20

	epochBits = 21
	zoneBits  = 12
)

func epochOf(seq int64) int64 { return seq >> epochBits }

func zoneOf(seq int64) int64 { return seq >> zoneBits }

// clear discards everything.
func (p *pending) clear() {
	p.kept, p.dropped, p.claims, p.numbers, p.zones = p.kept[:0], p.dropped[:0], p.claims[:0], p.numbers[:0], map[int64]*zone{}
	p.ended.clear()
	p.tags.clear()
	p.keys.clear()
}

// keep adds a row for live.
func (p *pending) keep(w *writer, r *Row) {
	if p.kept = live.appendRow(p.kept, r); len(p.kept) >= atOnce {
		p.flushLive(w)
	}
}

// drop deletes a task from live.
func (p *pending) drop(w *writer, seq int64) {
	if p.dropped = sqlite.AppendNumber(p.dropped, seq); len(p.dropped) >= atOnce {
		p.flushLive(w)
	}
}

func (p *pending) flushLive(w *writer) {
	w.inserts.copy(w.putLive, p.kept)
	w.inserts.copy(w.dropLive, p.dropped)
	p.kept, p.dropped = p.kept[:0], p.dropped[:0]
}

// claim adds that an ended task holds a unique key for a time.
func (p *pending) claim(w *writer, t *task.Task) {
	claim, ok := t.Claims()
	if !ok || t.Links.Unique.For == 0 {
		return
	}
	row := sqlite.AppendNumber(sqlite.AppendBytes(p.claims, claim[:]), t.SubmitSeq)
	if p.claims = sqlite.AppendNumber(row, int64(t.Links.Unique.Until())); len(p.claims) >= atOnce {
		p.flushClaims(w)
	}
}

func (p *pending) flushClaims(w *writer) {
	w.inserts.copy(w.putClaim, p.claims)
	p.claims = p.claims[:0]
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
	for i, tag := range t.Tags() {
		if slices.Contains(t.Tags()[:i], tag) {
			continue
		}
		values := appendText(p.tags.values, tag)
		for _, n := range [...]int64{int64(t.Status), t.SubmitSeq, int64(r.Group), run} {
			values = sqlite.AppendNumber(values, n)
		}
		p.tags.add(tagged{tag, uint8(t.Status), t.SubmitSeq}, values)
	}
	if key := t.IdempotencyKey(); key != "" {
		values := appendText(sqlite.AppendNumber(p.keys.values, epochOf(t.SubmitSeq)), key)
		p.keys.add(keyed{key, t.SubmitSeq}, sqlite.AppendNumber(values, t.SubmitSeq))
	}
	p.numbers = append(p.numbers, t.SubmitSeq)
	p.widen(t)
	if len(p.ended.values) >= mostEnded {
		p.flushEnded(w)
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
	p.flushLive(w)
	p.flushClaims(w)
	p.flushEnded(w)
	p.tags.flush(w.inserts, w.putTag, func(a, b tagged) int {
		return cmp.Or(strings.Compare(a.tag, b.tag), cmp.Compare(a.status, b.status), cmp.Compare(a.seq, b.seq))
	})
	p.keys.flush(w.inserts, w.putKey, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(epochOf(a.seq), epochOf(b.seq)), strings.Compare(a.key, b.key), cmp.Compare(a.seq, b.seq))
	})
	var zones []byte
	for number, z := range p.zones {
		zones = appendID(appendID(sqlite.AppendNumber(zones, number), &z.least), &z.most)
		zones = sqlite.AppendNumber(sqlite.AppendNumber(zones, z.first), z.last)
	}
	w.inserts.copy(w.putZone, zones)
	err := w.inserts.wait()
	if err == nil && len(p.numbers) > 0 {
		err = p.flushNumbers(w)
	}
	p.clear()
	return err
}

func (p *pending) flushEnded(w *writer) { p.ended.flush(w.inserts, w.putEnded, cmp.Compare[int64]) }

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
