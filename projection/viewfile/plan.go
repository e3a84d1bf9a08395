package viewfile

import (
	"cmp"
	"container/heap"
	"context"
	"database/sql/driver"
	"slices"

	"daybook/internal/sqlite"

	"github.com/oklog/ulid/v2"
)

const (
	// maxCount is how far a plan counts what has no counter.
	maxCount = 50_000
	// mostIDs is the maximum number of tasks that are read by id and sorted.
	mostIDs = 2_000
	// tagCost is the cost of checking a task for a tag; reading a candidate costs 1.
	tagCost = 10
	// fewStreams is the number of streams that are read about as fast as one.
	fewStreams = 16
)

// plan chooses the index with the lowest cost. Its candidates include every match.
func (r *Reader) plan(m *match) (*walk, error) {
	if m.Parent != (ulid.ULID{}) {
		w := &walk{r: r, m: m, streams: []*stream{r.childStream(m.Parent)}}
		return w, w.start()
	}
	if m.isPlain(r.summary) && m.isOneTag() { // all candidates match
		w := &walk{r: r, m: m, streams: m.tagStreams(r), byTags: true}
		return w, w.start()
	}
	cost := int64(1) // of a candidate from an index without tags
	if m.tags != nil {
		cost = tagCost * int64(len(m.tags))
	}
	best := &walk{r: r, m: m, streams: []*stream{{query: r.all}}}
	least := min(r.summary.ended, m.before-m.from) * cost
	if m.facets != nil {
		if n := m.inFacets(r.summary) * cost; n < least {
			best, least = &walk{r: r, m: m, streams: m.facetStreams(r)}, n
		}
	}
	if m.byRun {
		n, err := r.count(&r.countClasses, least, m.firstClass, m.lastClass)
		if err != nil {
			return nil, err
		}
		if n *= cost; n < least {
			best, least = &walk{r: r, m: m, streams: m.classStreams(r)}, n
		}
	}
	if m.tags != nil {
		n := int64(0)
		for _, tag := range m.tags {
			tagged, err := r.count(&r.countTag, least, tag)
			if err != nil {
				return nil, err
			}
			n += tagged
		}
		if n < least {
			best, least = &walk{r: r, m: m, streams: m.tagStreams(r), byTags: true}, n
		}
	}
	if m.ids[0] != "" && least > mostIDs {
		found, err := r.byIDs(m)
		if err != nil {
			return nil, err
		}
		if len(found) <= mostIDs {
			best = &walk{r: r, m: m, streams: []*stream{{waiting: found, ended: true}}, byIDs: true}
		}
	}
	return best, best.start()
}

// inFacets estimates the number of tasks with the facets of the match.
func (m *match) inFacets(s *summary) (n int64) {
	for _, facet := range m.listed {
		if int(facet) < len(s.counts) {
			n += s.counts[facet]
		}
	}
	if len(m.listed) <= fewStreams {
		n = min(n, s.ended-1) // less than reading all tasks
	}
	return n
}

// count counts up to enough. If it reaches maxCount, the number is unknown, and it returns at least
// half of all tasks.
func (r *Reader) count(what *statement, enough int64, args ...driver.Value) (int64, error) {
	limit := min(max(enough, 0), maxCount)
	found, err := what.row(r.dest[:1], append(args, limit)...)
	if err != nil || !found {
		return 0, err
	}
	n := intOf(r.dest[0])
	if n == maxCount {
		n = max(n, r.summary.ended/2)
	}
	return n, nil
}

// byIDs reads the tasks whose ids match, the latest first: at most mostIDs and one.
func (r *Reader) byIDs(m *match) (found []candidate, err error) {
	r.read, err = r.ids.AppendText(r.read[:0], `["`+m.ids[0]+`","`+m.ids[1]+`"]`, m.least, m.most, mostIDs+1)
	if err != nil {
		return nil, err
	}
	if found, err = readCandidates(nil, r.read); err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b candidate) int { return cmp.Compare(b.seq, a.seq) })
	return found, nil
}

func (m *match) facetStreams(r *Reader) (streams []*stream) {
	for _, facet := range m.listed {
		streams = append(streams, &stream{query: r.facet, parameters: []int64{int64(facet / FacetSpan), int64(facet % FacetSpan)}})
	}
	return streams
}

