package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Shared keeps files for all nodes of a cluster: the folder of a Store is then a cache of it.
type Shared interface {
	// Put keeps a file. It returns when that is on disk on a majority of the nodes.
	Put(ctx context.Context, info Info, content io.Reader) error
	// Get returns a file. Errors: ErrNotFound.
	Get(ctx context.Context, id string) (content io.ReadCloser, info Info, err error)
}

// Share makes the store put what it gets into shared too, and get from there what it lacks. To be called before the first use.
func (s *Store) Share(shared Shared) { s.shared = shared }

// ShareAll gives the others all files of the folder.
func (s *Store) ShareAll(ctx context.Context) error {
	ids, _, _, err := s.list()
	for _, id := range ids {
		if err != nil {
			return err
		}
		var info Info
		if info, err = s.Stat(id); err == nil {
			err = s.share(ctx, info)
		}
	}
	return err
}

// getTime is how long a file may take to come from where all nodes have it.
const getTime = 2 * time.Minute

// fetch gets a file that the folder lacks, if it is shared. Errors: ErrNotFound.
func (s *Store) fetch(id string) error {
	if s.shared == nil || !ValidID(id) {
		return ErrNotFound
	}
	ctx, cancel := context.WithTimeout(context.Background(), getTime)
	defer cancel()
	content, info, err := s.shared.Get(ctx, id)
	if err != nil {
		return err
	}
	defer content.Close()
	got, err := s.put(ctx, info.Name, info.ContentType, content, info.Size)
	if err == nil && got.ID != id {
		err = fmt.Errorf("%w: what the other nodes have is file %s", ErrDamaged, got.ID)
	}
	return err
}

// share gives the others a file that was put here.
func (s *Store) share(ctx context.Context, info Info) error {
	if s.shared == nil {
		return nil
	}
	content, _, err := s.Open(info.ID)
	if err != nil {
		return err
	}
	err = s.shared.Put(ctx, info, content)
	return errors.Join(err, content.Close())
}
