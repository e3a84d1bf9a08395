package viewfile

import (
	"database/sql/driver"
	"encoding/binary"
	"maps"
)

// State returns what the last committed batch wrote; of a new file, the zero State.
// It is for the goroutine that writes.
func (f *File) State() (State, error) {
	row, err := f.write.conn.Row(4, "SELECT seq, hash, counts, windows FROM state")
	if err != nil {
		return State{}, fail("read state", err)
	}
	var s State
	var ok bool
	hash, counts, windows := bytesOf(row[1]), bytesOf(row[2]), bytesOf(row[3])
	if s.Seq, ok = row[0].(int64); !ok || copy(s.Hash[:], hash) != len(s.Hash) {
		return State{}, fail("read state", damaged("the state cannot be read"))
	}
	s.Groups = append(s.Groups, *f.groups.Load()...)
	if s.Counts, ok = decodeCounts(counts); !ok {
		return State{}, fail("read state", damaged("the counts cannot be read"))
	}
	if len(windows) > 0 {
		s.Windows = windows
	}
	return s, nil
}

// load reads what the file keeps in memory: the groups and how many tasks terms have.
func (f *File) load() error {
	groups := []Group{}
	err := f.write.each("SELECT number, type, queue FROM groups ORDER BY number", 3, func(v []driver.Value) error {
		taskType, ok1 := v[1].(string)
		queue, ok2 := v[2].(string)
		if v[0] != int64(len(groups)) || !ok1 || !ok2 {
			return damaged("a group is missing")
		}
		groups = append(groups, Group{taskType, queue})
		return nil
	})
	if err != nil {
		return err
	}
	t := &totals{facets: map[uint32]int64{}}
	err = f.write.each("SELECT term, n FROM terms", 2, func(v []driver.Value) error {
		t.add(intOf(v[0]), intOf(v[1]))
		return nil
	})
	f.groups.Store(&groups)
	f.totals.Store(t)
	return err
}

// totals is how many archived tasks there are of each term that is not a tag.
type totals struct {
	all    int64
	facets map[uint32]int64  // those that some task ever had
	runs   [runBuckets]int64 // by bucket
	ran    [runBuckets]bool  // some task ever was in the bucket
}

func (t *totals) clone() *totals {
	c := *t
	c.facets = maps.Clone(t.facets)
	return &c
}

func (t *totals) add(term, n int64) {
	switch number := term &^ kindMask; kindOf(term) {
	case termAll:
		t.all += n
	case kindFacet:
		t.facets[uint32(number)] += n
	case kindRun:
		if number < runBuckets {
			t.runs[number] += n
			t.ran[number] = true
		}
	}
}

// writeState writes all of the state but what the batch knows by itself.
func (w *writer) writeState(s *State, groups int) error {
	for i := groups; i < len(s.Groups); i++ {
		g := s.Groups[i]
		if err := w.putGroup.run(int64(i), g.Type, g.Queue); err != nil {
			return err
		}
	}
	w.buf = appendCounts(w.buf[:0], s.Counts)
	windows := s.Windows
	if windows == nil {
		windows = []byte{}
	}
	return w.putState.run(s.Seq, s.Hash[:], w.no, w.trimmed, w.buf, windows)
}

func appendCounts(dst []byte, counts []int64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(counts)))
	for _, n := range counts {
		dst = binary.AppendVarint(dst, n)
	}
	return dst
}

func decodeCounts(b []byte) ([]int64, bool) {
	if len(b) == 0 {
		return nil, true
	}
	in := input{rest: b, ok: true}
	n := in.uvarint()
	if n > uint64(len(b)) {
		return nil, false
	}
	var counts []int64
	for range n {
		counts = append(counts, in.varint())
	}
	return counts, in.ok && len(in.rest) == 0
}
