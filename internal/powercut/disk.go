package powercut

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const sector = 512

// disk is what of a folder is safe, and what is only in memory.
type disk struct {
	ignoreSyncs bool
	journal     bool              // a sync of any file makes all names before it safe
	live        map[string]*inode // by path: as programs see it
	safe        map[string]*inode // by path: as it is after a power cut
	names       []*change         // of live that are not in safe yet, in order
	syncs       map[string]snapshot
	open        map[string]*descriptorState // by descriptor and path: several processes may have the same descriptors
}

// descriptorState is an open file.
type descriptorState struct {
	position int64
	synced   bool // each write is safe when it returns
}

type inode struct {
	dir     bool
	safe    []byte   // without what is pending
	pending []*patch // in order; some may be safe
}

// patch is a write, or a new size.
type patch struct {
	data   []byte
	offset int64 // -1: size counts
	size   int64
	safe   bool
}

// change is one of the names in a folder.
type change struct {
	dir string // a sync of it makes the change safe
	do  func(names map[string]*inode)
}

// snapshot is what a sync is about.
type snapshot struct {
	patches []*patch
	of      *inode
	names   []*change
}

func newDisk(ignoreSyncs bool) *disk {
	return &disk{
		ignoreSyncs: ignoreSyncs, live: map[string]*inode{}, safe: map[string]*inode{},
		syncs: map[string]snapshot{}, open: map[string]*descriptorState{},
	}
}

// name changes the names: as programs see them now, after a power cut when dir was synced.
func (d *disk) name(dir string, do func(map[string]*inode)) {
	do(d.live)
	d.names = append(d.names, &change{dir, do})
}

// step applies what the program did next.
func (d *disk) step(e *event) error {
	switch e.kind {
	case opened, written, moved, truncated:
		d.bytes(e, d.live[e.path])
	case renamed, linked, removed, madeDir:
		return d.rename(e, d.live[e.path])
	case syncBegins:
		d.syncs[e.id] = d.unsafe(e.path)
	case syncEnds:
		if !d.ignoreSyncs {
			d.sync(d.syncs[e.id])
		}
		delete(d.syncs, e.id)
	case found:
		d.found(e)
	case ended:
		clear(d.syncs)
		clear(d.open)
	}
	return nil
}

// bytes changes what is in a file; f is nil for one that was removed, or is not there yet.
func (d *disk) bytes(e *event, f *inode) {
	switch {
	case e.kind == moved:
		d.at(e).position = e.offset
	case e.kind == opened:
		*d.at(e) = descriptorState{synced: e.synced}
		if f == nil && e.make {
			made := &inode{}
			d.name(path.Dir(e.path), func(names map[string]*inode) { names[e.path] = made })
		} else if f != nil && e.empty && !f.dir {
			f.pending = append(f.pending, &patch{offset: -1})
		}
	case f == nil:
	case e.kind == truncated:
		f.pending = append(f.pending, &patch{offset: -1, size: e.size})
	case e.kind == written:
		offset := e.offset
		at := d.at(e)
		if offset < 0 {
			offset = at.position
			at.position += int64(len(e.data))
		}
		f.pending = append(f.pending, &patch{data: e.data, offset: offset, safe: at.synced && !d.ignoreSyncs})
		f.fold()
		if at.synced && d.journal && !d.ignoreSyncs {
			d.sync(snapshot{names: slices.Clone(d.names)})
		}
	}
}

// at is the open file that an event is about.
func (d *disk) at(e *event) *descriptorState {
	key := e.fd + " " + e.path
	if d.open[key] == nil {
		d.open[key] = &descriptorState{}
	}
	return d.open[key]
}

// fold makes what is safe at the beginning of what is pending part of the file.
func (f *inode) fold() {
	for len(f.pending) > 0 && f.pending[0].safe {
		f.safe = f.pending[0].apply(f.safe)
		f.pending = f.pending[1:]
	}
}

