package workflowfile_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"daybook/internal/workflowfile"
)

func TestAMistakeIsNamedWhereItStands(t *testing.T) {
	const head = "name: x\ntasks:\n  a: {task_type: SLEEP}\n"
	for text, want := range map[string]string{
		"":                                    "f:1:1: the file is empty; it must have a workflow",
		"# nothing\n":                         "f:1:1: the file is empty; it must have a workflow",
		"[]":                                  "f:1:1: must be an object, not a list",
		"name: x":                             "f:1:1: /tasks is required",
		"name: x\ntasks: {}":                  "f:2:1: /tasks must have 1 to 10000 tasks",
		"name: 3\ntasks: {a: {task_type: A}}": "f:1:7: /name must be text, not a number",
		"name: x\ntasks: []":                  "f:2:1: /tasks must be an object, not a list",
		"name: x\n\ttasks: [\n":               "f:2:1: is not YAML: found a tab character that violates indentation",
		head + "nmae: y":                      "f:4:1: /nmae is not a field of a workflow; did you mean name?",
		head + "  b: {task_typ: A, task_type: A}": "f:4:7: /tasks/b/task_typ is not a field of a task; did you mean task_type?",
		head + "  b: {}": "f:4:6: /tasks/b/task_type is required",
		head + "  b: 5":  "f:4:6: /tasks/b must be an object, not a number",
		head + "  b: {task_type: A, priority: high}":                "f:4:31: /tasks/b/priority must be a number, not text",
		head + "  b: {task_type: A, depends_on: a}":                 "f:4:33: /tasks/b/depends_on must be a list, not text",
		head + "  b: {task_type: A, depends_on: [a, 7]}":            "f:4:37: /tasks/b/depends_on/1 must be the name of a task, or an object with task and when",
		head + "  b: {task_type: A, depends_on: [b]}":               "f:4:34: /tasks/b/depends_on/0 must name another task, not b itself",
		head + "  b: {task_type: A, depends_on: [{task: A}]}":       `f:4:41: /tasks/b/depends_on/0 must be the name of another task of the workflow; there is none called "A"; did you mean a?`,
		head + "  b: {task_type: A, depends_on: [{on: a}]}":         "f:4:34: /tasks/b/depends_on/0/task is required\nf:4:35: /tasks/b/depends_on/0/on is not a field of a dependency; it has task, when",
		head + "  a: {task_type: A}":                                `f:4:3: "a" is given twice, first in line 3; remove one`,
		head + "  b: {task_type: A, parameters: {x: {y: 1, y: 2}}}": `f:4:44: "y" is given twice, first in line 4; remove one`,
		head + "  ö: {task_type: 1}":                                "f:4:3: \"ö\" must have another name: 1 to 64 of A-Z a-z 0-9 . _ -, not only dots, nor on_end\nf:4:18: /tasks/ö/task_type must be text, not a number",
		head + "  ..: {task_type: A}":                               "f:4:3: \"..\" must have another name: 1 to 64 of A-Z a-z 0-9 . _ -, not only dots, nor on_end",
		head + "on_end: {task_type: A, depends_on: [a]}":            "f:4:24: /on_end/depends_on must be left out: it comes after all other tasks",
		head + "on_end: 3":                                          "f:4:9: /on_end must be an object, not a number",
		head + "---\nname: y":                                       "f:4:1: the file must have one document; put each workflow into a file of its own",
		head + "  b: {task_type: !foo A}":                           "f:4:7: /tasks/b/task_type must be text, not null\nf:4:18: has the tag !foo, which JSON does not have; leave it out",
		head + "  b: {task_type: A, parameters: {x: !!binary aa}}":  "f:4:37: has the tag !!binary, which JSON does not have; leave it out",
		head + "  b: {task_type: A, parameters: {x: 0x10}}":         "f:4:37: 0x10 is a number that JSON does not have; write it in decimal, or in quotes if it is text",
		head + "  b: {task_type: A, parameters: {x: .nan}}":         "f:4:37: .nan is a number that JSON does not have; write it in decimal, or in quotes if it is text",
		head + "  b: {task_type: A, <<: {queue: q}}":                "f:4:21: << is not supported; write the keys out, or use an alias for a whole value",
		head + "  b: {task_type: A, parameters: &p {x: *p}}":        "f:4:40: *p stands in the value that it names; a value cannot have itself in it",
		head + "  b: {task_type: A, parameters: {? [x] : 1}}":       "f:4:36: must be a key of one word or text",
		head + "  b: {task_type: A, queue: !!seq x}":                "f:4:28: is not what its tag !!seq says; leave the tag out",
		head + "  b: {task_type: A, parameters: {x: !!bool maybe}}": "f:4:37: maybe must be true or false",
		head + "  b: *nix":                                          "f:4:6: is not YAML: unknown anchor 'nix' referenced",
		head + "  b: {task_type: A, parameters: {x: \xff}}":         "f:4:37: is not UTF-8; save the file in UTF-8",
		"name: x\ntasks:\n  a: {task_type: A, depends_on: [b]}\n  b: {task_type: A, depends_on: [c]}\n  c: {task_type: A, depends_on: [{task: a, when: ended}]}": "f:5:41: /tasks/c/depends_on must not lead back to the task itself: a → b → c → a",
		"name: x\ntasks:\n  a: {task_type: A, depends_on: [b, nobody, a]}\n  b: {task_type: A, depends_on: [{}, 7, a]}\n  c: {priority: 3, depends_on: a}\n  d: 5": "f:3:37: /tasks/a/depends_on/1 must be the name of another task of the workflow; there is none called \"nobody\"\n" +
			"f:3:45: /tasks/a/depends_on/2 must name another task, not a itself\n" +
			"f:4:34: /tasks/b/depends_on/0/task is required\n" +
			"f:4:38: /tasks/b/depends_on/1 must be the name of a task, or an object with task and when\n" +
			"f:4:41: /tasks/b/depends_on must not lead back to the task itself: a → b → a\n" +
			"f:5:6: /tasks/c/task_type is required\n" +
			"f:5:32: /tasks/c/depends_on must be a list, not text\n" +
			"f:6:6: /tasks/d must be an object, not a number",
		`{"name": "x",` + "\n" + ` "tasks": {"a": {"task_type": "A",}}}`: "f:2:35: is not JSON: invalid character '}' looking for beginning of object key string",
		`{"name": "x"`: "f:1:13: is not JSON: unexpected end of JSON input",
		`{"name": "é", "tasks": {"a": {"task_type": "A", "task_type": 1}}}`:                                                                      "f:1:49: \"task_type\" is given twice, first in line 1; remove one\nf:1:62: /tasks/a/task_type must be text, not a number",
		`{"name": "x", "tasks": {"a": {"task_type": "A", "depends_on": [ "x"]}}}`:                                                                `f:1:65: /tasks/a/depends_on/0 must be the name of another task of the workflow; there is none called "x"`,
		`{"name": "x", "tasks": {"a": {"task_type": "A", "parameters": ` + strings.Repeat(`{"a":`, 120) + "1" + strings.Repeat("}", 120) + `}}}`: "f:1:548: must have at most 100 levels; make it flatter",
	} {
		_, err := workflowfile.Read("f", []byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("%s\nis %v\nwant %s", text, err, want)
		}
	}
}

