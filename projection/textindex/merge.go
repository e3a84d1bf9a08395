package textindex

import (
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"slices"
)

// mergeDue merges small segments until no tier has too many. Only neighbours in age are merged, so
// that the newer version of a document stays the newer one.
func (w *writer) mergeDue(ctx context.Context, s *state) error {
	for {
		from := w.due(s)
		if from < 0 {
			return nil
		}
		if err := w.merge(ctx, s, from); err != nil {
			return err
		}
	}
}

// due returns the index of the first open segment to merge, or -1 if no merge is due. It merges the
// newest segments up to a tier that has as many as the fan, or all if they fill a segment, or if there
// are many because large and small ones alternate.
func (w *writer) due(s *state) int {
	total := 0
	for _, g := range s.open {
		total += g.docs
	}
	if len(s.open) > 1 && total > w.limits.docs || len(s.open) > 8*w.limits.fan {
		return 0
	}
	from := len(s.open)
	for tier := 0; from > 0; tier++ {
		n := 0
		for ; from > 0 && w.limits.tier(s.open[from-1]) <= tier; from-- {
			n++
		}
		if n >= w.limits.fan {
			return from
		}
	}
	return -1
}

// mergeAll merges all open segments, because a sealed one follows them.
func (w *writer) mergeAll(ctx context.Context, s *state) error {
	for len(s.open) > 1 {
		if err := w.merge(ctx, s, 0); err != nil {
			return err
		}
	}
	return nil
}

// merge merges the open segments from the given one on, as many as fit into one segment.
func (w *writer) merge(ctx context.Context, s *state, from int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	end, docs, size := from, 0, int64(0)
	for end < len(s.open) {
		g := s.open[end]
		if docs+g.docs > w.limits.docs || size+g.bytes > w.limits.bytes {
			break
		}
		docs, size, end = docs+g.docs, size+g.bytes, end+1
	}
	if end-from < 2 { // together they exceed the limits
		s.open = slices.Clone(s.open[from+1:])
		return nil
	}
	run := s.open[from:end]
	g, err := w.mergeRun(s, run, nil)
	if err != nil {
		return err
	}
	for _, old := range run {
		if err := w.remove(old); err != nil {
			return err
		}
		s.docs -= int64(old.docs)
	}
	if w.limits.sealed(g) {
		// Older segments have no open neighbour any more.
		s.open = slices.Clone(s.open[end:])
		return nil
	}
	s.open = slices.Replace(s.open, from, end, g)
	return nil
}

func (w *writer) remove(g segment) error {
	for _, s := range w.drop {
		s.Args[0].Value = g.id << rowBits
		if err := s.Run(); err != nil {
			return err
		}
	}
	return nil
}

// source is a segment that is being merged.
type source struct {
	cursor
	to []int32 // maps its places to those of the merged segment; -1 = a newer segment has the document, or it was erased
}

// sources is a heap, ordered by the current word.
type sources []*source

func (s sources) Len() int           { return len(s) }
func (s sources) Less(i, j int) bool { return bytes.Compare(s[i].current(), s[j].current()) < 0 }
func (s sources) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *sources) Push(x any)        { *s = append(*s, x.(*source)) }
func (s *sources) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}

// mergeRun writes the segment that replaces the run, without the documents that were erased. It is empty if none is left.
func (w *writer) mergeRun(s *state, run []segment, erased map[int64]bool) (segment, error) {
	all, numbers, err := w.number(run, erased)
	if err != nil || len(numbers) == 0 {
		return segment{}, err
	}
	out := w.begin(s, run[len(run)-1].age, len(numbers))
	var h sources
	for _, src := range all {
		if ok, err := src.next(); err != nil {
			return segment{}, err
		} else if ok {
			h = append(h, src)
		}
	}
	heap.Init(&h)
	var word []byte
	var places, read []uint16
	for len(h) > 0 {
		word, places = append(word[:0], h[0].current()...), places[:0]
		sorted := true
		for len(h) > 0 && bytes.Equal(h[0].current(), word) {
			src := h[0]
			if read, err = src.places(&w.read, read[:0]); err != nil {
				return segment{}, err
			}
			for _, p := range read {
				to := src.to[p]
				if to < 0 {
					continue
				}
				sorted = sorted && (len(places) == 0 || places[len(places)-1] < uint16(to))
				places = append(places, uint16(to))
			}
			if ok, err := src.next(); err != nil {
				return segment{}, err
			} else if ok {
				heap.Fix(&h, 0)
			} else {
				heap.Pop(&h)
			}
		}
		if !sorted {
			places = sortPlaces(places)
		}
		if len(places) > 0 {
			if err := out.put(word, places); err != nil {
				return segment{}, err
			}
		}
	}
	return out.finish(numbers)
}

// sortPlaces sorts places. No place occurs twice.
func sortPlaces(places []uint16) []uint16 {
	if len(places) < 128 {
		slices.Sort(places)
		return places
	}
	var b bitmap
	for _, p := range places {
		b.set(int(p))
	}
	return b.appendTo(places[:0])
}

// places appends the places of the current word to dst.
func (s *source) places(r *reader, dst []uint16) ([]uint16, error) {
	body, err := r.placesOf(&s.blockReader, s.g.id)
	if err != nil {
		return dst, err
	}
	return readPlaces(dst, s.form, body, s.g.docs)
}

// number assigns the places of the merged segment to the documents of all sources.
func (w *writer) number(run []segment, erased map[int64]bool) ([]*source, []int64, error) {
	type doc struct {
		number int64
		source int32
		place  int32
	}
	var all []*source
	var docs []doc
	var numbers []int64
	for i, g := range run {
		src := &source{to: make([]int32, g.docs)}
		if err := w.read.from(&src.cursor, g, nil); err != nil {
			return nil, nil, err
		}
		all = append(all, src)
		numbers = numbers[:0]
		for row := range (g.docs + perRow - 1) / perRow {
			var err error
			if numbers, err = w.read.readNumbers(numbers, g.id, row); err != nil {
				return nil, nil, err
			}
		}
		if len(numbers) != g.docs {
			return nil, nil, damaged("%d numbers of %d documents", len(numbers), g.docs)
		}
		for place, n := range numbers {
			docs = append(docs, doc{n, int32(i), int32(place)})
		}
	}
	slices.SortFunc(docs, func(a, b doc) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(b.source, a.source))
	})
	merged := make([]int64, 0, len(docs))
	for _, d := range docs {
		if n := len(merged); n > 0 && merged[n-1] == d.number || erased[d.number] {
			all[d.source].to[d.place] = -1
			continue
		}
		all[d.source].to[d.place] = int32(len(merged))
		merged = append(merged, d.number)
	}
	return all, merged, nil
}
