package intake

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"

	"daybook/files"
	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// hash is the SHA-256 of the RFC 8785 text of the request, in which every field and parameter
// that has its default is left out: so the spelling of the request makes no difference, nor
// whether a default is given, null or left out. The server's own default timeout, and the RunAt of a
// program, are not part of the request. What earlier versions wrote as the hash of the same
// request is accepted as well: see older.go.
func (r *request) hash() [32]byte { return hashOf(r.asked()) }

// asked returns the text that is hashed.
func (r *request) asked() *asked {
	s := r.into
	a := &asked{
		Type: s.Type, Parameters: r.withoutDefaults(), FileNames: r.givenNames(), Priority: s.Priority,
		RunAt: r.runAt, Delay: r.delay, Timeout: s.Timeout, Tags: s.Tags, Subject: s.Subject, ConcurrencyKey: s.ConcurrencyKey,
	}
	for _, d := range s.DependsOn {
		one := askedDependency{Task: d.Task.String(), Name: d.Name}
		if d.When != task.WhenSucceeded {
			one.When = d.When.String()
		}
		a.DependsOn = append(a.DependsOn, one)
	}
	if s.RunAnyway {
		a.OnDependencyFailure = "run"
	}
	if s.RetryOf != (ulid.ULID{}) {
		a.RetryOf = s.RetryOf.String()
	}
	if s.OnKeyConflict != task.KeyConflictWait {
		a.OnConflict = s.OnKeyConflict.String()
	}
	if s.Queue != task.DefaultQueue {
		a.Queue = s.Queue
	}
	if s.MaxAttempts != task.DefaultAttempts {
		a.MaxAttempts = s.MaxAttempts
	}
	if b := s.Backoff; *b != task.DefaultBackoff {
		a.Backoff = &askedBackoff{Kind: b.Kind.String(), Base: b.Base, Max: b.Max, Jitter: !b.NoJitter}
	}
	if u := s.Unique; u != nil {
		a.Unique = &askedUnique{Key: u.Key, For: u.For, MaxDelay: u.MaxDelay}
		if u.OnConflict != task.ConflictReturn {
			a.Unique.OnConflict = u.OnConflict.String()
		}
	}
	return a
}

// asked is the text of a request. The names go into hashes in the log: a field may be added, if
// it is left out where it has its default, and none may be changed. Times are in microseconds.
type asked struct {
	Type        string            `json:"task_type,omitempty"`
	Parameters  json.RawMessage   `json:"parameters,omitempty"`
	FileNames   map[string]string `json:"file_names,omitempty"`
	Queue       string            `json:"queue,omitempty"`
	Priority    int               `json:"priority,omitempty"`
	RunAt       task.Micros       `json:"run_at,omitempty"`
	Delay       task.Micros       `json:"delay,omitempty"`
	MaxAttempts int               `json:"max_attempts,omitempty"`
	Backoff     *askedBackoff     `json:"backoff,omitempty"`
	Timeout     task.Micros       `json:"timeout,omitempty"`
	Tags        []string          `json:"tags,omitempty"`
	Unique      *askedUnique      `json:"unique,omitempty"`
	RetryOf     string            `json:"retry_of,omitempty"`
	Subject     string            `json:"subject,omitempty"` // as given; a line made by the type is not hashed

	ConcurrencyKey string `json:"concurrency_key,omitempty"`
	OnConflict     string `json:"on_conflict,omitempty"`

	DependsOn           []askedDependency `json:"depends_on,omitempty"`
	OnDependencyFailure string            `json:"on_dependency_failure,omitempty"`
}

type askedDependency struct {
	Task string `json:"task"`
	When string `json:"when,omitempty"`
	Name string `json:"name,omitempty"`
}

type askedBackoff struct {
	Kind   string      `json:"kind"`
	Base   task.Micros `json:"base"`
	Max    task.Micros `json:"max"`
	Jitter bool        `json:"jitter"`
}

type askedUnique struct {
	Key        string      `json:"key"`
	For        task.Micros `json:"for,omitempty"`
	OnConflict string      `json:"on_conflict,omitempty"`
	MaxDelay   task.Micros `json:"max_delay,omitempty"`
}

func hashOf(a *asked) [32]byte {
	text, err := json.Marshal(a)
	if err != nil {
		panic("intake: canonical parameters cannot be encoded: " + err.Error())
	}
	return sha256.Sum256(jsontext.AppendRFC8785(nil, text))
}

// givenNames are the names that the client gives files, as they are kept; nil = none.
func (r *request) givenNames() map[string]string {
	var given map[string]string
	for id, name := range r.names {
		if name == "" {
			continue
		}
		if given == nil {
			given = map[string]string{}
		}
		given[id] = files.CleanName(name)
	}
	return given
}

// withoutDefaults are the parameters without those that have their default, nil if none is left.
func (r *request) withoutDefaults() []byte {
	defaults := map[string][]byte{}
	for key, value := range jsontext.Members(r.in.Types.Defaults(r.into.Type)) {
		defaults[string(key)] = jsontext.AppendRFC8785(nil, value)
	}
	var left jsontext.Writer
	left.Object()
	for key, value := range jsontext.Members(r.into.Parameters) {
		if d := defaults[string(key)]; d == nil || !bytes.Equal(d, jsontext.AppendRFC8785(nil, value)) {
			left.StringKey(string(key)).Raw(value)
		}
	}
	if len(left) == 1 {
		return nil
	}
	left.EndObject()
	return left
}
