package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	var tasks []client.Submit
	size := 0
	for i := range rows {
		task, why := taskOf(&rows[i])
		size += len(rows[i].task)
		if i == 0 && why != "" {
			return r.refuse(ctx, &rows[0], why)
		}
		if why != "" || size > batchBytes && i > 0 { // the next step begins with it
			rows = rows[:i]
			break
		}
		tasks = append(tasks, task)
	}
	if len(rows) == 0 {
		return nil
	}
	done, err := r.submit(ctx, rows, tasks)
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

// taskOf is the submit of a row; why says what is wrong with it.
func taskOf(one *row) (task client.Submit, why string) {
	d := json.NewDecoder(bytes.NewReader(one.task))
	d.UseNumber()
	d.DisallowUnknownFields()
	err := d.Decode(&task)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows the object")
		}
	}
	switch {
	case err != nil:
		return task, "the task is not a JSON object as POST /api/tasks/submit takes it: " + strings.TrimPrefix(err.Error(), "json: ")
	case task.IdempotencyKey != "":
		return task, "the task has an idempotency_key: leave it out, the key of the row takes its place"
	}
	task.IdempotencyKey = one.key
	return task, ""
}

// submit submits the tasks of rows, or the first ones of them, and returns how many. A first one that the server will never take is
// refused instead.
func (r *Relay) submit(ctx context.Context, rows []row, tasks []client.Submit) (done int, err error) {
	if len(tasks) > 1 {
		_, err := r.Server.SubmitBatch(ctx, tasks)
		if err == nil {
			return len(tasks), nil
		}
		if !isRefusal(err) {
			return 0, err
		}
		// All or none, so it was none: those before the first one that is to blame go again without it.
		first := firstToBlame(err, len(tasks))
		if first > 0 {
			return r.submit(ctx, rows[:first], tasks[:first])
		}
	}
	_, err = r.Server.Submit(ctx, tasks[0])
	if err == nil {
		return 1, nil
	}
	if !isRefusal(err) {
		return 0, err
	}
	return 0, r.refuse(ctx, &rows[0], err.Error())
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
