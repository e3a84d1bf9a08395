package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strconv"

	"daybook/eventlog"
	"daybook/internal/canonical"
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

// rows gathers the rows of the tasks in order. It ends with the first error.
func (a *API) rows(ctx context.Context, tasks []task.Task, as shape) iter.Seq2[*row, error] {
	return func(yield func(*row, error) bool) {
		for some := range slices.Chunk(tasks, rowsAtOnce) {
			rows, err := a.rowsOf(ctx, some, as)
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

// rowOf gathers what belongs to the row of t.
func (a *API) rowOf(ctx context.Context, t *task.Task, as shape) (row, error) {
	rows, err := a.rowsOf(ctx, []task.Task{*t}, as)
	return rows[0], err
}

// rowsOf gathers what belongs to the rows of the tasks.
func (a *API) rowsOf(ctx context.Context, tasks []task.Task, as shape) ([]row, error) {
	rows := make([]row, len(tasks))
	w := wanted{seqs: make([]int64, 0, 4*len(tasks)), to: make([]place, 0, 4*len(tasks))}
	for i := range tasks {
		t, r := &tasks[i], &rows[i]
		r.task, r.waiting = t, a.waitingFor(t)
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
	err := a.Payloads.GetMany(ctx, w.seqs, w.take)
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

// take puts a payload in its place. One that was erased is nil; so is one that is damaged,
// and the row says so.
func (w *wanted) take(i int, body []byte, err error) error {
	if errors.Is(err, eventlog.ErrErased) || errors.Is(err, eventlog.ErrNotFound) {
		return nil
	}
	to := w.to[i]
	if errors.Is(err, eventlog.ErrDamaged) {
		to.row.damaged |= to.as
		return nil
	}
	if to.cut != nil && len(body) > maxListedResult {
		*to.cut = true // and let go of it
		return nil
	}
	*to.body = body
	return err
}

// waitingFor is why the task waits; nil also for one that nothing holds: a slot is free
// and it is about to start.
func (a *API) waitingFor(t *task.Task) *scheduler.Waiting {
	w := a.Scheduler.WaitingFor(t)
	if w != nil && w.Reason == "capacity" && w.Running < w.Slots {
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
	dst = append(dst, `{"id":"`...)
	dst = appendID(dst, t.ID)
	dst = append(dst, `","task_type":`...)
	dst = canonical.AppendText(dst, t.Type)
	dst = append(dst, `,"status":"`...)
	dst = append(dst, t.Status.String()...)
	dst = append(dst, `","created_at":`...)
	dst = appendMoment(dst, t.CreatedAt)
	dst = append(dst, `,"started_at":`...)
	dst = appendMoment(dst, t.StartedAt)
	dst = append(dst, `,"completed_at":`...)
	dst = appendMoment(dst, t.CompletedAt)
	dst = append(dst, `,"ready_at":`...)
	dst = appendMoment(dst, t.ReadyAt)
	dst = append(dst, `,"progress":`...)
	dst = appendHundredths(dst, t.Progress)
	dst = append(dst, `,"progress_message":`...)
	dst = appendRaw(dst, r.message)
	if as != summary {
		dst = append(dst, `,"parameters":`...)
		dst = appendRaw(dst, r.parameters)
		dst = append(dst, `,"result_data":`...)
		dst = appendRaw(dst, r.result)
		if r.cut {
			dst = append(dst, `,"result_truncated":true`...)
		}
	}
	dst = append(dst, `,"error_message":`...)
	dst = appendRaw(dst, r.failure)
	if r.damaged != 0 {
		dst = append(dst, `,"damaged":`...)
		dst = appendTexts(dst, r.damaged.names())
	}
	dst = appendDispatch(dst, r, as)
	return append(dst, '}')
}

// appendDispatch appends how the task waits and is run.
func appendDispatch(dst []byte, r *row, as shape) []byte {
	t := r.task
	dst = append(dst, `,"queue":`...)
	dst = canonical.AppendText(dst, t.Queue)
	dst = append(dst, `,"priority":`...)
	dst = strconv.AppendInt(dst, int64(t.Priority), 10)
	dst = append(dst, `,"run_at":`...)
	dst = appendMoment(dst, t.RunAt)
	dst = append(dst, `,"waiting_for":`...)
	dst = appendWaiting(dst, r.waiting)
	dst = appendNotes(dst, r, as)
	dst = append(dst, `,"attempt":`...)
	dst = strconv.AppendInt(dst, int64(t.Attempt), 10)
	dst = append(dst, `,"max_attempts":`...)
	dst = strconv.AppendInt(dst, int64(t.MaxAttempts), 10)
	dst = append(dst, `,"attempts_before_retry":`...)
	dst = strconv.AppendInt(dst, int64(t.AttemptBase), 10)
	dst = append(dst, `,"timeout_seconds":`...)
	dst = appendSpan(dst, t.Timeout)
	dst = append(dst, `,"tags":`...)
	dst = appendTexts(dst, t.Tags)
	dst = append(dst, `,"idempotency_key":`...)
	dst = appendOptional(dst, t.IdempotencyKey)
	dst = appendLinks(dst, t)
	dst = append(dst, `,"worker":`...)
	dst = appendOptional(dst, t.Worker)
	dst = append(dst, `,"version":`...)
	dst = strconv.AppendInt(dst, t.Version, 10)
	dst = append(dst, `,"progress_reports":`...)
	dst = strconv.AppendInt(dst, t.Reports, 10)
	dst = append(dst, `,"last_seq":`...)
	return strconv.AppendInt(dst, t.LastSeq, 10)
}

// appendNotes appends what the task works on and what came of it, in words.
func appendNotes(dst []byte, r *row, as shape) []byte {
	notes := r.task.Notes
	if notes == nil {
		return append(dst, `,"subject":null,"outcome":null,"partial":false`...)
	}
	dst = append(dst, `,"subject":`...)
	dst = appendOptional(dst, notes.Subject)
	dst = append(dst, `,"outcome":`...)
	dst = appendOptional(dst, notes.Outcome)
	dst = append(dst, `,"partial":`...)
	dst = strconv.AppendBool(dst, notes.Partial)
	if as == whole && len(r.fileNames) > 0 {
		names, _ := json.Marshal(r.fileNames) // strings always marshal
		dst = append(dst, `,"file_names":`...)
		dst = append(dst, names...)
	}
	return dst
}

func appendID(dst []byte, id ulid.ULID) []byte {
	var name [ulid.EncodedSize]byte
	_ = id.MarshalTextTo(name[:]) // the buffer has the right size
	return append(dst, name[:]...)
}

func appendRaw(dst, value []byte) []byte {
	if len(value) == 0 {
		return append(dst, "null"...)
	}
	return append(dst, value...)
}

func appendOptional(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return canonical.AppendText(dst, s)
}

func appendTexts(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = canonical.AppendText(dst, s)
	}
	return append(dst, ']')
}

// appendMoment appends a time in quotes, null for none.
func appendMoment(dst []byte, at task.Micros) []byte {
	if at == 0 {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = at.AppendRFC3339(dst)
	return append(dst, '"')
}

// appendSpan appends a span as seconds, null for none.
func appendSpan(dst []byte, span task.Micros) []byte {
	if span == 0 {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, float64(span)/float64(task.Second), 'f', -1, 64)
}

// appendHundredths appends hundredths of a percent as percent: 3312 is 33.12.
func appendHundredths(dst []byte, n int) []byte {
	dst = strconv.AppendInt(dst, int64(n/100), 10)
	if rest := n % 100; rest != 0 {
		dst = append(dst, '.', byte('0'+rest/10))
		if rest%10 != 0 {
			dst = append(dst, byte('0'+rest%10))
		}
	}
	return dst
}

func appendWaiting(dst []byte, w *scheduler.Waiting) []byte {
	if w == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, `{"reason":`...)
	dst = canonical.AppendText(dst, w.Reason)
	if w.Until != 0 {
		dst = append(dst, `,"until":`...)
		dst = appendMoment(dst, w.Until)
	}
	if w.Task != (ulid.ULID{}) {
		dst = appendOptionalID(append(dst, `,"task_id":`...), w.Task)
	}
	if w.Attempt != 0 {
		dst = append(dst, `,"attempt":`...)
		dst = strconv.AppendInt(dst, int64(w.Attempt), 10)
	}
	if w.Slots != 0 {
		dst = append(dst, `,"running":`...)
		dst = strconv.AppendInt(dst, int64(w.Running), 10)
		dst = append(dst, `,"slots":`...)
		dst = strconv.AppendInt(dst, int64(w.Slots), 10)
	}
	return append(dst, '}')
}
