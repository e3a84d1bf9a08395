package files

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// description is what lies beside a file.
type description struct {
	Info
	// Blocks are the SHA-256 of each block of a file that has more than one.
	Blocks []byte `json:"blocks,omitempty"`
	// Check is of all the rest. A description from before there was one has none.
	Check string `json:"check,omitempty"`
}

// check returns what Check is to be.
func (d description) check() string {
	d.Check = ""
	text, _ := json.Marshal(d) // text and numbers can always be encoded
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// describe reads the description of a file, and writes a new one if it is missing or broken.
// Errors: those of Stat.
func (s *Store) describe(id string) (description, error) {
	if !ValidID(id) {
		return description{}, ErrNotFound
	}
	found, err := s.root.Lstat(placeOf(id))
	switch {
	case absent(err):
		return description{}, ErrNotFound
	case err != nil:
		return description{}, fmt.Errorf("look at file %s: %w", id, err)
	case !found.Mode().IsRegular():
		return description{}, &DamagedError{id, "file-" + id[:8]}
	}
	d, whole, err := s.readDescription(id)
	if err != nil {
		return description{}, err
	}
	if whole && d.Size != found.Size() {
		return description{}, &DamagedError{id, d.Name}
	}
	d.ID, d.SHA256 = id, id
	if !whole || len(d.Blocks) != sumsOf(d.Size) {
		return s.mend(d, found.Size())
	}
	return d, nil
}

// readDescription reads the description of a file; whole says whether it can be believed.
func (s *Store) readDescription(id string) (d description, whole bool, err error) {
	info, err := s.root.Lstat(descriptionOf(id))
	if absent(err) || err == nil && !info.Mode().IsRegular() {
		return description{}, false, nil
	}
	text, err := s.readAll(descriptionOf(id))
	if absent(err) {
		return description{}, false, nil
	}
	if err != nil {
		return description{}, false, fmt.Errorf("read the description of file %s: %w", id, err)
	}
	if json.Unmarshal(text, &d) != nil || d.Check != "" && d.Check != d.check() || d.Name == "" {
		return description{}, false, nil
	}
	return d, true, nil
}

// mend writes a new description of a file, from its bytes and what is known of it.
func (s *Store) mend(d description, size int64) (description, error) {
	f, err := s.open(placeOf(d.ID))
	if err != nil {
		return description{}, fmt.Errorf("open file %s: %w", d.ID, err)
	}
	sum := summary{hash: sha256.New(), blocks: blockSums{hash: sha256.New()}}
	_, err = io.Copy(&sum, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return description{}, fmt.Errorf("read file %s: %w", d.ID, err)
	}
	if d.Name == "" {
		d.Name = "file-" + d.ID[:8]
		d.ContentType = decideType("", d.Name, sum.head)
	}
	if hex.EncodeToString(sum.hash.Sum(nil)) != d.ID {
		return description{}, &DamagedError{d.ID, d.Name}
	}
	d.Size, d.Blocks = size, sum.blocks.sums(size)
	if s.readOnly {
		return d, nil
	}
	told := unfinished + "/" + rand.Text() + ".json"
	defer s.root.Remove(told) // once it is renamed there is none
	if err := s.writeDescription(told, d); err != nil {
		return description{}, err
	}
	err = s.root.Rename(told, descriptionOf(d.ID))
	if err = s.blocked(d.ID, err); err != nil && !errors.Is(err, ErrBlocked) { // the file itself is whole
		return description{}, fmt.Errorf("move the file's description to its place: %w", err)
	}
	return d, nil
}

// writeDescription writes a description to a new file, and syncs it.
func (s *Store) writeDescription(name string, d description) error {
	d.Check = d.check()
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("describe the file: %w", err)
	}
	err = s.write(name, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
	if err != nil {
		return fmt.Errorf("write the file's description: %w", err)
	}
	return nil
}

// Audit is what reading all files has shown.
type Audit struct {
	Files   int64  // that are as they were put
	Bytes   int64  // of these
	Damaged []Info // those that are not
	// Blocked are the names, below the folder of the store, of what lies in the place of a folder
	// and is none, as a named pipe, and of folders in the place of files.
	Blocked []string
}

// Damage says in words what is wrong, without names; "" = nothing.
func (a *Audit) Damage() string {
	var all []string
	if n := len(a.Damaged); n > 0 {
		all = append(all, fmt.Sprintf("files that do not fit their id: %d; upload them again", n))
	}
	if n := len(a.Blocked); n > 0 {
		all = append(all, fmt.Sprintf("things in the place of files or folders that are none: %d; daybook doctor names them; move them away", n))
	}
	return strings.Join(all, "; ")
}

// Verify reads every file, and compares it with its id. progress, if not nil, is told of
// bytes read and of those there are. Errors: those of reading, ctx's.
func (s *Store) Verify(ctx context.Context, progress func(done, total int64)) (Audit, error) {
	ids, total, blocked, err := s.list()
	if err != nil {
		return Audit{}, fmt.Errorf("list the files: %w", err)
	}
	a := Audit{Blocked: blocked}
	var done int64
	for _, id := range ids {
		size, err := s.verify(ctx, id, func(n int64) {
			if progress != nil {
				progress(min(done+n, total), total)
			}
		})
		done += size
		var damaged *DamagedError
		switch {
		case errors.As(err, &damaged):
			a.Damaged = append(a.Damaged, Info{ID: id, SHA256: id, Name: damaged.Name, Size: size})
		case absent(err): // it was removed meanwhile
		case err != nil:
			return a, fmt.Errorf("verify file %s: %w", id, err)
		default:
			a.Files++
			a.Bytes += size
		}
	}
	return a, nil
}

// Check reads the file and compares it with its id. Errors: those of Stat and of reading,
// ctx's.
func (s *Store) Check(ctx context.Context, id string) error {
	if _, err := s.describe(id); err != nil {
		return err
	}
	_, err := s.verify(ctx, id, func(int64) {})
	return err
}

func (s *Store) verify(ctx context.Context, id string, progress func(int64)) (size int64, err error) {
	if info, err := s.root.Lstat(placeOf(id)); err == nil && !info.Mode().IsRegular() {
		return 0, &DamagedError{id, "file-" + id[:8]}
	}
	f, err := s.open(placeOf(id))
	if err != nil {
		return 0, err
	}
	hash, buf := sha256.New(), make([]byte, blockSize)
	for err == nil {
		var n int
		n, err = source{ctx, f}.Read(buf)
		hash.Write(buf[:n])
		size += int64(n)
		progress(size)
	}
	if err == io.EOF { //nolint:errorlint // the contract of io.Reader
		err = nil
	}
	if err = errors.Join(err, f.Close()); err == nil && hex.EncodeToString(hash.Sum(nil)) != id {
		name := "file-" + id[:8]
		if d, whole, _ := s.readDescription(id); whole {
			name = d.Name
		}
		err = &DamagedError{id, name}
	}
	return size, err
}