func (m *match) classStreams(r *Reader) (streams []*stream) {
	for class := m.firstClass; class <= m.lastClass; class++ {
		streams = append(streams, &stream{query: r.class, parameters: []int64{class}})
	}
	return streams
}

func (r *Reader) childStream(parent ulid.ULID) *stream {
	return &stream{query: r.children, byTag: true, tag: parent.String()}
}

func (m *match) tagStreams(r *Reader) (streams []*stream) {
	for _, status := range m.statuses() {
		for _, tag := range m.tags {
			streams = append(streams, &stream{query: r.tag, byTag: true, tag: tag, parameters: []int64{int64(status)}})
		}
	}
	return streams
}

// walk merges the candidates of all streams, the latest submitted first.
type walk struct {
	r       *Reader
	m       *match
	streams []*stream
	byTags  bool // all candidates have one of the tags
	byIDs   bool // the ids of all candidates match
}

// stream has the candidates of one value of an index, the latest submitted first.
type stream struct {
	query      *sqlite.Query
	byTag      bool    // the first parameter is a text
	tag        string  // the text
	parameters []int64 // of the query, between the tag and the bounds
	buffer     []candidate
	waiting    []candidate // the rest of buffer
	before     int64       // candidates before this submit seq have not been read
	size       int64       // number of candidates to read next
	ended      bool        // all candidates have been read
}

const (
	firstRead = 256 // candidates of all streams together, approximately
	mostRead  = 2048
)

// start reads the first candidates of each stream.
func (w *walk) start() error {
	streams := w.streams
	w.streams = w.streams[:0]
	for _, s := range streams {
		if s.waiting == nil {
			s.before, s.size = w.m.before, max(4, int64(firstRead/len(streams)))
			if err := w.read(s); err != nil {
				return err
			}
		}
		if len(s.waiting) > 0 {
			w.streams = append(w.streams, s)
		}
	}
	heap.Init(w)
	return nil
}

// next returns the next candidate, and false after the last one.
func (w *walk) next(ctx context.Context) (candidate, bool, error) {
	if len(w.streams) == 0 {
		return candidate{}, false, nil
	}
	s := w.streams[0]
	c := s.waiting[0]
	s.waiting = s.waiting[1:]
	if len(s.waiting) == 0 && !s.ended {
		if err := ctx.Err(); err != nil {
			return candidate{}, false, err
		}
		if err := w.read(s); err != nil {
			return candidate{}, false, err
		}
	}
	if len(s.waiting) == 0 {
		heap.Pop(w)
	} else if len(w.streams) > 1 {
		heap.Fix(w, 0)
	}
	return c, true, nil
}

// read reads the next candidates of a stream.
func (w *walk) read(s *stream) (err error) {
	var room [8]int64
	numbers := append(append(room[:0], s.parameters...), w.m.from, s.before, w.m.least, w.m.most, s.size)
	r := w.r
	if s.byTag {
		r.read, err = s.query.AppendText(r.read[:0], s.tag, numbers...)
	} else {
		r.read, err = s.query.Append(r.read[:0], numbers...)
	}
	if err != nil {
		return err
	}
	if s.buffer, err = readCandidates(s.buffer[:0], r.read); err != nil {
		return err
	}
	s.waiting = s.buffer
	n := int64(len(s.waiting))
	if s.ended = n < s.size; n > 0 {
		s.before = s.waiting[n-1].seq
	}
	s.size = min(4*s.size, mostRead)
	return nil
}

func readCandidates(dst []candidate, rows []byte) ([]candidate, error) {
	for v := sqlite.ValuesOf(rows); v.More(); {
		c := candidate{seq: v.Number(), facet: uint32(v.Number())*FacetSpan + uint32(v.Number())}
		if !v.Whole() {
			return dst, damaged("an index cannot be read")
		}
		dst = append(dst, c)
	}
	return dst, nil
}

// A walk is a heap of streams, the one with the latest candidate on top.

func (w *walk) Len() int           { return len(w.streams) }
func (w *walk) Less(i, j int) bool { return w.streams[i].waiting[0].seq > w.streams[j].waiting[0].seq }
func (w *walk) Swap(i, j int)      { w.streams[i], w.streams[j] = w.streams[j], w.streams[i] }
func (w *walk) Push(x any)         { w.streams = append(w.streams, x.(*stream)) }

func (w *walk) Pop() any {
	s := w.streams[len(w.streams)-1]
	w.streams = w.streams[:len(w.streams)-1]
	return s
}
