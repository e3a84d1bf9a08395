// Package intake turns a request for a task into a complete task.Submit: its parameters
// match the schema of their type and have defaults added, the files that they name
// exist, its unique key is computed, and with an idempotency key it has the hash of the
// request. Requests over HTTP, alone or in a batch, requests of a program, and the retry of a task
// with other parameters all pass through request.complete.
//
// It reads types, files and earlier tasks. It writes nothing; the scheduler decides whether the
// task is accepted.
package intake

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"

	"daybook/eventlog"
	"daybook/eventlog/payloadcache"
	"daybook/files"
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/task"
)

// Types is what an Intake must know about task types.
type Types interface {
	// Specs lists the types by name.
	Specs() []task.TypeSpec
	// Knows reports whether the type can be submitted.
	Knows(name string) bool
	// Prepare checks canonical parameters, adds the type's defaults and lists the files
	// that they name. fields is what is wrong, with pointers below /parameters.
	Prepare(name string, parameters []byte) (prepared []byte, fileIDs []string, fields []task.FieldError, err error)
	// PrepareAround is Prepare for parameters in which other values stand at some places when the task runs; pointers from the
	// parameters lead to these. What is wrong there is not known yet.
	PrepareAround(name string, parameters []byte, places []string) (prepared []byte, fields []task.FieldError, err error)
	// Offer adds types that workers outside of the process run. Reserved ones are left out.
	Offer(names []string) error
	// Reserved reports whether only this process may run tasks of the type.
	Reserved(name string) bool
	// Runs reports whether this process has a handler for the type.
	Runs(name string) bool
	// CheckDeclared lists what is wrong with the schemas of a type that workers run.
	CheckDeclared(spec task.TypeSpec) []task.FieldError
	// CheckFields lists what is wrong with a JSON Schema of the answer of a person; its place is pointer.
	CheckFields(pointer string, schema []byte) []task.FieldError
	// CheckAnswer checks an answer, an object, against such a schema, and adds its defaults; pointers are below /answer.
	CheckAnswer(schema, answer []byte) (filled []byte, bad []task.FieldError)
	// Defaults are the parameters that Prepare adds where they are left out, as a canonical
	// object; nil = none.
	Defaults(name string) []byte
	// Subject is the line that the type makes of prepared parameters and the names of its files,
	// by id; "" = none.
	Subject(name string, parameters []byte, fileNames map[string]string) string
	// NamesFiles reports whether parameters of the type may name files; true for a type that is
	// not known.
	NamesFiles(name string) bool
}

// Options are what an Intake reads. All but Instead must be set.
type Options struct {
	Types    Types
	Files    *files.Store
	Log      eventlog.Log
	Views    *projection.Views
	Payloads *payloadcache.Cache
	Logger   *slog.Logger
	// Instead says by type what to do instead of a request that submits it: the server submits it itself.
	Instead map[string]string
}

// Intake completes requests. It is safe for concurrent use.
type Intake struct {
	Options
	names    map[string]string // of types and the usual queue, so that a submit need not copy its own
	retrying chan struct{}     // holds one while a task is retried under a key

	configured atomic.Pointer[configured]          // nil = nothing
	declared   atomic.Pointer[map[string]Defaults] // by task type; nil = none
}

// New returns an intake for the types that are known now, and those that are added later.
func New(o Options) (*Intake, error) {
	if o.Types == nil || o.Files == nil || o.Log == nil || o.Views == nil || o.Payloads == nil || o.Logger == nil {
		return nil, errors.New("intake: an option is missing")
	}
	in := &Intake{Options: o, names: map[string]string{task.DefaultQueue: task.DefaultQueue}, retrying: make(chan struct{}, 1)}
	for _, spec := range o.Types.Specs() {
		in.names[spec.Name] = spec.Name
	}
	return in, nil
}

// Complete completes a submit of a program, in place: its parameters are JSON of any spelling,
// none are taken as {}, and its FileNames are in the order of the files that they name. A hash
// that it has already stays. RunAt is no part of the request, for a program that asks for the
// same thing again counts a delay from another moment. The error is a *task.Refusal, or why it is not known whether the request is right.
func (in *Intake) Complete(s *task.Submit) error {
	r := request{in: in, into: s, inOrder: s.FileNames}
	s.FileNames, s.MadeSubject = nil, ""
	if len(s.Parameters) == 0 {
		s.Parameters = []byte("{}")
	}
	parameters, err := jsontext.Canonical(nil, s.Parameters, task.MaxDepth)
	if err != nil {
		r.wrong("/parameters", err.Error())
		return r.refusal()
	}
	hashed := s.IdempotencyKey == "" || s.RequestHash != [32]byte{}
	var older [][32]byte
	if !hashed {
		older = olderOfProgram(s, parameters)
	}
	r.complete(parameters)
	if !hashed && r.bad == nil {
		s.RequestHash, s.OlderHashes = r.hash(), older
	}
	r.fill()
	return r.refusal()
}

// Checking returns an intake that can do nothing but check requests: it knows no files and no tasks.
func Checking(types Types) *Intake {
	return &Intake{Options: Options{Types: types, Logger: slog.New(slog.DiscardHandler)}}
}

