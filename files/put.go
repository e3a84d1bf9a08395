package files

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Put streams r to disk and returns when the file and its folder are synced. limit is
// the most bytes it may have. name is cut to its last element and 255 bytes.
// Errors: ErrTooLarge, ErrFull, ErrBlocked, that of r or ctx; nothing is left behind.
//
// When the store has the same bytes already, they take the place of what it has, which may
// be damaged. It keeps the content type that it knew of them before; their name is the one
// given here from now on.
func (s *Store) Put(ctx context.Context, name, contentType string, r io.Reader, limit int64) (Info, error) {
	info, err := s.put(ctx, CleanName(name), contentType, r, limit)
	if err == nil {
		err = s.share(ctx, info)
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = fmt.Errorf("%w: %w", ErrFull, err)
	}
	if err != nil {
		return Info{}, err
	}
	return info, nil
}

func (s *Store) put(ctx context.Context, name, contentType string, r io.Reader, limit int64) (Info, error) {
	// Once the upload is renamed these removals find nothing.
	if err := s.root.Mkdir(unfinished, 0o700); err != nil && !errors.Is(err, fs.ErrExist) { // somebody may have removed it
		return Info{}, fmt.Errorf("make the folder of uploads: %w", err)
	}
	upload := unfinished + "/" + rand.Text()
	told := upload + ".json"
	defer s.root.Remove(upload)
	defer s.root.Remove(told)

	sum := summary{hash: sha256.New(), blocks: blockSums{hash: sha256.New()}}
	if err := s.receive(ctx, upload, r, limit, &sum); err != nil {
		return Info{}, err
	}
	id := hex.EncodeToString(sum.hash.Sum(nil))
	info := Info{ID: id, Name: name, Size: sum.size, ContentType: decideType(contentType, name, sum.head), SHA256: id}

	d := description{Info: info, Blocks: sum.blocks.sums(sum.size)}
	if known, err := s.describe(id); err == nil {
		d.ContentType = known.ContentType
		info.ContentType = known.ContentType
	}
	if err := s.keep(upload, told, d); err != nil {
		return Info{}, s.blocked(id, err)
	}
	return info, nil
}

// keep moves a received file to its place, its description first.
func (s *Store) keep(upload, told string, d description) error {
	if err := s.writeDescription(told, d); err != nil {
		return err
	}
	err := s.root.Mkdir(folderOf(d.ID), 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the file's folder: %w", err)
	}
	if err := s.root.Rename(told, descriptionOf(d.ID)); err != nil {
		return fmt.Errorf("move the file's description to its place: %w", err)
	}
	if err := s.root.Rename(upload, placeOf(d.ID)); err != nil {
		return fmt.Errorf("move the file to its place: %w", err)
	}
	if err := s.sync(folderOf(d.ID)); err != nil {
		return err
	}
	// The folder may be new, made by this Put or by one that has not synced it yet.
	return s.sync(".")
}

// receive writes what r gives to the file upload, and syncs it.
func (s *Store) receive(ctx context.Context, upload string, r io.Reader, limit int64, sum *summary) error {
	return s.write(upload, func(w io.Writer) error {
		source := &io.LimitedReader{R: source{ctx, r}, N: limit + 1}
		n, err := io.CopyBuffer(io.MultiWriter(writerOnly{w}, sum), source, make([]byte, 128<<10))
		if err != nil {
			return fmt.Errorf("receive the file: %w", err)
		}
		if n > limit {
			return fmt.Errorf("%w: the most is %d bytes", ErrTooLarge, limit)
		}
		return nil
	})
}

// write makes a new file, lets fill fill it, and syncs it.
func (s *Store) write(name string, fill func(io.Writer) error) error {
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		if s.there(unfinished) && !s.isFolder(unfinished) {
			err = fmt.Errorf("%w: %w", ErrBlocked, err)
		}
		return err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// sync makes the names in a folder durable.
func (s *Store) sync(folder string) error {
	f, err := s.root.Open(folder)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil {
		return fmt.Errorf("sync the folder of files: %w", err)
	}
	return nil
}

// summary is what is learnt of a file while it streams by.
type summary struct {
	hash   hash.Hash
	size   int64
	head   []byte // the first 512 bytes
	blocks blockSums
}

func (s *summary) Write(p []byte) (int, error) {
	if room := sniffLength - len(s.head); room > 0 {
		s.head = append(s.head, p[:min(room, len(p))]...)
	}
	s.size += int64(len(p))
	s.blocks.add(p)
	return s.hash.Write(p)
}

// source ends with ctx's error between two reads.
type source struct {
	ctx context.Context
	r   io.Reader
}

func (s source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// writerOnly hides ReadFrom, which would pass the buffer by.
type writerOnly struct{ io.Writer }