func TestYAMLAndJSONOfTheSameWorkflowAreTheSame(t *testing.T) {
	fromYAML := read(t, "f.yaml", `
name: "tom's < work"
concurrency_key: ~
tasks:
  one: &one
    task_type: SLEEP
    parameters: {a: 1, b: 1.50, c: 1e3, d: yes, e: true, f: null, g: 2027-01-31, h: "0x10", i: 12345678901234567890, j: !!str 5, k: False}
  2: {task_type: SLEEP, depends_on: [one]}
  three: *one
  four: {task_type: SLEEP, subject: "two\nlines é"}
`)
	fromJSON := read(t, "-", `{"name": "tom's < work", "concurrency_key": null, "tasks": {
 "one": {"task_type": "SLEEP", "parameters": {"a":1, "b":1.50, "c":1e3, "d":"yes", "e":true, "f":null, "g":"2027-01-31", "h":"0x10", "i":12345678901234567890, "j":"5", "k":false}},
 "2": {"task_type": "SLEEP", "depends_on": ["one"]},
 "three": {"task_type": "SLEEP", "parameters": {"a":1, "b":1.50, "c":1e3, "d":"yes", "e":true, "f":null, "g":"2027-01-31", "h":"0x10", "i":12345678901234567890, "j":"5", "k":false}},
 "four": {"task_type": "SLEEP", "subject": "two\nlines \u00e9"}}}`)
	if a, b := string(fromYAML.JSON()), string(fromJSON.JSON()); a != b {
		t.Errorf("YAML:\n%s\nJSON:\n%s", a, b)
	}
	if !json.Valid(fromYAML.JSON()) || !strings.Contains(string(fromYAML.JSON()), `"i":12345678901234567890`) {
		t.Errorf("%s", fromYAML.JSON())
	}
}

