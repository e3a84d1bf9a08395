package tasklog

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"daybook/internal/logline"

	"github.com/oklog/ulid/v2"
)

// Shared brings the lines of all nodes of a cluster into one order, in batches. Each node keeps all of them, with the same numbers.
type Shared interface {
	// Add adds a batch and returns its number when it is kept, larger than those before. To add a batch of the same id again
	// changes nothing.
	Add(ctx context.Context, id string, batch []byte) (number int64, err error)
	// Follow calls keep for each batch after one, in order, until ctx ends. A batch for which keep returns an error comes again.
	Follow(ctx context.Context, after int64, keep func(number int64, batch []byte) error)
}

const (
	// batchBits: the first line of a batch has the number of the batch, and so many bits behind it.
	batchBits = 14
	// maxBatch is about the most bytes of a batch, and mostOfBatch the most lines.
	maxBatch    = 512 << 10
	mostOfBatch = 1 << batchBits
	// shareTime is how long lines wait until they are shared, and lastShareTime how long when the store is closed.
	shareTime     = 15 * time.Second
	lastShareTime = 2 * time.Second
	// flushTime is how long a reader waits for lines to be shared.
	flushTime = time.Second
)

// sharedLine is a line in a batch, which has a line of JSON for each.
type sharedLine struct {
	Task       ulid.ULID       `json:"task"`
	Attempt    int             `json:"attempt"`
	At         int64           `json:"at"` // microseconds since 1970
	Level      int             `json:"level"`
	Text       string          `json:"text"`
	Attributes json.RawMessage `json:"attributes,omitempty"`
	Erase      bool            `json:"erase,omitempty"` // it is no line: all that were written of the task before are deleted
}

// share gives the lines of jobs to all nodes and returns when this one has written them.
func (s *Store) share(jobs []job) error {
	ctx, cancel := context.WithTimeout(s.sharing, shareTime)
	defer cancel()
	var batch bytes.Buffer
	last, n := int64(0), 0
	add := func() (err error) {
		if n > 0 {
			last, err = s.Shared.Add(ctx, rand.Text(), bytes.Clone(batch.Bytes()))
		}
		batch.Reset()
		n = 0
		return err
	}
	out := json.NewEncoder(&batch)
	out.SetEscapeHTML(false)
	for i := range jobs {
		j := &jobs[i]
		for k := range j.lines {
			if n == mostOfBatch || batch.Len() > maxBatch {
				if err := add(); err != nil {
					return fmt.Errorf("share task logs: %w", err)
				}
			}
			l := &j.lines[k]
			if err := out.Encode(sharedLine{j.task, j.attempt, l.At.UnixMicro(), int(l.Level), l.Text, l.Attributes, false}); err != nil {
				return fmt.Errorf("share task logs: %w", err)
			}
			n++
		}
	}
	if err := add(); err != nil {
		return fmt.Errorf("share task logs: %w", err)
	}
	if err := s.awaitKept(ctx, last); err != nil {
		return fmt.Errorf("share task logs: %w", err)
	}
	return nil
}

// awaitKept returns when this node has written the batch of that number.
func (s *Store) awaitKept(ctx context.Context, number int64) error {
	for changed := s.Changed(); s.kept.Load() < number; changed = s.Changed() {
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// follow writes what all nodes share, this one too, until the store is closed. It alone uses the writer.
func (s *Store) follow() {
	defer close(s.followed)
	failing := false
	s.Shared.Follow(s.sharing, s.w.last>>batchBits, func(number int64, batch []byte) error {
		err := s.keep(number, batch)
		if err != nil && !failing {
			s.Logger.Warn("the logs of tasks cannot be written; trying again", "error", err)
		}
		failing = err != nil
		return err
	})
}

// keep writes one batch.
func (s *Store) keep(number int64, batch []byte) error {
	jobs, erased, err := jobsOf(batch)
	if err != nil {
		s.Logger.Warn("lines of task logs that another node has shared cannot be read, and are left out", "error", err)
	}
	if len(jobs) > 0 {
		if !s.Room() {
			return ErrNoRoom
		}
		s.w.last = max(s.w.last, number<<batchBits-1)
		if err := s.w.write(jobs); err != nil {
			return err
		}
	}
	if len(erased) > 0 {
		s.w.last = max(s.w.last, number<<batchBits-1)
		if err := s.w.erase(erased); errors.Is(err, ErrErasing) { // it does not hold up the lines of others
			s.Logger.Warn("the next erasure completes this one on this node", "error", err)
		} else if err != nil {
			return err
		}
	}
	s.kept.Store(number)
	s.publish()
	return nil
}

// jobsOf reads a batch: lines, or the tasks whose logs are to be deleted.
func jobsOf(batch []byte) (jobs []job, erased []ulid.ULID, err error) {
	for text := range bytes.Lines(batch) {
		var l sharedLine
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, nil, err
		}
		if l.Erase {
			erased = append(erased, l.Task)
			continue
		}
		if n := len(jobs); n == 0 || jobs[n-1].task != l.Task || jobs[n-1].attempt != l.Attempt {
			jobs = append(jobs, job{task: l.Task, attempt: l.Attempt})
		}
		j := &jobs[len(jobs)-1]
		j.lines = append(j.lines, logline.Line{At: time.UnixMicro(l.At), Level: slog.Level(l.Level), Text: l.Text, Attributes: l.Attributes})
	}
	return jobs, erased, nil
}
