package tasklog

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"daybook/internal/logline"

	"github.com/oklog/ulid/v2"
)

// Limits of lines that wait to be written.
const (
	maxWaiting    = 1 << 20  // bytes, of one attempt
	maxAllWaiting = 64 << 20 // bytes, of all attempts
)

// Attempt takes the lines of one attempt in this process. It never waits for the disk.
type Attempt struct {
	store  *Store
	task   ulid.ULID
	number int

	mu      sync.Mutex
	lines   []logline.Line // guarded by mu
	size    int            // guarded by mu; of lines
	dropped int            // guarded by mu; lines that no line has counted yet
	queued  bool           // guarded by mu; run will come for the lines
}

// Handler returns a handler of slog that writes into the log of the task.
func (s *Store) Handler(id ulid.ULID, attempt int) slog.Handler {
	a := &Attempt{store: s, task: id, number: attempt}
	return logline.NewHandler(a.add)
}

// add takes a line, or leaves it out if too many wait.
func (a *Attempt) add(l logline.Line) {
	a.mu.Lock()
	defer a.mu.Unlock()
	size := l.Size() + lineCost
	if a.size+size > maxWaiting || a.store.buffered.Load() > maxAllWaiting {
		a.dropped++
		a.store.dropped.Add(1)
		return
	}
	if !a.queued && !a.store.enqueue(a) {
		return
	}
	a.queued = true
	a.lines = append(a.lines, l)
	a.size += size
	a.store.buffered.Add(int64(size))
}

// drain returns the lines that wait. If others were left out, the last line says how many.
func (a *Attempt) drain() (lines []logline.Line, leftOut int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	lines, leftOut = a.lines, a.dropped
	a.store.buffered.Add(-int64(a.size))
	a.lines, a.size, a.queued, a.dropped = nil, 0, false, 0
	if leftOut > 0 {
		lines = append(lines, logline.Line{At: time.Now(), Level: slog.LevelWarn,
			Text: fmt.Sprintf("%d lines were left out: they could not be written in time", leftOut)})
	}
	return lines, leftOut
}

// restore notes that the lines of a job could not be written: they are left out too.
func (a *Attempt) restore(j *job) {
	lost := len(j.lines)
	if j.leftOut > 0 {
		lost-- // the line that says so
	}
	a.store.dropped.Add(int64(lost))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dropped += lost + j.leftOut
}
