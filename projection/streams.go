package projection

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"daybook/eventlog"
	"daybook/projection/viewfile"
	"daybook/task"
)

// A fold is the state that the events of one kind of stream lead to: "server" is the kind of
// "server:01J…". It is plain data: the view file keeps its JSON, so its state is in
// exported fields.
type fold interface {
	// apply folds one event of a type and version that the kind lists, and keeps nothing of it.
	// An error wraps task.ErrData or task.ErrIllegal.
	apply(e *eventlog.Event) error
}

// kind is a kind of stream.
type kind struct {
	name  string
	types map[string]int // of its events: the newest schema version that this program knows
	empty func() fold
}

// kinds lists all kinds of streams but tasks, which have views of their own. A new kind is a
// line here and a file with its fold.
var kinds = []kind{
	{"server", serverEvents, func() fold { return new(servers) }},
	{"queue", queueEvents, func() fold { return new(queueStates) }},
	{"token", tokenEvents, func() fold { return new(tokens) }},
	{"schedule", scheduleEvents, func() fold { return new(schedules) }},
	{"type", typeEvents, func() fold { return new(declaredTypes) }},
	{"worker", workerEvents, func() fold { return new(quietWorkers) }},
	{"signal", signalEvents, func() fold { return new(signals) }},
	{"bulk", bulkEventTypes, func() fold { return new(bulks) }},
	{"alert", alertEvents, func() fold { return new(alerts) }},
	{"webhook", webhookEvents, func() fold { return new(webhooks) }},
	{"erasure", erasureEvents, func() fold { return new(erasures) }},
}

// OtherEventTypes lists the types of events that are not of a task, in alphabetical order.
func OtherEventTypes() []string {
	var types []string
	for _, k := range kinds {
		types = slices.AppendSeq(types, maps.Keys(k.types))
	}
	slices.Sort(types)
	return types
}

// versioned is a fold that knows how many events each of its streams has.
type versioned interface{ version(stream string) int64 }

// StreamVersion returns how many events a stream has that is not of a task; 0 for one of a kind whose
// fold does not count them.
func (v *Views) StreamVersion(stream string) int64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	name, _, _ := strings.Cut(stream, ":")
	if of := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name }); of >= 0 {
		if f, ok := v.streams[of].(versioned); ok {
			return f.version(stream)
		}
	}
	return 0
}

// kindOf returns the place in kinds of an event that is not of a task. Errors: one that wraps
// ErrNewer for a type or version that this program does not know, or task.ErrIllegal for one that
// lies in the wrong stream.
func kindOf(e *eventlog.Event) (int, error) {
	of := slices.IndexFunc(kinds, func(k kind) bool { return k.types[e.Type] != 0 })
	if of < 0 || e.V < 1 || e.V > kinds[of].types[e.Type] {
		return 0, newer(e)
	}
	if name, _, _ := strings.Cut(e.Stream, ":"); name != kinds[of].name {
		return 0, fmt.Errorf("read event %d: %w: %s in stream %q", e.Seq, task.ErrIllegal, e.Type, e.Stream)
	}
	return of, nil
}

// streams holds the fold of each kind, in the order of kinds.
type streams []fold

func newStreams() streams {
	s := make(streams, len(kinds))
	for i, k := range kinds {
		s[i] = k.empty()
	}
	return s
}

// apply folds an event that is not of a task.
func (s streams) apply(e *eventlog.Event) error {
	i, err := kindOf(e)
	if err != nil {
		return err
	}
	if err := s[i].apply(e); err != nil {
		return fmt.Errorf("apply event %d to %s: %w", e.Seq, e.Stream, err)
	}
	return nil
}

// foldIn returns the fold of that type.
func foldIn[F fold](s streams) F {
	for _, f := range s {
		if f, ok := f.(F); ok {
			return f
		}
	}
	panic("projection: a fold is missing in kinds")
}

// snapshot returns what the view file keeps.
func (s streams) snapshot() []viewfile.Stream {
	kept := make([]viewfile.Stream, len(s))
	for i, f := range s {
		if long, ok := f.(*signals); ok {
			kept[i] = viewfile.Stream{Kind: kinds[i].name, State: long.state()}
			continue
		}
		state, err := json.Marshal(f)
		if err != nil {
			panic("projection: a fold is not plain data: " + err.Error())
		}
		kept[i] = viewfile.Stream{Kind: kinds[i].name, State: string(state)}
	}
	return kept
}

// restore reads what snapshot returned. A kind that is missing makes the file unusable: its
// events would not be read again.
func (s streams) restore(kept []viewfile.Stream) error {
	for i := range s {
		at := slices.IndexFunc(kept, func(k viewfile.Stream) bool { return k.Kind == kinds[i].name })
		if at < 0 {
			return fmt.Errorf("%w: it says nothing of %s streams", viewfile.ErrUnusable, kinds[i].name)
		}
		if err := json.Unmarshal([]byte(kept[at].State), s[i]); err != nil {
			return fmt.Errorf("%w: %s streams: %w", viewfile.ErrUnusable, kinds[i].name, err)
		}
	}
	return nil
}
