package powercut

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"daybook/internal/sqlite"
)

// compare compares the folder with what the recording says of it. When the program was killed
// within a call, the kernel may have done what the trace does not say: it is added to the
// recording, as data that no sync is about. Else a difference is an error: the recording misses something.
func (r *Recording) compare(killedInCall bool) error {
	d := newDisk(false)
	for i := range r.events {
		if err := d.step(&r.events[i]); err != nil {
			return err
		}
	}
	is, err := r.files()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(d.live)) {
		f := d.live[name]
		b, there := is[name]
		delete(is, name)
		switch {
		case f.dir || there && bytes.Equal(b, f.after(Kept, nil)):
		case !killedInCall:
			return fmt.Errorf("%s is not as recorded: the recording misses something", name)
		case there:
			r.events = append(r.events, event{kind: found, path: name, data: b})
		default:
			r.events = append(r.events, d.gone(name, is))
		}
	}
	if killedInCall {
		for _, name := range slices.Sorted(maps.Keys(is)) {
			r.events = append(r.events, event{kind: found, path: name, data: is[name]})
		}
	}
	return nil
}

// gone is what has happened to a file that is not there: another name if one of others holds the same, or its removal.
func (d *disk) gone(name string, others map[string][]byte) event {
	for to, b := range others {
		if d.live[to] == nil && bytes.Equal(b, d.live[name].after(Kept, nil)) {
			delete(others, to)
			return event{kind: renamed, path: name, to: to}
		}
	}
	return event{kind: removed, path: name}
}

// files returns what the files of the folder hold, without those that no start relies on.
func (r *Recording) files() (map[string][]byte, error) {
	p, files := parser{dir: r.dir}, map[string][]byte{}
	err := filepath.WalkDir(r.dir, func(full string, entry fs.DirEntry, err error) error {
		name, ours := p.below(full)
		if errors.Is(err, fs.ErrNotExist) || err != nil || !ours || !entry.Type().IsRegular() || strings.Contains(name, sqlite.LinkPrefix) {
			return err
		}
		files[name], err = os.ReadFile(full)
		return err
	})
	return files, err
}

// found makes a file what it was found to be.
func (d *disk) found(e *event) {
	f := d.live[e.path]
	if f == nil {
		f = &inode{}
		d.name(path.Dir(e.path), func(names map[string]*inode) { names[e.path] = f })
	}
	f.pending = append(f.pending, &patch{offset: -1, size: int64(len(e.data))}, &patch{data: e.data})
}
