package intake

import (
	"bytes"

	"daybook/internal/jsontext"
	"daybook/task"
	"daybook/trace"
)

// maxDelay bounds delay_seconds: a hundred years.
const maxDelay = 100 * 365.25 * 86400

// Read reads a submit out of its canonical JSON, which may be changed afterwards, and completes
// it. key is the Idempotency-Key of the request, "" = none; a delay counts from now. It returns
// what is wrong, with pointers from the submit itself.
func (in *Intake) Read(body []byte, key string, now task.Micros, into *task.Submit) []task.FieldError {
	r := request{in: in, into: into, now: now}
	r.read(body, key)
	if into.IdempotencyKey != "" && r.bad == nil {
		into.RequestHash, into.OlderHashes = r.hash(), olderOfBody(body)
	}
	r.fill()
	return r.bad
}

// ReadScheduled is Read for the task of a schedule that is due.
func (in *Intake) ReadScheduled(body []byte, now task.Micros, into *task.Submit) []task.FieldError {
	bad := in.Read(body, "", now, into)
	into.Subject = jsontext.WithoutBidi(into.Subject) // of an earlier version, which took them
	return bad
}

// read reads and completes the submit.
func (r *request) read(body []byte, headerKey string) {
	if !jsontext.IsObject(body) {
		r.wrong("", "must be a JSON object")
		return
	}
	r.into.IdempotencyKey = headerKey
	parameters := none
	for key, value := range jsontext.Members(body) {
		switch {
		case jsontext.IsNull(value):
			if !knownField(key) {
				r.unknown(key)
			}
		case string(key) == "parameters":
			parameters = bytes.Clone(value) // they outlive the request's buffer
		default:
			r.field(key, value, headerKey)
		}
	}
	r.complete(parameters)
}

// none are the parameters of a submit that has none. Nobody changes them.
var none = []byte("{}")

// knownField reports whether a submit has the field.
func knownField(key []byte) bool {
	switch string(key) {
	case "task_type", "parameters", "queue", "priority", "run_at", "delay_seconds", "max_attempts", "backoff",
		"timeout_seconds", "tags", "file_names", "idempotency_key", "unique", "subject", "traceparent",
		"concurrency_key", "on_conflict", "depends_on", "on_dependency_failure":
		return true
	}
	return false
}

// field reads one field that is not null.
func (r *request) field(key, value []byte, headerKey string) {
	t := r.into
	switch string(key) {
	case "task_type":
		t.Type = r.name("/task_type", value)
	case "queue":
		t.Queue = r.name("/queue", value)
	case "priority":
		r.prioritised = true
		t.Priority = int(r.integer("/priority", value, -task.MaxPriority, task.MaxPriority))
	case "run_at":
		if r.delayed {
			r.wrong("/run_at", "must not be given together with delay_seconds")
			return
		}
		r.runAt = r.moment("/run_at", value)
	case "delay_seconds":
		r.delayed = true
		if r.runAt != 0 {
			r.wrong("/delay_seconds", "must not be given together with run_at")
			return
		}
		r.delay = r.seconds("/delay_seconds", value, 0, maxDelay)
	case "max_attempts":
		t.MaxAttempts = int(r.integer("/max_attempts", value, 1, task.MaxMaxAttempts))
	case "backoff":
		t.Backoff = r.backoff(value)
	case "timeout_seconds":
		t.Timeout = r.timeout("/timeout_seconds", value)
	case "file_names":
		r.fileNames(value)
	case "tags":
		t.Tags = r.texts("/tags", value)
	case "idempotency_key":
		r.key(value, headerKey)
	case "subject":
		t.Subject = r.subject(value)
	case "traceparent":
		t.TraceParent = r.traceParent(value)
	case "unique":
		t.Unique = r.unique(value)
	case "concurrency_key":
		t.ConcurrencyKey = r.concurrencyKey(value)
	case "depends_on":
		t.DependsOn = r.dependencies(value)
	case "on_dependency_failure":
		t.RunAnyway = r.onDependencyFailure(value)
	case "on_conflict":
		var known bool
		if value[0] == '"' {
			t.OnKeyConflict, known = task.ParseOnKeyConflict(jsontext.Unquote(value))
		}
		if !known {
			r.wrong("/on_conflict", "must be "+task.KeyConflictNames)
		}
	default:
		r.unknown(key)
	}
}

func (r *request) key(value []byte, headerKey string) {
	key := r.text("/idempotency_key", value)
	switch {
	case key == "":
		r.wrong("/idempotency_key", "must be 1 to 255 bytes of printable characters")
	case headerKey != "" && headerKey != key:
		r.wrong("/idempotency_key", "differs from the header Idempotency-Key; send one of them")
	default:
		r.into.IdempotencyKey = key
	}
}

// concurrencyKey reads the key of the limits that the task shares with others.
func (r *request) concurrencyKey(value []byte) string {
	key := r.text("/concurrency_key", value)
	if key == "" && !r.has("/concurrency_key") {
		r.wrong("/concurrency_key", "must be 1 to 200 bytes of printable characters; leave it out for none")
	}
	return key
}

// subject reads the line that says which task it is.
func (r *request) subject(value []byte) string {
	text := r.text("/subject", value)
	if text == "" && !r.has("/subject") {
		r.wrong("/subject", "must be one line of 1 to 200 characters; leave it out to have it made from the parameters")
	}
	return text
}

// traceParent reads the span that the submit happens in.
func (r *request) traceParent(value []byte) string {
	parent, ok := trace.ParseParent(r.text("/traceparent", value))
	if !ok {
		r.wrong("/traceparent", "must be a W3C traceparent, such as 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	}
	return parent.String()
}

// fileNames reads an object of strings.
func (r *request) fileNames(value []byte) {
	if !jsontext.IsObject(value) {
		r.wrong("/file_names", "must be an object: a name for each id of a file")
		return
	}
	r.names = map[string]string{}
	for key, value := range jsontext.Members(value) {
		r.names[string(key)] = r.text("/file_names/"+jsontext.EscapePointer(string(key)), value)
	}
}

func (r *request) unknown(key []byte) {
	r.wrong("/"+jsontext.EscapePointer(string(key)), "is not a field of this request")
}
