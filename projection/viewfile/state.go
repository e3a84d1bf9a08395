package viewfile

import (
	"database/sql/driver"
	"slices"
)

// State returns the state of the last committed batch; for a new file, the zero State. Only the
// goroutine that writes may call it.
func (f *File) State() (State, error) {
	row, err := f.write.conn.Row(3, "SELECT seq, hash, windows FROM state")
	if err != nil {
		return State{}, fail("read state", err)
	}
	var s State
	var ok bool
	if s.Seq, ok = row[0].(int64); !ok || copy(s.Hash[:], bytesOf(row[1])) != len(s.Hash) {
		return State{}, fail("read state", damaged("the state cannot be read"))
	}
	s.Groups = append(s.Groups, *f.groups.Load()...)
	s.Counts = append(s.Counts, f.write.counts...)
	s.Streams = append(s.Streams, f.write.streams...)
	if windows := bytesOf(row[2]); len(windows) > 0 {
		s.Windows = windows
	}
	return s, nil
}

// load reads the groups, counts and streams into memory.
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
	var counts []int64
	err = f.write.each("SELECT facet, n FROM counts ORDER BY facet", 2, func(v []driver.Value) error {
		if v[0] != int64(len(counts)) {
			return damaged("a count is missing")
		}
		counts = append(counts, intOf(v[1]))
		return nil
	})
	if err != nil {
		return err
	}
	var streams []Stream
	err = f.write.each("SELECT kind, state FROM streams ORDER BY kind", 2, func(v []driver.Value) error {
		kind, ok1 := v[0].(string)
		state, ok2 := v[1].(string)
		if !ok1 || !ok2 {
			return damaged("a stream is not text")
		}
		streams = append(streams, Stream{kind, state})
		return nil
	})
	f.groups.Store(&groups)
	f.write.counts, f.write.streams = counts, streams
	f.summarize()
	return err
}

// summary is what readers know about the file without reading it.
type summary struct {
	counts []int64 // number of tasks by facet
	ended  int64   // upper bound of the number of ended tasks
	latest int64   // no ended task has an event after it
}

func (f *File) summarize() {
	w := f.write
	f.summary.Store(&summary{counts: append([]int64(nil), w.counts...), ended: w.archived, latest: w.latest})
}

// writeState writes the changes of the state. The file has the first groups already.
func (w *writer) writeState(s *State, groups int) error {
	for i := groups; i < len(s.Groups); i++ {
		g := s.Groups[i]
		if err := w.putGroup.run(int64(i), g.Type, g.Queue); err != nil {
			return err
		}
	}
	if len(s.Counts) < len(w.counts) {
		if err := w.dropCounts.run(int64(len(s.Counts))); err != nil {
			return err
		}
	}
	for facet, n := range s.Counts {
		if facet < len(w.counts) && w.counts[facet] == n {
			continue
		}
		if err := w.putCount.run(int64(facet), n); err != nil {
			return err
		}
	}
	w.counts = append(w.counts[:0], s.Counts...)
	for _, one := range s.Streams {
		if slices.Contains(w.streams, one) {
			continue
		}
		if err := w.putStream.run(one.Kind, one.State); err != nil {
			return err
		}
	}
	w.streams = append(w.streams[:0], s.Streams...)
	windows := s.Windows
	if windows == nil {
		windows = []byte{}
	}
	return w.putState.run(s.Seq, s.Hash[:], w.archived, w.trimmed, w.latest, windows)
}
