package viewfile

import (
	"encoding/json"
	"strings"

	"daybook/internal/sqlite"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// row is a Row during encoding or decoding. It has copies of what a task has behind pointers.
type row struct {
	*Row
	extras  task.Extras
	notes   task.Notes
	links   links
	backoff backoff
	holder  task.Holder
	kin     task.Kin
	refused int64 // fence

	dependsOn []task.Dependency // as read
}

// column is a column of the tables live and ended: its declaration, and how its value is written and
// read.
type column struct {
	name, declared string
	kind           byte // as in sqlite.Rows
	live           bool // only the table live has it, because it has no meaning for ended tasks
	about          string
	write          func(dst []byte, r *row) []byte
	read           func(v *sqlite.Values, r *row) bool
}

// columns are all columns of a task. A new field of a task is one line here. Times are in
// microseconds since 1970, durations in microseconds; 0 = none.
var columns = []column{
	number("submit_seq", "PRIMARY KEY", "seq of its task.submitted", func(r *row) *int64 { return &r.Task.SubmitSeq }),
	identity("id", "NOT NULL", "ULID", func(r *row) *ulid.ULID { return &r.Task.ID }),
	number("group_no", "NOT NULL", "its type and queue, see groups", func(r *row) *uint32 { return &r.Group }),
	number("status", "NOT NULL", "1 PENDING, 2 RUNNING, 3 SUCCESS, 4 FAILED, 5 CANCELLED", func(r *row) *task.Status { return &r.Task.Status }),
	number("priority", "NOT NULL", "a point counts as having waited 5 minutes longer", func(r *row) *int { return &r.Task.Priority }),
	{"tags", "TEXT NOT NULL", 't', false, "JSON array; '' = none", writeTags, readTags},
	text("subject", "which task it is, one line", func(r *row) *string { return &r.notes.Subject }),
	text("outcome", "its result, one line", func(r *row) *string { return &r.notes.Outcome }),
	yesNo("partial", "1 = some of its work failed", func(r *row) *bool { return &r.notes.Partial }),
	number("created_at", "NOT NULL", "when it was submitted", func(r *row) *task.Micros { return &r.Task.CreatedAt }),
	number("started_at", "NOT NULL", "start of the latest attempt", func(r *row) *task.Micros { return &r.Task.StartedAt }),
	number("completed_at", "NOT NULL", "end; 0 = it has not ended", func(r *row) *task.Micros { return &r.Task.CompletedAt }),
	number("run_at", "NOT NULL", "requested start; 0 = at once", func(r *row) *task.Micros { return &r.Task.RunAt }),
	number("due_at", "NOT NULL", "when it is due", func(r *row) *task.Micros { return &r.Task.DueAt }),
	number("ready_at", "NOT NULL", "when it became ready to start", func(r *row) *task.Micros { return &r.Task.ReadyAt }),
	number("attempt", "NOT NULL", "number of attempts that count", func(r *row) *int { return &r.Task.Attempt }),
	number("attempt_base", "NOT NULL", "attempt at the last retry by a user", func(r *row) *int32 { return &r.Task.AttemptBase }),
	number("max_attempts", "NOT NULL", "maximum number of attempts", func(r *row) *int { return &r.Task.MaxAttempts }),
	number("progress", "NOT NULL", "hundredths of a percent", func(r *row) *int { return &r.Task.Progress }),
	number("reports", "NOT NULL", "number of its task.progressed events", func(r *row) *uint32 { return &r.Task.Reports }),
	number("code", "NOT NULL", "code of the latest failure", func(r *row) *task.Code { return &r.Task.Code }),
	number("timeout", "NOT NULL", "time limit of an attempt; 0 = none", func(r *row) *task.Micros { return &r.Task.Timeout }),
	liveOnly(yesNo("retrying", "1 = pending, in backoff", func(r *row) *bool { return &r.Task.Retrying })),
	liveOnly(yesNo("timed", "1 = pending, not before due_at", func(r *row) *bool { return &r.Task.Timed })),
	liveOnly(yesNo("cancel_requested", "1 = running, and asked to stop", func(r *row) *bool { return &r.Task.CancelRequested })),
	yesNo("erased", "1 = parameters, result and texts were erased", func(r *row) *bool { return &r.Task.Erased }),
	liveOnly(number("suspicion", "NOT NULL", "how often the process died while it and others ran", func(r *row) *uint8 { return &r.Task.Suspicion })),
	liveOnly(number("deaths", "NOT NULL", "how often in a row the process died while it ran alone", func(r *row) *uint8 { return &r.Task.Deaths })),
	liveOnly(yesNo("trusted", "1 = running, and has run alone for long enough", func(r *row) *bool { return &r.Task.Trusted })),
	number("last_fence", "NOT NULL", "fence of the latest attempt, which holds the task while it runs", func(r *row) *int64 { return &r.Task.LastFence }),
	number("refused_fence", "NOT NULL", "fence of the latest refused late result", func(r *row) *int64 { return &r.refused }),
	liveOnly(identity("boot", "NOT NULL", "boot id of the server that runs it; '' = not running", func(r *row) *ulid.ULID { return &r.holder.Boot })),
	liveOnly(text("worker", "name of the worker that runs it", func(r *row) *string { return &r.holder.Worker })),
	liveOnly(number("lease_seconds", "NOT NULL", "lease without a heartbeat; 0 = it runs in the server", func(r *row) *int { return &r.holder.LeaseSeconds })),
	liveOnly(column{"token_hash", "BLOB", 'b', false, "SHA-256 of the token of its lease", writeToken, readToken}),
	text("concurrency_key", "'' = none", func(r *row) *string { return &r.Task.ConcurrencyKey }),
	liveOnly(number("charge", "NOT NULL", "run time that its key was charged with at its start; 0 = not running, or none", func(r *row) *task.Micros { return &r.holder.Charge })),
	text("idempotency_key", "'' = none", func(r *row) *string { return &r.extras.IdempotencyKey }),
	{"request_hash", "BLOB", 'b', false, "SHA-256 of the request with its idempotency key", writeHash, readHash},
	jsonOf("backoff", "JSON; '' = exponential, 2 s to 600 s, with jitter", usualBackoff, func(r *row) *backoff { return &r.backoff }),
	{"depends_on", "TEXT NOT NULL", 't', false, "JSON array: the tasks that it depends on, with when (1 failed, 2 ended) and name; '' = none", writeDependencies, readDependencies},
	jsonOf("links", "JSON: unique key, retried and retrying task, traceparent, for which dependency it was cancelled; '' = none", links{}, func(r *row) *links { return &r.links }),
	identity("parent", "NOT NULL", "ULID of its parent; '' = none", func(r *row) *ulid.ULID { return &r.kin.Parent }),
	{"kin", "TEXT NOT NULL", 't', false, "JSON: its name, step and depth below its parent, what its failure means there, its workflow, the number of its children, and as what it is ending; '' = none", writeKin, readKin},
	{"steps", "TEXT NOT NULL", 't', false, "JSON: number of its durable steps, their bytes, changes, and what it is suspended for; '' = none", writeSteps, readSteps},
	number("version", "NOT NULL", "number of its events", func(r *row) *int64 { return &r.Task.Version }),
	number("last_seq", "NOT NULL", "seq of its latest event", func(r *row) *int64 { return &r.Task.LastSeq }),
	number("message_seq", "NOT NULL", "seq of the event with its message", func(r *row) *int64 { return &r.Task.MessageSeq }),
	number("result_seq", "NOT NULL", "seq of the event with its result", func(r *row) *int64 { return &r.Task.ResultSeq }),
	number("error_seq", "NOT NULL", "seq of the event with its error", func(r *row) *int64 { return &r.Task.ErrorSeq }),
	{"events", "BLOB", 'b', false, "distances between the seqs of its events, uvarints",
		func(dst []byte, r *row) []byte { return sqlite.AppendBytes(dst, r.Events) },
		func(v *sqlite.Values, r *row) bool { r.Events = append([]byte(nil), v.Bytes()...); return true }},
}

// number declares a column with an integer.
func number[T ~int | ~int32 | ~int64 | ~uint8 | ~uint32](name, constraint, about string, field func(*row) *T) column {
	return column{name, "INTEGER " + constraint, 'i', false, about,
		func(dst []byte, r *row) []byte { return sqlite.AppendNumber(dst, int64(*field(r))) },
		func(v *sqlite.Values, r *row) bool {
			n := v.Number()
			*field(r) = T(n)
			return int64(T(n)) == n
		}}
}

// liveOnly omits a column from the table ended.
func liveOnly(c column) column {
	c.live = true
	return c
}

// jsonOf declares a column with JSON, which is empty for the usual value.
func jsonOf[T comparable](name, about string, usual T, field func(*row) *T) column {
	return column{name, "TEXT NOT NULL", 't', false, about,
		func(dst []byte, r *row) []byte {
			if *field(r) == usual {
				return sqlite.AppendLength(dst, 0)
			}
			b, _ := json.Marshal(field(r)) // numbers, strings and ULIDs can be marshalled
			return sqlite.AppendBytes(dst, b)
		},
		func(v *sqlite.Values, r *row) bool {
			b := v.Bytes()
			if len(b) == 0 {
				*field(r) = usual
				return true
			}
			return json.Unmarshal(b, field(r)) == nil
		}}
}

// backoff is a task.Backoff as JSON.
type backoff struct {
	Kind          task.BackoffKind `json:"kind"` // 0 exponential, 1 linear, 2 constant
	Base          task.Micros      `json:"base"`
	Max           task.Micros      `json:"max"`
	WithoutJitter bool             `json:"without_jitter"`
}

// usualBackoff is part of the file format. Do not change it when the default of tasks changes.
var usualBackoff = backoff{Base: 2 * task.Second, Max: 600 * task.Second}

// links are task.Links as JSON.
type links struct {
	UniqueKey    string      `json:"unique_key,omitempty"`
	UniqueFor    task.Micros `json:"unique_for,omitempty"`
	UniqueFrom   task.Micros `json:"unique_from,omitempty"`
	UniqueSince  task.Micros `json:"unique_since,omitempty"`
	UniqueBehind ulid.ULID   `json:"unique_behind,omitzero"`
	RetryOf      ulid.ULID   `json:"retry_of,omitzero"`
	RetriedAs    ulid.ULID   `json:"retried_as,omitzero"`
	ReplacedBy   ulid.ULID   `json:"replaced_by,omitzero"`
	TraceParent  string      `json:"traceparent,omitempty"`
	RunAnyway    bool        `json:"run_anyway,omitempty"`
	Because      ulid.ULID   `json:"because,omitzero"`
}

// yesNo declares a column with 1 for true and 0 for false.
func yesNo(name, about string, field func(*row) *bool) column {
	return column{name, "INTEGER NOT NULL", 'i', false, about,
		func(dst []byte, r *row) []byte {
			n := int64(0)
			if *field(r) {
				n = 1
			}
			return sqlite.AppendNumber(dst, n)
		},
		func(v *sqlite.Values, r *row) bool {
			n := v.Number()
			*field(r) = n == 1
			return n == 0 || n == 1
		}}
}

// text declares a column with text.
func text(name, about string, field func(*row) *string) column {
	return column{name, "TEXT NOT NULL", 't', false, about,
		func(dst []byte, r *row) []byte { return appendText(dst, *field(r)) },
		func(v *sqlite.Values, r *row) bool { *field(r) = string(v.Bytes()); return true }}
}

// identity declares a column with a ULID; the zero ULID is stored as empty text.
func identity(name, constraint, about string, field func(*row) *ulid.ULID) column {
	return column{name, "TEXT " + constraint, 't', false, about,
		func(dst []byte, r *row) []byte { return appendID(dst, field(r)) },
		func(v *sqlite.Values, r *row) bool {
			b := v.Bytes()
			return len(b) == 0 || field(r).UnmarshalText(b) == nil
		}}
}

func appendText(dst []byte, s string) []byte {
	return append(sqlite.AppendLength(dst, len(s)), s...)
}

// appendID appends the id as text; the zero id as empty text.
func appendID(dst []byte, id *ulid.ULID) []byte {
	if *id == (ulid.ULID{}) {
		return sqlite.AppendLength(dst, 0)
	}
	var b [ulid.EncodedSize]byte
	_ = id.MarshalTextTo(b[:]) // the buffer has the right size
	return append(sqlite.AppendLength(dst, len(b)), b[:]...)
}

func writeTags(dst []byte, r *row) []byte {
	if len(r.extras.Tags) == 0 {
		return sqlite.AppendLength(dst, 0)
	}
	b, _ := json.Marshal(r.extras.Tags) // strings can be marshalled
	return sqlite.AppendBytes(dst, b)
}

func readTags(v *sqlite.Values, r *row) bool {
	b := v.Bytes()
	return len(b) == 0 || json.Unmarshal(b, &r.extras.Tags) == nil
}

func writeDependencies(dst []byte, r *row) []byte {
	list := r.Task.DependsOn()
	if len(list) == 0 {
		return sqlite.AppendLength(dst, 0)
	}
	b, _ := json.Marshal(list) // numbers, strings and ULIDs can be marshalled
	return sqlite.AppendBytes(dst, b)
}

func readDependencies(v *sqlite.Values, r *row) bool {
	b := v.Bytes()
	return len(b) == 0 || json.Unmarshal(b, &r.dependsOn) == nil
}

func writeSteps(dst []byte, r *row) []byte {
	if r.Task.Steps == nil {
		return sqlite.AppendLength(dst, 0)
	}
	b, _ := json.Marshal(r.Task.Steps) // numbers and strings can be marshalled
	return sqlite.AppendBytes(dst, b)
}

func readSteps(v *sqlite.Values, r *row) bool {
	b := v.Bytes()
	return len(b) == 0 || json.Unmarshal(b, &r.Task.Steps) == nil
}

func writeKin(dst []byte, r *row) []byte {
	k := r.kin
	if k.Parent = (ulid.ULID{}); k == (task.Kin{}) {
		return sqlite.AppendLength(dst, 0)
	}
	b, _ := json.Marshal(&k) // numbers, strings and ULIDs can be marshalled
	return sqlite.AppendBytes(dst, b)
}

// readKin comes after the column parent.
func readKin(v *sqlite.Values, r *row) bool {
	b := v.Bytes()
	return len(b) == 0 || json.Unmarshal(b, &r.kin) == nil
}

func writeHash(dst []byte, r *row) []byte {
	if r.extras.RequestHash == nil {
		return sqlite.AppendLength(dst, 0)
	}
	return sqlite.AppendBytes(dst, r.extras.RequestHash[:])
}

func readHash(v *sqlite.Values, r *row) bool {
	b := v.Bytes()
	if len(b) == 0 {
		return true
	}
	r.extras.RequestHash = new([32]byte)
	return copy(r.extras.RequestHash[:], b) == len(b) && len(b) == len(r.extras.RequestHash)
}

func writeToken(dst []byte, r *row) []byte {
	if r.holder.Token == nil {
		return sqlite.AppendLength(dst, 0)
	}
	return sqlite.AppendBytes(dst, r.holder.Token[:])
}

func readToken(v *sqlite.Values, r *row) bool {
	b := v.Bytes()
	if len(b) == 0 {
		return true
	}
	r.holder.Token = new([32]byte)
	return copy(r.holder.Token[:], b) == len(b) && len(b) == len(r.holder.Token)
}

// table has the columns of live or ended.
type table struct {
	columns  []column
	names    string // for a SELECT or an INSERT
	kinds    string // of sqlite.Rows
	declared string
}

var live, ended = tableOf(func(c column) bool { return true }), tableOf(func(c column) bool { return !c.live })

func tableOf(has func(column) bool) *table {
	t := &table{}
	var names, declared []string
	for _, c := range columns {
		if !has(c) {
			continue
		}
		t.columns, t.kinds = append(t.columns, c), t.kinds+string(c.kind)
		names, declared = append(names, c.name), append(declared, c.name+" "+c.declared)
	}
	t.names, t.declared = strings.Join(names, ", "), strings.Join(declared, ",\n\t")
	return t
}

// appendRow appends the values of all columns in the form of sqlite.Rows.
func (t *table) appendRow(dst []byte, from *Row) []byte {
	r := row{Row: from}
	k := &from.Task
	if k.Extras != nil {
		r.extras = *k.Extras
	}
	if k.Notes != nil {
		r.notes = *k.Notes
	}
	if l := k.Links; l != nil {
		u := &l.Unique
		r.refused = l.RefusedFence
		r.links = links{u.Key, u.For, u.From, u.Since, u.Behind, l.RetryOf, l.RetriedAs, l.ReplacedBy, l.TraceParent, l.RunAnyway, l.Because}
	}
	r.holder, r.kin = k.Held(), k.KinNow()
	wait := k.Backoff()
	r.backoff = backoff{wait.Kind, wait.Base, wait.Max, wait.NoJitter}
	for i := range t.columns {
		dst = t.columns[i].write(dst, &r)
	}
	return dst
}

// readRow sets dst to the values of all columns. Type and queue are those of the group. dst does not
// refer to the memory of the values.
func (t *table) readRow(dst *Row, v *sqlite.Values, groups []Group) error {
	*dst = Row{}
	r := row{Row: dst}
	for i := range t.columns {
		if !t.columns[i].read(v, &r) {
			return damaged("the column " + t.columns[i].name + " of a task cannot be read")
		}
	}
	if !v.Whole() {
		return damaged("a task cannot be read")
	}
	if int(dst.Group) >= len(groups) {
		return damaged("a task is of a group that is not there")
	}
	k := &dst.Task
	k.Type, k.Queue = groups[dst.Group].Type, groups[dst.Group].Queue
	if notes := r.notes; notes != (task.Notes{}) {
		k.Notes = &notes
	}
	if l := &r.links; *l != (links{}) || r.refused != 0 || r.dependsOn != nil {
		unique := task.Unique{Key: l.UniqueKey, For: l.UniqueFor, From: l.UniqueFrom, Since: l.UniqueSince, Behind: l.UniqueBehind}
		k.Links = &task.Links{RefusedFence: r.refused, Unique: unique, RetryOf: l.RetryOf, RetriedAs: l.RetriedAs, ReplacedBy: l.ReplacedBy, TraceParent: l.TraceParent,
			DependsOn: r.dependsOn, RunAnyway: l.RunAnyway, Because: l.Because}
	}
	b := &r.backoff
	if wait := (task.Backoff{Kind: b.Kind, Base: b.Base, Max: b.Max, NoJitter: b.WithoutJitter}); wait != task.DefaultBackoff {
		r.extras.Backoff = &wait
	}
	k.SetExtras(r.extras)
	if kin := r.kin; kin != (task.Kin{}) {
		k.Kin = &kin
	}
	if holder := r.holder; holder != (task.Holder{}) {
		k.Holder = &holder
	}
	return nil
}
