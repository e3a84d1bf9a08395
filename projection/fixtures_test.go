package projection

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/eventlog"
	"daybook/task"
)

// fixtures lists the folders with a file events.jsonl.
func fixtures(t testing.TB) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"testdata/*/events.jsonl", "testdata/*/*/events.jsonl"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			names = append(names, strings.TrimPrefix(filepath.Dir(path), "testdata/"))
		}
	}
	if len(names) == 0 {
		t.Fatal("no fixtures")
	}
	return names
}

func readLines(t testing.TB, name string) [][]byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var lines [][]byte
	scanner := bufio.NewScanner(bytes.NewReader(text))
	for scanner.Scan() {
		lines = append(lines, bytes.Clone(scanner.Bytes()))
	}
	return lines
}

func readEvents(t testing.TB, name string) []*eventlog.Event {
	t.Helper()
	var events []*eventlog.Event
	for _, line := range readLines(t, name) {
		e, err := eventlog.ParseJSON(line)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// apply folds the events in one batch.
func apply(t testing.TB, v *Views, events []*eventlog.Event) *Views {
	t.Helper()
	if err := v.Apply(events); err != nil {
		t.Fatal(err)
	}
	return v
}

// eachFixture runs check for every fixture; now is a second after its last event.
func eachFixture(t *testing.T, check func(t *testing.T, name string, events []*eventlog.Event, now task.Micros)) {
	for _, name := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			events := readEvents(t, name)
			check(t, name, events, task.Micros(events[len(events)-1].At)+task.Second)
		})
	}
}

func TestAStoryStillGivesItsEvents(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			l := newLedger(t)
			s.tell(l)
			golden(t, filepath.Join("testdata", s.name, "events.jsonl"), linesOf(l.events))
		})
	}
}

func linesOf(events []*eventlog.Event) []byte {
	var lines []byte
	for _, e := range events {
		lines = append(eventlog.AppendJSON(lines, e, e.Payload), '\n')
	}
	return lines
}

func TestAFixtureGivesItsGoldenViews(t *testing.T) {
	eachFixture(t, func(t *testing.T, name string, events []*eventlog.Event, now task.Micros) {
		v := apply(t, New(), events)
		v.Promote(now)
		golden(t, filepath.Join("testdata", name, "tasks.golden.json"), tasksGolden(t, v))
		golden(t, filepath.Join("testdata", name, "stats.golden.json"), statsGolden(t, v, now))
		if strings.HasSuffix(name, "streams") {
			golden(t, filepath.Join("testdata", name, "streams.golden.json"), marshal(t, v.streams.used()))
		}
	})
}

// used are the folds that have something: a kind that came later leaves older goldens as they are.
func (s streams) used() (some streams) {
	for i, f := range s {
		if state := s.snapshot()[i].State; state != "{}" {
			some = append(some, f)
		}
	}
	return some
}

func TestALineReadAndWrittenIsTheSame(t *testing.T) {
	for _, name := range fixtures(t) {
		for i, e := range readEvents(t, name) {
			if want, got := string(readLines(t, name)[i]), string(eventlog.AppendJSON(nil, e, e.Payload)); got != want {
				t.Errorf("%s: got %s, want %s", name, got, want)
			}
		}
	}
}

func TestDataDecodedAndEncodedIsTheSame(t *testing.T) {
	eachFixture(t, func(t *testing.T, _ string, events []*eventlog.Event, _ task.Micros) {
		var dec task.Decoder
		for _, e := range events {
			kind, ok := task.ParseEventType(e.Type)
			if !ok {
				continue
			}
			var d task.Data
			if err := dec.Decode(&d, kind, e.V, e.Data); err != nil {
				t.Fatal(err)
			}
			if got := task.AppendDataOf(nil, kind, e.V, &d); !bytes.Equal(got, e.Data) {
				t.Errorf("event %d: got %s, want %s", e.Seq, got, e.Data)
			}
		}
	})
}

func TestEveryPrefixAndItsTailGiveTheWhole(t *testing.T) {
	eachFixture(t, func(t *testing.T, _ string, events []*eventlog.Event, now task.Micros) {
		whole := apply(t, New(), events)
		for k := range events {
			v := apply(t, New(), events[:k])
			snapshotOf(t, v, task.Micros(events[k].At)) // looking changes nothing
			sameViews(t, "prefix and tail", whole, apply(t, v, events[k:]), now)
		}
	})
}

func TestAPrefixDeliveredTwiceChangesNothing(t *testing.T) {
	eachFixture(t, func(t *testing.T, _ string, events []*eventlog.Event, now task.Micros) {
		whole := apply(t, New(), events)
		for k := range events {
			v := apply(t, New(), events[:k+1])
			apply(t, v, events[:k])
			apply(t, v, events[:k+1])
			sameViews(t, "prefix twice", whole, apply(t, v, events), now)
		}
	})
}

