package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"daybook/client"

	"github.com/google/go-cmp/cmp"
)

func TestASizeIsReadWithItsUnit(t *testing.T) {
	for text, want := range map[string]byteSize{
		"0": 0, "1048576": 1 << 20, "2GiB": 2 << 30, "500MB": 500e6, "1.5 kB": 1500, "3g": 3 << 30, "7B": 7, " 1TiB ": 1 << 40,
	} {
		var got byteSize
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "many", "-1", "1PB", "9e30", "GiB", "NaN", "Inf", "1 2"} {
		var got byteSize
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken as %d", text, got)
		}
	}
}

func TestAParameterIsJSONWhereItCanBe(t *testing.T) {
	got, err := parameters(`{"a":1,"b":2}`, []string{"b=[1,2]", "c=x=y", "d=", `e="3"`, "f=01", "g=true", "h=@words_test.go"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(got["h"]), `"package main\n`) {
		t.Errorf("h is %.20s", got["h"])
	}
	delete(got, "h")
	want := map[string]json.RawMessage{
		"a": json.RawMessage("1"), "b": json.RawMessage("[1,2]"), "c": json.RawMessage(`"x=y"`), "d": json.RawMessage(`""`),
		"e": json.RawMessage(`"3"`), "f": json.RawMessage(`"01"`), "g": json.RawMessage("true"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range [][]string{{"a"}, {"=1"}, {"a=@no-such-file"}} {
		if _, err := parameters("", bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
	for _, bad := range []string{"[]", "1", "{"} {
		if _, err := parameters(bad, nil); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestFilesGoWhereTheSchemaTakesThem(t *testing.T) {
	types := []client.TaskType{
		{Name: "ONE", ParametersSchema: json.RawMessage(`{"properties":{"n":{"type":"integer"},"table":{"format":"daybook-file"}}}`)},
		{Name: "MANY", ParametersSchema: json.RawMessage(`{"properties":{"pictures":{"items":{"format":"daybook-file"}}}}`)},
		{Name: "BOTH", ParametersSchema: json.RawMessage(`{"properties":{"a":{"items":{"format":"daybook-file"}},"z":{"format":"daybook-file"}}}`)},
		{Name: "NONE", ParametersSchema: json.RawMessage(`{}`)},
	}
	for _, c := range []struct {
		taskType string
		n        int
		want     fileSlot
	}{
		{"ONE", 1, fileSlot{"table", false}}, {"MANY", 1, fileSlot{"pictures", true}}, {"MANY", 3, fileSlot{"pictures", true}},
		{"BOTH", 1, fileSlot{"z", false}}, {"BOTH", 2, fileSlot{"a", true}},
	} {
		if got, err := slotFor(types, c.taskType, c.n); err != nil || got != c.want {
			t.Errorf("%d files for %s go to %v, %v", c.n, c.taskType, got, err)
		}
	}
	for _, c := range []struct {
		taskType string
		n        int
		says     string
	}{{"ONE", 2, "takes one file"}, {"NONE", 1, "takes no file"}, {"ABSENT", 1, "it has ONE, MANY, BOTH, NONE"}} {
		if _, err := slotFor(types, c.taskType, c.n); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d files for %s: %v", c.n, c.taskType, err)
		}
	}
}

func TestWhatATerminalWouldObeyIsTakenOut(t *testing.T) {
	s := &stdio{size: func() (int, int) { return 80, 24 }}
	hostile := "\x1b]0;owned\x07 red\x1b[31m\r\nnext\u009b31m"
	if got := s.safe(hostile); strings.ContainsAny(got, "\x1b\x07\r\u009b") || !strings.Contains(got, "\n") {
		t.Errorf("got %q", got)
	}
	task := client.Task{ID: "X", Status: client.Failed, ErrorMessage: &hostile, TaskType: "T"}
	if got := plainRow(&task); strings.ContainsAny(got, "\x1b\x07\r\n\u009b") {
		t.Errorf("got %q", got)
	}
	var printed strings.Builder
	value := "{\"a\":\"\u009b31m\u202e\",\"n\":9007199254740993}"
	if err := printJSON(&printed, json.RawMessage(value)); err != nil || printed.String() != `{"a":"\u009b31m\u202e","n":9007199254740993}`+"\n" {
		t.Errorf("%q, %v", printed.String(), err)
	}
	printed.Reset()
	s.err = &printed
	s.fail(fmt.Errorf("submit: %s\x9b31m\u202e", hostile))
	s.misuse(fmt.Errorf("unknown flag %s\x9b31m\u202e", hostile))
	if got := printed.String(); strings.ContainsAny(got, "\x1b\x07\r\u009b\u202e") || strings.Contains(got, "\x9b") || strings.Count(got, "daybook:") != 2 {
		t.Errorf("got %q", got)
	}
}

func TestTheBarFitsItsLine(t *testing.T) {
	for _, width := range []int{20, 60, 80, 200} {
		b := &bar{width: func() int { return width }, paint: func(_, text string) string { return text }}
		line := []rune(b.line("SLEEP", 0.5, strings.Repeat("ä", 300)))
		if n := len(line); n >= max(width, 50) {
			t.Errorf("%d columns on a terminal of %d: %s", n, width, string(line))
		}
	}
	b := &bar{width: func() int { return 80 }, paint: func(_, text string) string { return text }}
	for done, want := range map[float64]string{-1: "  0 %", 0: "  0 %", 0.333: " 33 %", 1: "100 %", 7: "100 %"} {
		if got := b.line("x", done, ""); !strings.Contains(got, want) {
			t.Errorf("%v is drawn as %q", done, got)
		}
	}
}

func TestSpansAndNumbersAreForPeople(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ms", 340 * time.Millisecond: "340 ms", 12500 * time.Millisecond: "12.5 s",
		200 * time.Second: "3 m 20 s", 3*time.Hour + 7*time.Minute: "3 h 07 m",
	} {
		if got := span(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
	if got := cut("abcdef", 4); got != "abc…" {
		t.Errorf("cut: %q", got)
	}
}

func TestAnEventSaysItsFactsInOrder(t *testing.T) {
	e := client.Event{
		Data:    json.RawMessage(`{"fence":2,"attempt":1,"code":"timeout","tags":["a"]}`),
		Payload: json.RawMessage(`{"error":"took\ntoo long"}`),
	}
	if got, want := facts(&e), `attempt=1 code=timeout tags=["a"] took too long`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	e = client.Event{Data: json.RawMessage(`{}`), Payload: json.RawMessage(`[1,2]`)}
	if got := facts(&e); got != "[1,2]" {
		t.Errorf("got %q", got)
	}
}

func TestOnlyThisMachineIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.8.9.1": true, "::1": true, "localhost": true,
		"": false, "0.0.0.0": false, "::": false, "192.168.1.2": false, "no-such-host.invalid": false,
	} {
		if got := isLoopback(t.Context(), host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}
