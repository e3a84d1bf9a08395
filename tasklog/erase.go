package tasklog

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
)

// ErrErasing: somebody is reading the logs of tasks. Deleted lines may still be in the files; try again.
var ErrErasing = errors.New("erased lines of task logs are still in the files: somebody is reading them")

// erasedTogether is how many tasks are in a batch.
const erasedTogether = 1000

// Erase deletes the logs of tasks, and returns when nothing of them is in the files of this node. Where lines are shared, it has asked the other
// nodes to do the same. Errors: ErrErasing, ErrClosed, those of the disk and of sharing, ctx's: then it may be done later.
func (s *Store) Erase(ctx context.Context, ids []ulid.ULID) error {
	if len(ids) == 0 {
		return nil
	}
	return s.await(ctx, job{erase: ids, done: make(chan error, 1)})
}

// erase deletes the logs of tasks. The goroutine of run calls it.
func (s *Store) erase(ids []ulid.ULID) error {
	if s.Shared != nil {
		return s.shareErasure(ids)
	}
	err := s.w.erase(ids)
	s.publish()
	return err
}

// shareErasure has all nodes delete the logs of tasks, and returns when this one has.
func (s *Store) shareErasure(ids []ulid.ULID) error {
	ctx, cancel := context.WithTimeout(s.sharing, shareTime)
	defer cancel()
	for len(ids) > 0 {
		some := ids[:min(erasedTogether, len(ids))]
		ids = ids[len(some):]
		var batch bytes.Buffer
		out := json.NewEncoder(&batch)
		for _, id := range some {
			if err := out.Encode(sharedLine{Task: id, At: time.Now().UnixMicro(), Erase: true}); err != nil {
				return fmt.Errorf("erase task logs: %w", err)
			}
		}
		last, err := s.Shared.Add(ctx, rand.Text(), batch.Bytes())
		if err == nil {
			err = s.awaitKept(ctx, last)
		}
		if err != nil {
			return fmt.Errorf("erase task logs: %w", err)
		}
	}
	return nil
}

// eraseSQL writes zeros over the lines of a task. The rows keep their sizes, so SQLite writes them in their places: a DELETE would have it
// move other rows and leave copies of them in the gaps of pages. The lines are then of the task nobody, until they are evicted.
const eraseSQL = `UPDATE lines SET task = zeroblob(16), text = CAST(zeroblob(length(CAST(text AS BLOB))) AS TEXT),
	attributes = CASE WHEN attributes IS NULL THEN NULL ELSE CAST(zeroblob(length(CAST(attributes AS BLOB))) AS TEXT) END WHERE task = ?`

var nobody ulid.ULID

// erase erases the lines of tasks, also from the WAL.
func (w *writer) erase(ids []ulid.ULID) error {
	err := w.transaction(func() error {
		zeros, err := w.row(nobody)
		for i := 0; err == nil && i < len(ids); i++ {
			id := ids[i]
			var t taskRow
			if t, err = w.row(id); err == nil {
				err = errors.Join(run(w.zero, id[:]), run(w.forget, id[:]))
			}
			zeros.size += t.size
		}
		if err == nil && zeros.size > 0 {
			err = run(w.save, nobody[:], zeros.size, w.last, time.Now().UnixMicro(), int64(0), int64(0), int64(0))
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("erase task logs: %w", err)
	}
	row, err := w.c.Row(3, "PRAGMA wal_checkpoint(TRUNCATE)") // it waits for readers, for some seconds
	switch {
	case err != nil:
		return fmt.Errorf("erase task logs: %w", err)
	case row[0] != int64(0):
		return ErrErasing
	}
	return nil
}