// request is one request while it is completed.
type request struct {
	in   *Intake
	into *task.Submit
	now  task.Micros // what a delay counts from
	bad  []task.FieldError

	runAt, delay task.Micros // as asked for over HTTP; 0 = not
	delayed      bool        // delay was given, if only as 0
	prioritised  bool        // priority was given, if only as 0
	left         left
	names        map[string]string // what the client calls its files, by id; "" = not said
	inOrder      []string          // the same in the order of the files
	siblings     map[string]int    // of a task of a workflow: the places of all tasks, by name; nil = it is of none
	self         string            // with siblings: its own name
	earlier      map[string]string // what the task that is retried called its files
}

// complete completes the submit, or notes what is wrong. Every request passes through it.
// parameters is canonical JSON that nobody changes any more.
func (r *request) complete(parameters []byte) {
	s := r.into
	switch {
	case r.runAt != 0:
		s.RunAt = r.runAt
	case r.delay > 0:
		s.RunAt = r.now + r.delay
	}
	r.parameters(parameters)
	if s.Unique != nil && s.Unique.Key == "" {
		s.Unique.Key = keyOfParameters(s.Parameters)
	}
	r.noteLeft()
	s.Normalise()
	if r.bad != nil || s.IdempotencyKey != "" { // else the decider does it
		r.validate()
	}
}

// parameters checks the parameters, adds defaults and sets them.
func (r *request) parameters(value []byte) {
	s := r.into
	switch {
	case s.Type == "":
		if !r.has("/task_type") {
			r.wrong("/task_type", "is required")
		}
		return
	case !r.in.Types.Knows(s.Type) || r.in.Closed(s.Type):
		r.wrong("/task_type", r.in.unknownType(s.Type))
		return
	case value[0] != '{':
		r.wrong("/parameters", "must be an object")
		return
	case len(value) > task.MaxParameters:
		r.wrong("/parameters", "must be at most 262144 bytes")
		return
	}
	var fileIDs []string
	prepared, bad, refs, err := r.aroundResults(value)
	if !refs {
		prepared, fileIDs, bad, err = r.in.Types.Prepare(s.Type, value)
	}
	if err != nil {
		r.in.Logger.Error("parameters could not be checked", "type", s.Type, "error", err)
		r.wrong("/parameters", "could not be checked")
		return
	}
	r.bad = append(r.bad, parameterErrors(bad)...)
	s.Parameters, s.Files = prepared, fileIDs
	r.files(value)
	if s.Subject == "" && r.bad == nil && !refs {
		s.MadeSubject = r.in.Types.Subject(s.Type, prepared, task.NamesOfFiles(s.Files, s.FileNames))
	}
}

// nameRoom is how many bytes of names the event of a submit holds.
const nameRoom = 128 << 10

// files checks that the files are there, and notes what they are called: what the client says,
// or else the name of the latest upload.
func (r *request) files(parameters []byte) {
	s := r.into
	if r.in.Files == nil {
		return
	}
	if len(r.inOrder) > 0 {
		r.names = map[string]string{}
		for i, name := range r.inOrder[:min(len(r.inOrder), len(s.Files))] {
			r.names[s.Files[i]] = name
		}
	}
	room := nameRoom
	for _, id := range s.Files {
		info, err := r.in.Files.Stat(id)
		if err != nil {
			at, _ := jsontext.PointerTo(parameters, id)
			bad := task.FieldError{Pointer: "/parameters" + at}
			switch {
			case errors.Is(err, files.ErrDamaged):
				bad.Detail = "the file is damaged; upload it again with POST /api/files"
			case errors.Is(err, files.ErrNotFound):
				bad.Detail = "there is no file with that id; upload it first with POST /api/files"
			default: // the nodes that have it cannot be reached
				bad.Detail, bad.Err = "the file cannot be looked for now; try again in a moment", fmt.Errorf("look for a file: %w", err)
			}
			r.bad = append(r.bad, bad)
		}
		name := info.Name
		if before := r.earlier[id]; before != "" {
			name = before
		}
		if given := r.names[id]; given != "" {
			name = files.CleanName(given)
		}
		if room -= len(name); room < 0 {
			name = ""
		}
		s.FileNames = append(s.FileNames, name)
	}
	for id := range r.names {
		if !slices.Contains(s.Files, id) {
			r.wrong("/file_names/"+jsontext.EscapePointer(id), "is no file that the parameters name")
		}
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

// validate adds the errors that the domain finds, so that the client gets all errors at once.
func (r *request) validate() {
	for _, f := range r.into.Validate() {
		if !r.has(f.Pointer) {
			r.bad = append(r.bad, f)
		}
	}
}

func (r *request) has(pointer string) bool {
	for _, f := range r.bad {
		if f.Pointer == pointer {
			return true
		}
	}
	return false
}

func (r *request) wrong(pointer, detail string) {
	r.bad = append(r.bad, task.FieldError{Pointer: pointer, Detail: detail})
}

// refusal returns what is wrong as an error, nil if nothing is.
func (r *request) refusal() error {
	if r.bad == nil {
		return nil
	}
	if err := task.FirstUnknown(r.bad); err != nil {
		return err
	}
	return &task.Refusal{Kind: task.ErrInvalid, Fields: r.bad}
}