func TestEveryEventOfAFixtureWasLegal(t *testing.T) {
	legal := make(map[task.Transition]bool)
	for _, tr := range task.Transitions() {
		legal[tr] = true
	}
	eachFixture(t, func(t *testing.T, _ string, events []*eventlog.Event, _ task.Micros) {
		v, previous := New(), eventlog.FirstHash(logID)
		for i, e := range events {
			if want := eventlog.Chain(previous, e); e.Hash != want {
				t.Fatalf("event %d: hash %x, want %x", e.Seq, e.Hash, want)
			}
			previous = e.Hash
			id, ofTask := task.ParseStream(e.Stream)
			from := statusOf(v, id)
			apply(t, v, events[i:i+1])
			kind, _ := task.ParseEventType(e.Type)
			if to := statusOf(v, id); ofTask && !legal[task.Transition{From: from, Type: kind, To: to}] {
				t.Errorf("event %d: %s leads from %s to %s", e.Seq, e.Type, from, to)
			}
		}
	})
}

// compat holds the checksum of every compatibility fixture. Add a folder for a newer
// format; never change one that is here.
var compat = map[string]string{
	"compat/v1":            "8f75cb7ade3e5c1898cc6bfcacaaab77217a0f90fb0d6dd904c3a7ac9da48be1",
	"compat/v2":            "bee3a42dc55f2d10d903c75f6f2f051e5c5d8d00b57b001acf7ed9741be89e16",
	"compat/v2_file_names": "33647fa2d67819103ece9d475879621198d43fc2e49ded8dc0a140da8b4d1ab5", // before there was a subject
	"compat/v3":            "979d2e075e3fbc88f7a81fc4c54d6e922309256930d37a226b356e9a0dedd5cc",
	"compat/v4":            "226a40f3315ce72c1752e4beeb7dd78b09e0c171113f5516b8a6778a33a56ddf",
	"compat/v4_streams":    "58f6ae66a50284d3c0cfee14354f9eec40b2d51299924770820568a948773246", // of the streams that are not of tasks
	"compat/v5_streams":    "93a1216b7533ff1ad0bd5d6bee941c25701a7c18e4af4bbda4e0e9667bd368c1", // with types and workers
	"compat/v6_streams":    "2b8a96f7e0414ee10e6f631d705e85c0c2a4d68d7cac0a0ec3136dde25b09566", // of a node of a cluster
	"compat/v7":            "5023f9bec78cf099f46f0f5ce8c5ac38239ce3dbd7c154bdf9f2178b995d0dd7", // with steps and suspended tasks
	"compat/v8":            "4b39cf50cbdb4def463f65673e51096677e007e8b316137cf72dfe2d31177ca0", // with children
	"compat/v4_token_uses": "4b2b82402cebbe6445fc226c699b23bba1ac7a2085cfff486787fee56ee6e91f",
}

func TestTheEventsOfOldLogsAreNeverEdited(t *testing.T) {
	for name, want := range compat {
		text, err := os.ReadFile(filepath.Join("testdata", name, "events.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("testdata/%s/events.jsonl was edited (%s). It stands for the logs that people have: "+
				"restore it, and make the code read it as it is", name, got)
		}
	}
}

// withSteps adds the types of events that durable steps came with.
func withSteps(types ...task.EventType) map[task.EventType]bool {
	later := map[task.EventType]bool{task.EventEnding: true, task.EventStepRecorded: true, task.EventStepForgotten: true, task.EventSuspended: true}
	for _, t := range types {
		later[t] = true
	}
	return later
}

// Each has all that its version of the program wrote.
func TestACompatibilityFixtureHasEveryTypeAndField(t *testing.T) {
	for name, later := range map[string]map[task.EventType]bool{ // the types that came after it
		"compat/v1": withSteps(task.EventResubmitted),
		"compat/v2": withSteps(),
		"compat/v3": withSteps(),
		"compat/v4": withSteps(),
		"compat/v7": {task.EventEnding: true},
		"compat/v8": {},
	} {
		seen, newest := make(map[string]bool), make(map[string]int)
		for _, e := range readEvents(t, name) {
			seen[e.Type], newest[e.Type] = true, max(newest[e.Type], e.V)
			kind, ok := task.ParseEventType(e.Type)
			if !ok {
				continue
			}
			for _, field := range task.FieldNames(kind, e.V) {
				if bytes.Contains(e.Data, []byte(`"`+field+`":`)) {
					seen[e.Type+" "+field] = true
				}
			}
		}
		for _, kind := range task.EventTypes() {
			if later[kind] {
				continue
			}
			if !seen[kind.String()] {
				t.Errorf("%s: no %s", name, kind)
				continue
			}
			for _, field := range task.FieldNames(kind, newest[kind.String()]) {
				if !seen[kind.String()+" "+field] {
					t.Errorf("%s: no %s with %s", name, kind, field)
				}
			}
		}
		for _, kind := range OtherEventTypes() {
			if !seen[kind] && strings.HasPrefix(kind, "server.") && kind != "server.led" { // it and other kinds of streams came after them
				t.Errorf("%s: no %s", name, kind)
			}
		}
	}
}
