package intake

import (
	"maps"
	"time"

	"daybook/internal/jsontext"
	"daybook/task"
)

// Defaults are what tasks of a type get that are submitted without it. They are no part of a request:
// the same key and request are the same whatever they are.
type Defaults struct {
	Queue       string // "" = "default"
	Priority    int
	MaxAttempts int           // 0 = 3
	Timeout     task.Micros   // task.NoTimeout = none; 0 = the scheduler's default
	Backoff     *task.Backoff // nil = task.DefaultBackoff
	Lease       time.Duration // of a worker that does not say how long; 0 = the server's

	Text []byte // the object that they were read from; nil = none
}

// ReadDefaults reads defaults out of a canonical JSON object with fields of a submit. It returns what
// is wrong, with pointers from the object.
func ReadDefaults(body []byte) (Defaults, []task.FieldError) {
	var s task.Submit
	r := request{in: &Intake{}, into: &s}
	if !jsontext.IsObject(body) {
		r.wrong("", "must be an object")
		return Defaults{}, r.bad
	}
	var lease time.Duration
	for key, value := range jsontext.Members(body) {
		null := jsontext.IsNull(value)
		switch string(key) {
		case "queue", "priority", "max_attempts", "timeout_seconds", "backoff":
			if !null {
				r.field(key, value, "")
			}
		case "lease_seconds":
			if !null {
				lease = time.Duration(r.integer("/lease_seconds", value, 1, longestLease)) * time.Second
			}
		default:
			r.wrong("/"+jsontext.EscapePointer(string(key)), "is not known; a type has max_attempts, timeout_seconds, priority, queue, backoff and lease_seconds")
		}
	}
	d := Defaults{s.Queue, s.Priority, s.MaxAttempts, s.Timeout, s.Backoff, lease, body}
	s.Type = "any"
	s.Normalise()
	r.validate()
	return d, r.bad
}

// longestLease is the most seconds of a lease.
const longestLease = 3600

// Declare sets the defaults of a type that was declared over the API. Those of the configuration come first. One
// goroutine at a time may call it, beside all else.
func (in *Intake) Declare(taskType string, d Defaults) {
	more := map[string]Defaults{taskType: d}
	if before := in.declared.Load(); before != nil {
		for name, d := range *before {
			if name != taskType {
				more[name] = d
			}
		}
	}
	in.declared.Store(&more)
}

// DefaultsOf are the defaults of tasks of a type.
func (in *Intake) DefaultsOf(taskType string) (d Defaults, ok bool) {
	if c := in.configured.Load(); c != nil {
		if d, ok = c.defaults[taskType]; ok {
			return d, true
		}
	}
	if declared := in.declared.Load(); declared != nil {
		d, ok = (*declared)[taskType]
	}
	return d, ok
}

// Configured reports whether the configuration has defaults of the type.
func (in *Intake) Configured(taskType string) bool {
	c := in.configured.Load()
	if c == nil {
		return false
	}
	_, ok := c.defaults[taskType]
	return ok
}

// Configure replaces what the configuration says of types: the defaults of tasks by type, and what to
// do to get a type that the server does not have. It may be called at any time.
func (in *Intake) Configure(defaults map[string]Defaults, missing map[string]string) {
	in.configured.Store(&configured{maps.Clone(defaults), maps.Clone(missing)})
}

// Closed reports whether requests cannot submit a type that the server has.
func (in *Intake) Closed(taskType string) bool { return in.Instead[taskType] != "" }

// configured is what Configure was given.
type configured struct {
	defaults map[string]Defaults
	missing  map[string]string
}

// left is what a request leaves out.
type left struct{ queue, priority, maxAttempts, timeout, backoff bool }

// noteLeft notes what is left out, before it is filled in.
func (r *request) noteLeft() {
	s := r.into
	r.left = left{
		queue: s.Queue == "", priority: s.Priority == 0 && !r.prioritised, maxAttempts: s.MaxAttempts == 0,
		timeout: s.Timeout == 0, backoff: s.Backoff == nil,
	}
}

// fill gives the submit the defaults of its type, once its hash has been made.
func (r *request) fill() {
	d, ok := r.in.DefaultsOf(r.into.Type)
	if !ok {
		return
	}
	s := r.into
	if r.left.queue && d.Queue != "" {
		s.Queue = d.Queue
	}
	if r.left.priority {
		s.Priority = d.Priority
	}
	if r.left.maxAttempts && d.MaxAttempts != 0 {
		s.MaxAttempts = d.MaxAttempts
	}
	if r.left.timeout {
		s.Timeout = d.Timeout
	}
	if r.left.backoff && d.Backoff != nil {
		backoff := *d.Backoff
		s.Backoff = &backoff
	}
}

// unknownType says what to do about a type that the server does not know.
func (in *Intake) unknownType(name string) string {
	if in.Closed(name) {
		return in.Instead[name]
	}
	if c := in.configured.Load(); c != nil && c.missing[name] != "" {
		return c.missing[name]
	}
	return "is not a type this server knows; GET /api/task-types lists them"
}
