package api

import (
	"bytes"
	"errors"
	"slices"

	"daybook/files"
	"daybook/task"
)

// maxDelay bounds delay_seconds: a hundred years.
const maxDelay = 100 * 365.25 * 86400

// submission reads one submit out of its canonical JSON.
type submission struct {
	api  *API
	now  task.Micros // what delay_seconds counts from
	into *task.Submit
	bad  []task.FieldError

	fileNames map[string]string // what the client calls its files, by id
	earlier   map[string]string // what the task that is retried called its files
}

// parse reads a canonical body. headerKey is the Idempotency-Key of the request, "" = none.
// It returns what is wrong, with pointers from the submit itself.
func (s *submission) parse(body []byte, headerKey string) []task.FieldError {
	m, ok := membersOf(body)
	if !ok {
		return []task.FieldError{{Pointer: "", Detail: "must be a JSON object"}}
	}
	s.into.IdempotencyKey = headerKey
	var parameters []byte
	var delayed bool
	for {
		key, value, ok := m.next()
		if !ok {
			break
		}
		if string(key) == "parameters" {
			parameters = value
		} else if !isNull(value) {
			delayed = delayed || string(key) == "delay_seconds"
			s.field(key, value, delayed, headerKey)
		} else if !knownField(key) {
			s.unknown(key)
		}
	}
	s.parameters(parameters)
	DefaultUniqueKey(s.into)
	if s.into.IdempotencyKey != "" {
		s.into.RequestHash, s.into.SpellingHash = RequestHash(body), spellingHash(body)
	}
	if s.bad != nil {
		s.rest()
	}
	return s.bad
}

// knownField tells whether a submit has the field.
func knownField(key []byte) bool {
	switch string(key) {
	case "task_type", "parameters", "queue", "priority", "run_at", "delay_seconds", "max_attempts", "backoff",
		"timeout_seconds", "tags", "file_names", "idempotency_key", "unique":
		return true
	}
	return false
}

// field reads one field that is not null.
func (s *submission) field(key, value []byte, delayed bool, headerKey string) {
	t := s.into
	switch string(key) {
	case "task_type":
		t.Type = s.name("/task_type", value)
	case "queue":
		t.Queue = s.name("/queue", value)
	case "priority":
		t.Priority = int(s.integer("/priority", value, -task.MaxPriority, task.MaxPriority))
	case "run_at":
		if delayed {
			s.wrong("/run_at", "must not be given together with delay_seconds")
			return
		}
		t.RunAt = s.moment("/run_at", value)
	case "delay_seconds":
		if t.RunAt != 0 {
			s.wrong("/delay_seconds", "must not be given together with run_at")
			return
		}
		if delay := s.seconds("/delay_seconds", value, 0, maxDelay); delay > 0 {
			t.RunAt = s.now + delay
		}
	case "max_attempts":
		t.MaxAttempts = int(s.integer("/max_attempts", value, 1, task.MaxMaxAttempts))
	case "backoff":
		t.Backoff = s.backoff(value)
	case "timeout_seconds":
		t.Timeout = s.timeout("/timeout_seconds", value)
	case "file_names":
		s.fileNames = s.names(value)
	case "tags":
		t.Tags = s.texts("/tags", value)
	case "idempotency_key":
		s.key(value, headerKey)
	case "unique":
		t.Unique = s.unique(value)
	default:
		s.unknown(key)
	}
}

func (s *submission) key(value []byte, headerKey string) {
	key := s.text("/idempotency_key", value)
	switch {
	case key == "":
		s.wrong("/idempotency_key", "must be 1 to 255 bytes of printable characters")
	case headerKey != "" && headerKey != key:
		s.wrong("/idempotency_key", "differs from the header Idempotency-Key; send one of them")
	default:
		s.into.IdempotencyKey = key
	}
}

// parameters checks and keeps them; they outlive the request's buffer.
func (s *submission) parameters(value []byte) {
	t := s.into
	if t.Type == "" {
		if !s.has("/task_type") {
			s.wrong("/task_type", "is required")
		}
		return
	}
	if !s.api.Types.Knows(t.Type) {
		s.wrong("/task_type", "is not a type this server knows; GET /api/task-types lists them")
		return
	}
	if value == nil || isNull(value) {
		value = []byte("{}")
	}
	if value[0] != '{' {
		s.wrong("/parameters", "must be an object")
		return
	}
	if len(value) > task.MaxParameters {
		s.wrong("/parameters", "must be at most 262144 bytes")
		return
	}
	prepared, fileIDs, bad, err := s.api.Types.Prepare(t.Type, bytes.Clone(value))
	if err != nil {
		s.api.Logger.Error("parameters could not be checked", "type", t.Type, "error", err)
		s.wrong("/parameters", "could not be checked")
		return
	}
	s.bad = append(s.bad, parameterErrors(bad)...)
	t.Parameters, t.Files = prepared, fileIDs
	s.files(value)
}

// nameRoom is how many bytes of names the event of a submit holds.
const nameRoom = 128 << 10

// files checks that the files are there, and notes what they are called: what the client says,
// or else the name of the latest upload.
func (s *submission) files(parameters []byte) {
	t := s.into
	room := nameRoom
	for _, id := range t.Files {
		info, err := s.api.Files.Stat(id)
		if err != nil {
			at, _ := pointerTo(parameters, id)
			detail := "there is no file with that id; upload it first with POST /api/files"
			if errors.Is(err, files.ErrDamaged) {
				detail = "the file is damaged; upload it again with POST /api/files"
			}
			s.wrong("/parameters"+at, detail)
		}
		name := info.Name
		if before := s.earlier[id]; before != "" {
			name = before
		}
		if given := s.fileNames[id]; given != "" {
			name = files.CleanName(given)
		}
		if room -= len(name); room < 0 {
			name = ""
		}
		t.FileNames = append(t.FileNames, name)
	}
	for id := range s.fileNames {
		if !slices.Contains(t.Files, id) {
			s.wrong("/file_names/"+escapePointer(id), "is no file that the parameters name")
		}
	}
}

// names reads an object of strings.
func (s *submission) names(value []byte) map[string]string {
	m, ok := membersOf(value)
	if !ok {
		s.wrong("/file_names", "must be an object: a name for each id of a file")
		return nil
	}
	names := map[string]string{}
	for {
		key, value, more := m.next()
		if !more {
			return names
		}
		names[string(key)] = s.text("/file_names/"+escapePointer(string(key)), value)
	}
}

// parameterErrors puts pointers below /parameters, where they are not yet.
func parameterErrors(fields []task.FieldError) []task.FieldError {
	const prefix = "/parameters"
	for i, f := range fields {
		if len(f.Pointer) < len(prefix) || f.Pointer[:len(prefix)] != prefix {
			fields[i].Pointer = prefix + f.Pointer
		}
	}
	return fields
}

// rest adds what the domain finds wrong, so that the client hears all of it at once.
func (s *submission) rest() {
	whole := *s.into
	whole.Normalise()
	for _, f := range whole.Validate() {
		if !s.has(f.Pointer) {
			s.bad = append(s.bad, f)
		}
	}
}

func (s *submission) has(pointer string) bool {
	for _, f := range s.bad {
		if f.Pointer == pointer {
			return true
		}
	}
	return false
}

func (s *submission) wrong(pointer, detail string) {
	s.bad = append(s.bad, task.FieldError{Pointer: pointer, Detail: detail})
}

func (s *submission) unknown(key []byte) {
	s.wrong("/"+escapePointer(string(key)), "is not a field of this request")
}