// rename changes the names of a file, nil for one that is not there, or makes a folder.
func (d *disk) rename(e *event, f *inode) error {
	switch {
	case e.kind == madeDir:
		made := &inode{dir: true}
		d.name(path.Dir(e.path), func(names map[string]*inode) { names[e.path] = made })
	case e.kind == renamed && f == nil:
		return fmt.Errorf("rename %s to %s: it is not known", e.path, e.to)
	case e.kind == renamed && f.dir:
		d.name(path.Dir(e.to), func(names map[string]*inode) { moveFolder(names, e.path, e.to) })
	case f == nil:
	case e.kind == renamed:
		d.name(path.Dir(e.to), func(names map[string]*inode) { delete(names, e.path); names[e.to] = f })
	case e.kind == linked:
		d.name(path.Dir(e.to), func(names map[string]*inode) { names[e.to] = f })
	case e.kind == removed:
		d.name(path.Dir(e.path), func(names map[string]*inode) { delete(names, e.path) })
	}
	return nil
}

// moveFolder gives a folder and all that is in it another name.
func moveFolder(names map[string]*inode, from, to string) {
	for name, f := range maps.Clone(names) {
		if rest, ok := strings.CutPrefix(name, from); ok && (rest == "" || rest[0] == '/') {
			delete(names, name)
			names[to+rest] = f
		}
	}
}

// unsafe is what a sync that begins now is about.
func (d *disk) unsafe(name string) snapshot {
	s := snapshot{of: d.live[name]}
	if s.of != nil {
		s.patches = slices.Clone(s.of.pending)
	}
	for _, c := range d.names {
		if c.dir == name || d.journal {
			s.names = append(s.names, c)
		}
	}
	return s
}

// sync makes safe what the sync is about.
func (d *disk) sync(s snapshot) {
	for _, p := range s.patches {
		p.safe = true
	}
	if s.of != nil {
		s.of.fold()
	}
	for _, c := range s.names {
		if at := slices.Index(d.names, c); at >= 0 {
			c.do(d.safe)
			d.names = slices.Delete(d.names, at, at+1)
		}
	}
}

func (p *patch) apply(b []byte) []byte {
	if p.offset < 0 {
		return resize(b, p.size)
	}
	if end := p.offset + int64(len(p.data)); int64(len(b)) < end {
		b = resize(b, end)
	}
	copy(b[p.offset:], p.data)
	return b
}

func resize(b []byte, size int64) []byte {
	if int64(len(b)) >= size {
		return b[:size:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

// Fate is what happens to data that was not synced.
type Fate int

const (
	Lost Fate = iota // all of it
	Kept             // nothing is lost
	Torn             // each sector of a write is lost or kept, and of the names all after some
	fates
)

func (f Fate) String() string { return [...]string{"lost", "kept", "torn"}[f] }

// lay writes to dir what the disk holds after a power cut now.
func (d *disk) lay(dir string, fate Fate, random *rand.Rand) error {
	names := maps.Clone(d.safe)
	n := len(d.names)
	switch fate {
	case Lost:
		n = 0
	case Torn:
		n = random.IntN(n + 1)
	}
	for _, c := range d.names[:n] {
		c.do(names)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	made := map[string]bool{".": true}
	for _, name := range slices.Sorted(maps.Keys(names)) { // folders before what is in them
		f, to := names[name], filepath.Join(dir, name)
		if name == "." {
			continue
		}
		if !made[path.Dir(name)] {
			continue // it lies in a folder that is not there
		}
		var err error
		if f.dir {
			made[name] = true
			err = os.Mkdir(to, 0o700)
		} else {
			err = os.WriteFile(to, f.after(fate, random), 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// after is what a file holds after a power cut.
func (f *inode) after(fate Fate, random *rand.Rand) []byte {
	b := slices.Clone(f.safe)
	for _, p := range f.pending {
		if p.safe || fate == Kept {
			b = p.apply(b)
			continue
		}
		if fate == Lost {
			continue
		}
		if p.offset < 0 {
			if random.IntN(2) == 0 {
				b = p.apply(b)
			}
			continue
		}
		for at := 0; at < len(p.data); {
			end := min(len(p.data), at+sector-int(p.offset+int64(at))%sector)
			if random.IntN(2) == 0 {
				b = (&patch{data: p.data[at:end], offset: p.offset + int64(at)}).apply(b)
			}
			at = end
		}
	}
	return b
}
