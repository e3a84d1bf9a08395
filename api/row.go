package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"

	"daybook/eventlog"
	"daybook/internal/jsontext"
	"daybook/scheduler"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// row is a task as clients see it: its state, the texts that go with it, and why it
// waits. A text that is nil is null.
type row struct {
	task    *task.Task
	waiting *scheduler.Waiting

	parameters []byte // JSON
	result     []byte // JSON
	message    []byte // a JSON string
	failure    []byte // a JSON string
	cut        bool   // the result is there but too large for a list
	fileNames  map[string]string
	damaged    damage // which of these the log has but cannot give: they are nil
}

// damage is a set of texts, a bit each.
type damage uint8

const (
	damagedMessage damage = 1 << iota
	damagedParameters
	damagedResult
	damagedFailure
)

// names are the fields of a task's JSON by the bits of damage.
var damageNames = [...]string{"progress_message", "parameters", "result_data", "error_message"}

func (d damage) names() (names []string) {
	for i, name := range damageNames {
		if d&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// shape is how much of a task is shown.
type shape uint8

const (
	whole   shape = iota // all of it
	listed               // a result over 64 KiB is left out
	summary              // no parameters and no result
)

// maxListedResult is the largest result that a list shows, in bytes.
const maxListedResult = 64 << 10

// rowsAtOnce is of how many rows the payloads are fetched at once: few, for a result may
// be large.
const rowsAtOnce = 20

// rows gathers the rows of the tasks, as they are now, in order. It ends with the first error.
func (a *API) rows(ctx context.Context, tasks []task.Task, as shape) iter.Seq2[*row, error] {
	return a.now().rows(ctx, tasks, as)
}

// rows gathers the rows of the tasks in order. It ends with the first error.
func (from *moment) rows(ctx context.Context, tasks []task.Task, as shape) iter.Seq2[*row, error] {
	return func(yield func(*row, error) bool) {
		for some := range slices.Chunk(tasks, rowsAtOnce) {
			rows, err := from.rowsOf(ctx, some, as)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range rows {
				if !yield(&rows[i], nil) {
					return
				}
			}
		}
	}
}

// rowOf gathers what belongs to the row of t, as it is now.
func (a *API) rowOf(ctx context.Context, t *task.Task, as shape) (row, error) {
	return a.now().rowOf(ctx, t, as)
}

// rowsOf gathers what belongs to the rows of the tasks, as they are now.
func (a *API) rowsOf(ctx context.Context, tasks []task.Task, as shape) ([]row, error) {
	return a.now().rowsOf(ctx, tasks, as)
}

// rowOf gathers what belongs to the row of t.
func (from *moment) rowOf(ctx context.Context, t *task.Task, as shape) (row, error) {
	rows, err := from.rowsOf(ctx, []task.Task{*t}, as)
	if err != nil {
		return row{}, err
	}
	return rows[0], nil
}

// rowsOf gathers what belongs to the rows of the tasks.
func (from *moment) rowsOf(ctx context.Context, tasks []task.Task, as shape) ([]row, error) {
	if err := from.hideErased(ctx, tasks); err != nil {
		return nil, err
	}
	rows := make([]row, len(tasks))
	w := wanted{seqs: make([]int64, 0, 4*len(tasks)), to: make([]place, 0, 4*len(tasks))}
	for i := range tasks {
		t, r := &tasks[i], &rows[i]
		r.task, r.waiting = t, from.waitingFor(t)
		if t.Erased { // its payloads may not be deleted yet
			continue
		}
		if as != summary {
			w.add(t.SubmitSeq, place{body: &r.parameters, row: r, as: damagedParameters})
			result := place{body: &r.result, row: r, as: damagedResult}
			if as == listed {
				result.cut = &r.cut
			}
			w.add(t.ResultSeq, result)
		}
		w.add(t.MessageSeq, place{body: &r.message, row: r, as: damagedMessage})
		w.add(t.ErrorSeq, place{body: &r.failure, row: r, as: damagedFailure})
	}
	err := from.api.Payloads.GetMany(ctx, w.seqs, w.store)
	for i := range rows {
		r := &rows[i]
		r.message, r.failure = textIn(r.message, `{"message":`), textIn(r.failure, `{"error":`)
	}
	return rows, err
}

// wanted is payloads to be fetched, and where they go.
type wanted struct {
	seqs []int64
	to   []place
}

// place is where a payload goes; or, where cut is set, that it is too long for a list.
type place struct {
	body *[]byte
	cut  *bool // nil = any length will do
	row  *row  // of which it is the text as
	as   damage
}

// add wants the payload of event seq, none for seq 0.
func (w *wanted) add(seq int64, to place) {
	if seq != 0 {
		w.seqs, w.to = append(w.seqs, seq), append(w.to, to)
	}
}

// store puts payload i where add said. An erased one stays nil; so does a damaged one, and the row
// is marked.
func (w *wanted) store(i int, body []byte, err error) error {
	if errors.Is(err, eventlog.ErrErased) || errors.Is(err, eventlog.ErrNotFound) {
		return nil
	}
	to := w.to[i]
	if errors.Is(err, eventlog.ErrDamaged) {
		to.row.damaged |= to.as
		return nil
	}
	if to.cut != nil && len(body) > maxListedResult {
		*to.cut = true // body stays nil
		return nil
	}
	*to.body = body
	return err
}

// waitingOfNew is waitingFor of a task as it was submitted: it may have started since.
func (a *API) waitingOfNew(t *task.Task) *scheduler.Waiting {
	w := a.sched().WaitingFor(t)
	if w != nil && (w.Reason == "capacity" || w.Reason == "turn") && !a.Views.IsPending(t.ID) {
		return nil
	}
	return w
}

// textIn returns the JSON string that is the first member of a payload, nil when it is not so.
func textIn(payload []byte, prefix string) []byte {
	inner, ok := bytes.CutPrefix(payload, []byte(prefix))
	if !ok || len(inner) == 0 || inner[0] != '"' {
		return nil
	}
	for i := 1; i < len(inner); i++ {
		switch inner[i] {
		case '\\':
			i++
		case '"':
			return inner[:i+1]
		}
	}
	return nil
}

// appendRow appends the row as a JSON object, fields in the order of the reference.
func appendRow(dst []byte, r *row, as shape) []byte {
	t := r.task
	w := jsontext.Writer(dst)
	w.Object()
	writeID(w.Key("id"), t.ID)
	w.Key("task_type").String(t.Type)
	w.Key("status").String(t.Status.String())
	w.Key("created_at").OptionalTime(int64(t.CreatedAt))
	w.Key("started_at").OptionalTime(int64(t.StartedAt))
	w.Key("completed_at").OptionalTime(int64(t.CompletedAt))
	w.Key("ready_at").OptionalTime(int64(t.ReadyAt))
	w.Key("progress").Hundredths(t.Progress)
	w.Key("progress_message").Raw(r.message)
	if as != summary {
		w.Key("parameters").Raw(r.parameters)
		w.Key("result_data").Raw(r.result)
		if r.cut {
			w.Key("result_truncated").Bool(true)
		}
	}
	w.Key("error_message").Raw(r.failure)
	if t.Erased {
		w.Key("erased").Bool(true)
	}
	if r.damaged != 0 {
		w.Key("damaged").Strings(r.damaged.names())
	}
	writeDispatch(&w, r, as)
	w.EndObject()
	return w
}

// writeDispatch writes how the task waits and is run.
func writeDispatch(w *jsontext.Writer, r *row, as shape) {
	t := r.task
	w.Key("queue").String(t.Queue)
	w.Key("priority").Int(int64(t.Priority))
	w.Key("run_at").OptionalTime(int64(t.RunAt))
	writeWaiting(w.Key("waiting_for"), r.waiting)
	writeNotes(w, r, as)
	w.Key("attempt").Int(int64(t.Attempt))
	w.Key("max_attempts").Int(int64(t.MaxAttempts))
	w.Key("attempts_before_retry").Int(int64(t.AttemptBase))
	w.Key("timeout_seconds").OptionalSeconds(int64(t.Timeout))
	w.Key("tags").Strings(t.Tags())
	w.Key("idempotency_key").OptionalString(t.IdempotencyKey())
	w.Key("concurrency_key").OptionalString(t.ConcurrencyKey)
	writeLinks(w, t)
	w.Key("worker").OptionalString(t.Held().Worker)
	w.Key("version").Int(t.Version)
	w.Key("progress_reports").Int(int64(t.Reports))
	w.Key("steps").Int(int64(t.StepCount()))
	w.Key("children").Int(int64(t.KinNow().Children))
	w.Key("last_seq").Int(t.LastSeq)
}

// writeNotes writes what the task works on and what came of it, in words.
func writeNotes(w *jsontext.Writer, r *row, as shape) {
	var notes task.Notes
	if r.task.Notes != nil {
		notes = *r.task.Notes
	}
	w.Key("subject").OptionalString(notes.Subject)
	w.Key("outcome").OptionalString(notes.Outcome)
	w.Key("partial").Bool(notes.Partial)
	if as == whole && len(r.fileNames) > 0 {
		names, _ := json.Marshal(r.fileNames) // strings always marshal
		w.Key("file_names").Raw(names)
	}
}

// writeID writes the id of a task; null for the zero one.
func writeID(w *jsontext.Writer, id ulid.ULID) {
	if id == (ulid.ULID{}) {
		w.Null()
		return
	}
	var name [ulid.EncodedSize]byte
	_ = id.MarshalTextTo(name[:]) // the buffer has the right size
	w.Quoted(name[:])
}
