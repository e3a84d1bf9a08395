package viewfile

import (
	"encoding/json"
	"strings"

	"daybook/internal/sqlite"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// row is a Row on its way to or from the file: what a task has behind a pointer lies open.
type row struct {
	*Row
	notes task.Notes
	links task.Links
}

// column is a column of the tables live and ended: how it is declared, and how a row is
// written to it and read from it.
type column struct {
	name, declared string
	kind           byte // as in sqlite.Rows
	about          string
	write          func(dst []byte, r *row) []byte
	read           func(v *sqlite.Values, r *row) bool
}

// columns are all that the file keeps of a task. A field that a task gets is one line here.
// Moments and lengths of time are in microseconds, moments since 1970; 0 = none.
var columns = []column{
	number("submit_seq", "PRIMARY KEY", "seq of its task.submitted", func(r *row) *int64 { return &r.Task.SubmitSeq }),
	identity("id", "NOT NULL", "ULID", func(r *row) *ulid.ULID { return &r.Task.ID }),
	number("group_no", "NOT NULL", "of its type and queue, see groups", func(r *row) *uint32 { return &r.Group }),
	number("status", "NOT NULL", "1 PENDING, 2 RUNNING, 3 SUCCESS, 4 FAILED, 5 CANCELLED", func(r *row) *task.Status { return &r.Task.Status }),
	number("priority", "NOT NULL", "the higher, the earlier", func(r *row) *int { return &r.Task.Priority }),
	{"tags", "TEXT NOT NULL", 't', "JSON array; '' = none", writeTags, readTags},
	text("subject", "what it works on", func(r *row) *string { return &r.notes.Subject }),
	text("outcome", "what came of it", func(r *row) *string { return &r.notes.Outcome }),
	yesNo("partial", "it has succeeded in part", func(r *row) *bool { return &r.notes.Partial }),
	number("created_at", "NOT NULL", "", func(r *row) *task.Micros { return &r.Task.CreatedAt }),
	number("started_at", "NOT NULL", "of the latest attempt", func(r *row) *task.Micros { return &r.Task.StartedAt }),
	number("completed_at", "NOT NULL", "", func(r *row) *task.Micros { return &r.Task.CompletedAt }),
	number("run_at", "NOT NULL", "as asked for; 0 = at once", func(r *row) *task.Micros { return &r.Task.RunAt }),
	number("due_at", "NOT NULL", "its place in line", func(r *row) *task.Micros { return &r.Task.DueAt }),
	number("ready_at", "NOT NULL", "since when its wait is counted", func(r *row) *task.Micros { return &r.Task.ReadyAt }),
	number("attempt", "NOT NULL", "attempts that counted", func(r *row) *int { return &r.Task.Attempt }),
	number("attempt_base", "NOT NULL", "attempt when a person last sent it back", func(r *row) *int { return &r.Task.AttemptBase }),
	number("max_attempts", "NOT NULL", "", func(r *row) *int { return &r.Task.MaxAttempts }),
	number("progress", "NOT NULL", "hundredths of a percent", func(r *row) *int { return &r.Task.Progress }),
	number("reports", "NOT NULL", "its task.progressed events", func(r *row) *int64 { return &r.Task.Reports }),
	number("code", "NOT NULL", "of the latest failure", func(r *row) *task.Code { return &r.Task.Code }),
	number("timeout", "NOT NULL", "of an attempt", func(r *row) *task.Micros { return &r.Task.Timeout }),
	number("backoff_kind", "NOT NULL", "0 exponential, 1 linear, 2 constant", func(r *row) *task.BackoffKind { return &r.Task.Backoff.Kind }),
	number("backoff_base", "NOT NULL", "", func(r *row) *task.Micros { return &r.Task.Backoff.Base }),
	number("backoff_max", "NOT NULL", "", func(r *row) *task.Micros { return &r.Task.Backoff.Max }),
	yesNo("backoff_without_jitter", "", func(r *row) *bool { return &r.Task.Backoff.NoJitter }),
	yesNo("retrying", "pending, until the end of a backoff", func(r *row) *bool { return &r.Task.Retrying }),
	yesNo("timed", "pending, until the clock reaches due_at", func(r *row) *bool { return &r.Task.Timed }),
	yesNo("cancel_requested", "running, and asked to stop", func(r *row) *bool { return &r.Task.CancelRequested }),
	yesNo("erased", "its parameters, results and texts are gone", func(r *row) *bool { return &r.Task.Erased }),
	number("suspicion", "NOT NULL", "the process died while it ran beside others", func(r *row) *uint8 { return &r.Task.Suspicion }),
	number("deaths", "NOT NULL", "in a row, of processes that ran it alone", func(r *row) *uint8 { return &r.Task.Deaths }),
	yesNo("trusted", "running, and has run alone for long enough", func(r *row) *bool { return &r.Task.Trusted }),
	number("fence", "NOT NULL", "of the attempt that holds it; 0 unless running", func(r *row) *int64 { return &r.Task.Fence }),
	number("last_fence", "NOT NULL", "", func(r *row) *int64 { return &r.Task.LastFence }),
	number("refused_fence", "NOT NULL", "of the latest late result", func(r *row) *int64 { return &r.Task.RefusedFence }),
	identity("boot", "NOT NULL", "start of the server that runs it; '' unless running", func(r *row) *ulid.ULID { return &r.Task.Boot }),
	text("worker", "who runs it", func(r *row) *string { return &r.Task.Worker }),
	number("lease_seconds", "NOT NULL", "", func(r *row) *int { return &r.Task.LeaseSeconds }),
	text("idempotency_key", "'' = none", func(r *row) *string { return &r.Task.IdempotencyKey }),
	{"request_hash", "BLOB", 'b', "SHA-256 of the request that its key stands for", writeHash, readHash},
	text("unique_key", "'' = none", func(r *row) *string { return &r.links.Unique.Key }),
	number("unique_for", "NOT NULL", "0 = while it is live", func(r *row) *task.Micros { return &r.links.Unique.For }),
	number("unique_from", "NOT NULL", "", func(r *row) *task.Micros { return &r.links.Unique.From }),
	number("unique_since", "NOT NULL", "of the first of those that replaced each other", func(r *row) *task.Micros { return &r.links.Unique.Since }),
	identity("unique_behind", "NOT NULL", "the task that has to end first", func(r *row) *ulid.ULID { return &r.links.Unique.Behind }),
	identity("retry_of", "NOT NULL", "the task that it repeats", func(r *row) *ulid.ULID { return &r.links.RetryOf }),
	identity("retried_as", "NOT NULL", "the task that repeats it", func(r *row) *ulid.ULID { return &r.links.RetriedAs }),
	identity("replaced_by", "NOT NULL", "", func(r *row) *ulid.ULID { return &r.links.ReplacedBy }),
	number("version", "NOT NULL", "how many events it has", func(r *row) *int64 { return &r.Task.Version }),
	number("last_seq", "NOT NULL", "seq of its latest event", func(r *row) *int64 { return &r.Task.LastSeq }),
	number("message_seq", "NOT NULL", "seq of the event with its message", func(r *row) *int64 { return &r.Task.MessageSeq }),
	number("result_seq", "NOT NULL", "seq of the event with its result", func(r *row) *int64 { return &r.Task.ResultSeq }),
	number("error_seq", "NOT NULL", "seq of the event with its error", func(r *row) *int64 { return &r.Task.ErrorSeq }),
	{"events", "BLOB", 'b', "distances between the seqs of its events, uvarints",
		func(dst []byte, r *row) []byte { return sqlite.AppendBytes(dst, r.Events) },
		func(v *sqlite.Values, r *row) bool { r.Events = append([]byte(nil), v.Bytes()...); return true }},
}

// number is a column of a number.
func number[T ~int | ~int64 | ~uint8 | ~uint32](name, constraint, about string, field func(*row) *T) column {
	return column{name, "INTEGER " + constraint, 'i', about,
		func(dst []byte, r *row) []byte { return sqlite.AppendNumber(dst, int64(*field(r))) },
		func(v *sqlite.Values, r *row) bool {
			n := v.Number()
			*field(r) = T(n)
			return int64(T(n)) == n
		}}
}

// yesNo is a column of a yes (1) or no (0).
func yesNo(name, about string, field func(*row) *bool) column {
	return column{name, "INTEGER NOT NULL", 'i', about,
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

// text is a column of text.
func text(name, about string, field func(*row) *string) column {
	return column{name, "TEXT NOT NULL", 't', about,
		func(dst []byte, r *row) []byte { return appendText(dst, *field(r)) },
		func(v *sqlite.Values, r *row) bool { *field(r) = string(v.Bytes()); return true }}
}

// identity is a column of a ULID; none is ”.
func identity(name, constraint, about string, field func(*row) *ulid.ULID) column {
	return column{name, "TEXT " + constraint, 't', about,
		func(dst []byte, r *row) []byte { return appendID(dst, field(r)) },
		func(v *sqlite.Values, r *row) bool {
			b := v.Bytes()
			return len(b) == 0 || field(r).UnmarshalText(b) == nil
		}}
}

func appendText(dst []byte, s string) []byte {
	return append(sqlite.AppendLength(dst, len(s)), s...)
}

// appendID appends the id as text; the zero one as no text.
func appendID(dst []byte, id *ulid.ULID) []byte {
	if *id == (ulid.ULID{}) {
		return sqlite.AppendLength(dst, 0)
	}
	var b [ulid.EncodedSize]byte
	_ = id.MarshalTextTo(b[:]) // the buffer has the right size
	return append(sqlite.AppendLength(dst, len(b)), b[:]...)
}

func writeTags(dst []byte, r *row) []byte {
	if len(r.Task.Tags) == 0 {
		return sqlite.AppendLength(dst, 0)
	}
	b, _ := json.Marshal(r.Task.Tags) // strings can be marshalled
	return sqlite.AppendBytes(dst, b)
}

func readTags(v *sqlite.Values, r *row) bool {
	b := v.Bytes()
	return len(b) == 0 || json.Unmarshal(b, &r.Task.Tags) == nil
}

func writeHash(dst []byte, r *row) []byte {
	if r.Task.RequestHash == ([32]byte{}) {
		return sqlite.AppendLength(dst, 0)
	}
	return sqlite.AppendBytes(dst, r.Task.RequestHash[:])
}

func readHash(v *sqlite.Values, r *row) bool {
	b := v.Bytes()
	return len(b) == 0 || copy(r.Task.RequestHash[:], b) == len(b)
}

// columnNames lists the columns for a SELECT or INSERT; kindsOf their kinds.
var columnNames, columnKinds = func() (string, string) {
	names, kinds := make([]string, len(columns)), make([]byte, len(columns))
	for i, c := range columns {
		names[i], kinds[i] = c.name, c.kind
	}
	return strings.Join(names, ", "), string(kinds)
}()

// appendRow appends the values of all columns, as sqlite.Rows takes them.
func appendRow(dst []byte, from *Row) []byte {
	r := row{Row: from}
	if from.Task.Notes != nil {
		r.notes = *from.Task.Notes
	}
	if from.Task.Links != nil {
		r.links = *from.Task.Links
	}
	for i := range columns {
		dst = columns[i].write(dst, &r)
	}
	return dst
}

// readRow fills dst from the values of all columns. Type and queue come from the groups.
// Nothing in dst points into the values afterwards.
func readRow(dst *Row, v *sqlite.Values, groups []Group) error {
	*dst = Row{}
	r := row{Row: dst}
	for i := range columns {
		if !columns[i].read(v, &r) {
			return damaged("the column " + columns[i].name + " of a task cannot be read")
		}
	}
	if !v.Whole() {
		return damaged("a task cannot be read")
	}
	if int(dst.Group) >= len(groups) {
		return damaged("a task is of a group that is not there")
	}
	t := &dst.Task
	t.Type, t.Queue = groups[dst.Group].Type, groups[dst.Group].Queue
	if notes := r.notes; notes != (task.Notes{}) {
		t.Notes = &notes
	}
	if links := r.links; links != (task.Links{}) {
		t.Links = &links
	}
	return nil
}
