package handler

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"daybook/task"
)

func TestTheSubjectOfASleepIsItsLength(t *testing.T) {
	r, err := NewRegistry(NewSleep(never))
	if err != nil {
		t.Fatal(err)
	}
	for parameters, want := range map[string]string{
		`{}`: "", `{"result":1}`: "", `{"seconds":2.5}`: "2.5 s", `{"seconds":86400}`: "86400 s",
	} {
		prepared, _, bad, err := r.Prepare("SLEEP", []byte(parameters))
		if bad != nil || err != nil {
			t.Fatal(bad, err)
		}
		if got := r.Subject("SLEEP", prepared, nil); got != want {
			t.Errorf("%s: %q, not %q", parameters, got, want)
		}
	}
	if got := r.Subject("ABSENT", []byte(`{}`), nil); got != "" {
		t.Errorf("a type that is not known: %q", got)
	}
}

// subjecting is a type whose Subject gives what it is told to.
type subjecting struct {
	fixed
	subject func() string
}

func (s subjecting) Subject(json.RawMessage, map[string]string) string { return s.subject() }

func TestAMadeSubjectIsOneLineOfAtMost200Characters(t *testing.T) {
	family := "👩\u200d👩\u200d👧" // one letter of five code points
	for _, test := range []struct {
		makes func() string
		want  string
	}{
		{func() string { return "a\r\n\tb\x1b[31m\u2028c\u009b \xff " }, "a b [31m c \uFFFD"},
		{func() string { return "pay\u202efdp.exe\u200f" }, "payfdp.exe"},
		{func() string { return strings.Repeat("x", 200) }, strings.Repeat("x", 200)},
		{func() string { return strings.Repeat("x", 201) }, strings.Repeat("x", 199) + "…"},
		{func() string { return strings.Repeat("x", 195) + family + family }, strings.Repeat("x", 195) + "…"},
		{func() string { return strings.Repeat("x", 194) + family + family }, strings.Repeat("x", 194) + family + "…"},
		{func() string { return strings.Repeat("e\u0301", 101) }, strings.Repeat("e\u0301", 99) + "…"},
		{func() string { return strings.Repeat(family, 1_000_000) }, strings.Repeat(family, 39) + "…"},
		{func() string { panic("no subject") }, ""},
	} {
		r, err := NewRegistry(subjecting{fixed{spec: task.TypeSpec{Name: "A"}}, test.makes})
		if err != nil {
			t.Fatal(err)
		}
		got := r.Subject("A", []byte(`{}`), nil)
		if got != test.want || utf8.RuneCountInString(got) > task.MaxSubject {
			t.Errorf("%q, not %q", got, test.want)
		}
		if s := (task.Submit{Type: "A", Subject: got}); s.Validate() != nil && got != "" {
			if bad := s.Validate(); bad[0].Pointer == "/subject" {
				t.Errorf("%q would be refused: %v", got, bad)
			}
		}
	}
}

func TestWhatATypeDoesNotSayIsTheNamesOfItsFiles(t *testing.T) {
	spec := task.TypeSpec{Name: "SAMPLE", ParametersSchema: json.RawMessage(sampleSchema)}
	for _, h := range []Handler{fixed{spec: spec}, subjecting{fixed{spec: spec}, func() string { return " " }}} {
		r, err := NewRegistry(h)
		if err != nil {
			t.Fatal(err)
		}
		parameters := []byte(`{"n":1,"files":["` + idA + `","` + idB + `","` + idC + `"]}`)
		for want, names := range map[string]map[string]string{
			"a.csv and 2 more": {idA: "a.csv", idB: "b.csv"}, "c.csv and 2 more": {idC: "c.csv"}, "": nil,
		} {
			if got := r.Subject("SAMPLE", parameters, names); got != want {
				t.Errorf("%q, not %q", got, want)
			}
		}
		if got := r.Subject("SAMPLE", []byte(`{"n":1,"file":"`+idA+`"}`), map[string]string{idA: "a.csv"}); got != "a.csv" {
			t.Errorf("%q", got)
		}
	}
}
