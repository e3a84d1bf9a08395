package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"daybook/client"
)

// stepWorkers are programs whose tasks do the same with examples/steps.py and examples/steps.mjs.
var stepWorkers = []struct {
	name, needs string
	command     []string
}{
	{"python", "python3", []string{"python3", "testdata/steps/worker.py"}},
	{"node", "node", []string{"node", "testdata/steps/worker.mjs"}},
}

// stories are what TestStepsOfOtherLanguages does with one of the programs.
type stories struct {
	*testing.T
	ctx   context.Context
	c     *client.Client
	start func() *os.Process
	dir   string
}

// Context ends with the patience for all of it.
func (s *stories) Context() context.Context { return s.ctx }

func TestStepsOfOtherLanguages(t *testing.T) {
	t.Parallel()
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range stepWorkers {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			command, ok := workerCommand(t, w.needs, w.command)
			if !ok {
				t.SkipNow()
			}
			c, start := serveAndWork(t, command, "EXAMPLES="+examples, "LEASE=5", "SLOTS=1", "PYTHONDONTWRITEBYTECODE=1")
			ctx, stop := context.WithTimeout(t.Context(), patience)
			defer stop()
			s := &stories{t, ctx, c, start, t.TempDir()}
			worker := s.killed(start())
			s.waits()
			s.asks()
			s.makes()
			s.refused("large", "steps/large:", "262144")
			s.refused("twice", "the step page was there before in this attempt", "as in page#2")
			s.lost(worker)
		})
	}
}

// submit submits a part as soon as the type is known.
func (s *stories) submit(part string) client.Task {
	s.Helper()
	for {
		done, err := s.c.Submit(s.Context(), client.Submit{TaskType: "STORY", MaxAttempts: 3, Parameters: map[string]any{
			"part": part, "run": part, "file": filepath.Join(s.dir, part), "go": filepath.Join(s.dir, "go")}})
		if err == nil {
			return done.Task
		}
		if code := client.StatusOf(err); code != 400 {
			s.Fatal(err)
		}
	}
}

// until watches a task until it is as it should be.
func (s *stories) until(id string, so func(client.Task) bool) {
	s.Helper()
	for now, err := range s.c.Watch(s.Context(), id) {
		switch {
		case err != nil:
			s.Fatal(err)
		case so(now):
			return
		case now.Status.Ended():
			s.Fatalf("it has ended: %s", now.Raw)
		}
	}
}

func waitsFor(reason string) func(client.Task) bool {
	return func(t client.Task) bool { return t.WaitingFor != nil && t.WaitingFor.Reason == reason }
}

// ends waits for the end of a task and compares its result.
func (s *stories) ends(id, want string) client.Task {
	s.Helper()
	t, err := s.c.Wait(s.Context(), id)
	if err != nil {
		s.Fatal(err)
	}
	var got, wanted any
	_ = json.Unmarshal(t.ResultData, &got)
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		s.Fatal(err)
	}
	if t.Status != client.Success || !equalJSON(got, wanted) {
		s.Errorf("%s, want %s", t.Raw, want)
	}
	return t
}

func equalJSON(a, b any) bool {
	x, _ := json.Marshal(a) // what was unmarshalled can be marshalled, and has one order
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// sees waits until a file has that text.
func (s *stories) sees(name, text string) {
	s.Helper()
	for s.Context().Err() == nil {
		if got, _ := os.ReadFile(filepath.Join(s.dir, name)); string(got) == text {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatalf("%s never had %q", name, text)
}

// The value of a step is kept when the worker is killed, and the step is not done again.
func (s *stories) killed(worker *os.Process) (next *os.Process) {
	t := s.submit("killed")
	for n := 0; n < 2; {
		steps, err := s.c.Steps(s.Context(), t.ID)
		if err != nil {
			s.Fatal(err)
		}
		n = len(steps)
	}
	if err := worker.Kill(); err != nil {
		s.Fatal(err)
	}
	next = s.start()
	if t = s.ends(t.ID, `[1,null]`); t.Attempt != 2 {
		s.Errorf("attempt %d, want 2", t.Attempt)
	}
	s.sees("killed", "charged\n")
	return next
}

func (s *stories) waits() {
	send := func(name string, payload any) {
		if _, err := s.c.SendEvent(s.Context(), name+":waits", payload, 0); err != nil {
			s.Fatal(err)
		}
	}
	send("c", "early")
	t := s.submit("waits")
	s.until(t.ID, waitsFor("signal"))
	send("b", map[string]int{"amount": 99})
	s.until(t.ID, func(now client.Task) bool { return waitsFor("signal")(now) && now.Steps == 1 })
	send("e", 5)
	send("d", nil)
	if t = s.ends(t.ID, `{"any":{"event":"b:waits","value":{"amount":99}},"all":{"c:waits":"early","d:waits":null},"one":5,
		"late":"nothing has come in time for the step late: catch TimedOut to go on without"}`); t.Attempt != 1 {
		s.Errorf("attempt %d: a wait costs none", t.Attempt)
	}
}

func (s *stories) asks() {
	t := s.submit("asks")
	s.until(t.ID, waitsFor("approval"))
	if _, err := s.c.Approve(s.Context(), t.ID, "ask", true, map[string]any{"amount": "many"}, ""); client.StatusOf(err) != 400 {
		s.Errorf("an answer that does not fit: %v", err)
	}
	if _, err := s.c.Approve(s.Context(), t.ID, "ask", true, map[string]any{"amount": 7}, "paid"); err != nil {
		s.Fatal(err)
	}
	s.ends(t.ID, `{"approved":true,"answer":{"amount":7},"reason":"paid","by":"anonymous"}`)
}

// Children are made once and waited for. The one that fails has asked for too much in a step.
func (s *stories) makes() {
	s.ends(s.submit("makes").ID, `{"good":"SUCCESS","bad":"FAILED"}`)
}

// What the server refuses fails the task at once: another attempt would not help. The error says why, and has no token in it.
func (s *stories) refused(part string, says ...string) {
	t, err := s.c.Wait(s.Context(), s.submit(part).ID)
	if err != nil {
		s.Fatal(err)
	}
	if t.Status != client.Failed || t.Attempt != 1 || strings.Contains(*t.ErrorMessage, "dbl_") {
		s.Errorf("%s: %s", part, t.Raw)
	}
	for _, text := range says {
		if !strings.Contains(*t.ErrorMessage, text) {
			s.Errorf("%s: the error does not say %q: %s", part, text, *t.ErrorMessage)
		}
	}
}

// A worker that was stopped for so long that another one has the task finds out at its next step, and lets go.
func (s *stories) lost(first *os.Process) {
	t := s.submit("lost")
	s.sees("lost", "begun\n")
	if err := first.Signal(syscall.SIGSTOP); err != nil {
		s.Fatal(err)
	}
	s.start()
	s.ends(t.ID, `"second"`)
	if err := os.WriteFile(filepath.Join(s.dir, "go"), nil, 0o600); err != nil {
		s.Fatal(err)
	}
	if err := first.Signal(syscall.SIGCONT); err != nil {
		s.Fatal(err)
	}
	s.sees("lost", "begun\nlet go\n")
	s.ends(t.ID, `"second"`)
}
