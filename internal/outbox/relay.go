package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"daybook/client"
)

// Relay submits the tasks of an outbox. Server and From must be set.
type Relay struct {
	Server   *client.Client
	From     string        // the database: "sqlite:PATH" or "postgres://…"
	Table    string        // "" = DefaultTable
	Interval time.Duration // between two looks at an empty outbox; 0 = 200 ms
	Once     bool          // it ends when the outbox is empty
	Logger   *slog.Logger  // nil = slog.Default()

	table     *table
	submitted int
	refused   int
}

const (
	defaultInterval = 200 * time.Millisecond
	// A batch has at most this many tasks and bytes, as the server takes them.
	batchTasks = 500
	batchBytes = 8 << 20
	// Pauses after a failure of the server or the database.
	shortestPause = 100 * time.Millisecond
	longestPause  = 10 * time.Second
	// sayEvery is how often it says how much was submitted.
	sayEvery = 10 * time.Second
)

// Run submits the tasks in order until ctx ends (its error) or, with Once, the outbox is empty. It returns how many tasks
// were submitted and how many the server has refused for good: their rows stay and say why. It tries again when the
// server or the database cannot be reached or has no room. Errors: ErrFrom, a *client.Problem with 401 or 403.
func (r *Relay) Run(ctx context.Context) (submitted, refused int, err error) {
	if r.Logger == nil {
		r.Logger = slog.Default()
	}
	if r.Interval == 0 {
		r.Interval = defaultInterval
	}
	if r.table, err = openTable(ctx, r.From, r.Table); err != nil {
		return 0, 0, err
	}
	defer r.table.db.Close()
	if err := r.table.check(ctx); err != nil {
		return 0, 0, err
	}
	err = r.run(ctx)
	return r.submitted, r.refused, err
}

func (r *Relay) run(ctx context.Context) error {
	pause, said, before := shortestPause, time.Now(), 0
	for {
		was := r.submitted + r.refused
		err := r.step(ctx)
		moved := r.submitted+r.refused > was
		if r.submitted > before && (time.Since(said) >= sayEvery || !moved) {
			r.Logger.Info("tasks of the outbox were submitted", "tasks", r.submitted-before)
			said, before = time.Now(), r.submitted
		}
		wait := time.Duration(0)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && isFinal(err):
			return err
		case err != nil:
			r.Logger.Warn("the outbox waits", "pause", pause, "error", err)
			wait = pause
			if problem, ok := errors.AsType[*client.Problem](err); ok {
				wait = max(wait, problem.RetryAfter)
			}
			pause = min(2*pause, longestPause)
		case moved:
			pause = shortestPause
		case r.Once:
			return nil
		default:
			wait, pause = r.Interval, shortestPause
		}
		if wait == 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// isFinal reports whether trying again does not help.
func isFinal(err error) bool {
	status := client.StatusOf(err)
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// step submits the next tasks and deletes their rows, or refuses one.
func (r *Relay) step(ctx context.Context) error {
	rows, err := r.table.waiting(ctx, batchTasks)
	if err != nil {
		return fmt.Errorf("read the outbox: %w", err)
	}
	if len(rows) == 0 {
		return nil
	}
	done, err := r.submit(ctx, rows, batchOf(rows))
	if done > 0 { // what was acknowledged is deleted, also when the relay is stopped
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := r.table.remove(end, rows[:done]); err != nil {
			return fmt.Errorf("delete submitted rows from the outbox: %w", err)
		}
		r.submitted += done
	}
	return err
}

// submit submits the tasks of the first rows, of which batch has the texts, and returns how many were. If the server will never take the first
// one, that one is refused instead. A batch of less than two goes alone.
func (r *Relay) submit(ctx context.Context, rows []row, batch [][]byte) (done int, err error) {
	if len(batch) > 1 {
		_, err := r.Server.SubmitBatchJSON(ctx, arrayOf(batch), true)
		if err == nil {
			return len(batch), nil
		}
		if !isRefusal(err) {
			return 0, err
		}
		// All or none, so it was none: those before the first one that is to blame go again without it.
		if first := firstToBlame(err, len(batch)); first > 0 {
			return r.submit(ctx, rows, batch[:first])
		}
	}
	one := &rows[0]
	if !isKey(one.key) {
		return 0, r.refuse(ctx, one, "the key of the row must be 1 to 255 bytes of printable characters")
	}
	_, err = r.Server.SubmitJSON(ctx, one.task, one.key)
	switch {
	case err == nil:
		return 1, nil
	case !isRefusal(err):
		return 0, err
	case hasOwnKey(one):
		return 0, r.refuse(ctx, one, err.Error()+"; leave idempotency_key out of the task: the key of the row takes its place")
	}
	return 0, r.refuse(ctx, one, err.Error())
}

func (r *Relay) refuse(ctx context.Context, one *row, why string) error {
	r.refused++
	r.Logger.Error("a task of the outbox is refused; its row stays", "id", one.id, "key", one.key, "error", why)
	if err := r.table.refuse(ctx, one, why); err != nil {
		return fmt.Errorf("note in the outbox that a task is refused: %w", err)
	}
	return nil
}

// isRefusal reports whether the server will never take the request as it is.
func isRefusal(err error) bool {
	switch client.StatusOf(err) {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge:
		return true
	}
	return false
}

// firstToBlame is the index of the first of n tasks of a batch that the server has named, half of n if it names none.
func firstToBlame(err error, n int) int {
	first := -1
	if problem, ok := errors.AsType[*client.Problem](err); ok {
		for _, e := range problem.Errors {
			index, _, _ := strings.Cut(strings.TrimPrefix(e.Pointer, "/"), "/")
			if i, err := strconv.Atoi(index); err == nil && i >= 0 && i < n && (first < 0 || i < first) {
				first = i
			}
		}
	}
	if first < 0 {
		return n / 2
	}
	return first
}