func TestAnAliasBombIsRefused(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("name: x\nx0: &x0 [aaaaaaaaaa]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&bomb, "x%d: &x%d [%s]\n", i, i, strings.Repeat(fmt.Sprintf("*x%d,", i-1), 10))
	}
	_, err := workflowfile.Read("f.yaml", []byte(bomb.String()))
	if want := "f.yaml:1:1: must have at most 16 MiB of JSON, aliases written out; use fewer aliases or split the workflow"; err == nil || err.Error() != want {
		t.Errorf("%.300v, want %s", err, want)
	}
	deep := "name: x\ny0: &y0 [a]\n"
	for i := 1; i < 200; i++ {
		deep += fmt.Sprintf("y%d: &y%d [*y%d]\n", i, i, i-1)
	}
	if _, err := workflowfile.Read("f.yaml", []byte(deep)); err == nil || !strings.Contains(err.Error(), "at most 100 levels") {
		t.Errorf("%.300v", err)
	}
	if _, err := workflowfile.Read("f.yaml", slices.Repeat([]byte("#"), workflowfile.MaxBytes+1)); err == nil || !strings.Contains(err.Error(), "16 MiB") {
		t.Errorf("%.300v", err)
	}
}

func TestARefusalIsFoundInTheFile(t *testing.T) {
	file := read(t, "f.yaml", "name: x\ntasks:\n  a:\n    task_type: SLEEP\n    parameters:\n      list: [1, {\"x/y\": 2}]\n")
	got := file.Locate([][2]string{
		{"/tasks/a/parameters/list/1/x~1y", "is two"}, {"/tasks/a/parameters/rows", "is missing"}, {"", "is odd"}, {"/tasks/a/task_type", "is unknown"},
	}).Error()
	want := "f.yaml:1:1: is odd\nf.yaml:4:16: /tasks/a/task_type is unknown\nf.yaml:5:5: /tasks/a/parameters/rows is missing\nf.yaml:6:25: /tasks/a/parameters/list/1/x~1y is two"
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestTheFieldsAreThoseOfTheAPI(t *testing.T) {
	text, err := os.ReadFile("../../api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal(text, &spec); err != nil {
		t.Fatal(err)
	}
	for what, names := range workflowfile.Fields() {
		var want []string
		for name := range spec.Components.Schemas[what].Properties {
			want = append(want, name)
		}
		slices.Sort(want)
		if !slices.Equal(names, want) {
			t.Errorf("%s has %v, in the API %v", what, names, want)
		}
	}
}

func TestTheExamplesAreWorkflows(t *testing.T) {
	files, err := filepath.Glob("../../examples/workflow/*")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		read(t, file, string(text))
	}
}

func FuzzRead(f *testing.F) {
	f.Add("name: x\ntasks: {a: &a {task_type: A, depends_on: [b]}, b: *a}")
	f.Add(`{"name": "x", "tasks": {"a": {"task_type": "A", "depends_on": [{"task":"b"}]}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"f.json", "f.yaml"} {
			file, err := workflowfile.Read(name, []byte(text))
			if err != nil {
				continue
			}
			again, err := workflowfile.Read("f.json", file.JSON())
			if err != nil || string(again.JSON()) != string(file.JSON()) {
				t.Errorf("%q is %s, which is read with %v", text, file.JSON(), err)
			}
		}
	})
}

func read(t *testing.T, name, text string) *workflowfile.File {
	t.Helper()
	file, err := workflowfile.Read(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return file
}
