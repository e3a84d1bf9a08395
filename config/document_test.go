package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryErrorNamesItsPlace(t *testing.T) {
	d, err := Parse("daybook.toml", []byte(`# a comment
[queues.mail]
concurrency = "many"   # line 3

[schedules."night ly"]
cron = "0 3 * * *"
task = { task_type = "T", parameters = { a = 1, b = [1,
  2] } }
starts_at = 2026-01-02

[[list]]
x = 1
[[list]]
x = 2
y.z = inf
`))
	if err != nil {
		t.Fatal(err)
	}
	d.Wrong("/queues/mail/concurrency", "must be a whole number")
	d.Wrong("/schedules/night ly/task/parameters/b/1", "is odd")
	d.Wrong("/schedules/night ly/task/nothing", "is required")
	d.Wrong("/list/1/x", "is two")
	d.Wrong("/email", "is required")
	var errs Errors
	if !errors.As(d.Err(), &errs) {
		t.Fatal(d.Err())
	}
	want := []string{
		"daybook.toml:1:1: email is required",
		"daybook.toml:3:1: queues.mail.concurrency must be a whole number",
		`daybook.toml:7:1: schedules."night ly".task.nothing is required`,
		`daybook.toml:8:3: schedules."night ly".task.parameters.b[1] is odd`,
		`daybook.toml:9:1: schedules."night ly".starts_at must have a date, a time and a zone, like 2026-11-24T12:00:00Z`,
		"daybook.toml:14:1: list[1].x is two",
		"daybook.toml:15:3: list[1].y.z must be a finite number",
	}
	if diff := cmp.Diff(want, strings.Split(errs.Error(), "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestATextThatIsNotTOMLSaysWhere(t *testing.T) {
	for text, want := range map[string]string{
		"a = 1\nb = = 2\n":         "daybook.toml:2:5: ",
		"a = 1\na = 2\n":           "daybook.toml:2:",
		"[a]\n[a]\n":               "daybook.toml:2:",
		"a = \"x\ny\"":             "daybook.toml:1:",
		"a = 99999999999999999999": "daybook.toml:1:",
		"[a":                       "daybook.toml:1:",
		"\ufeff[a]\nb":             "daybook.toml:2:",
		"a = 1\nb = \"\xff\"":      "daybook.toml:2:6: the byte 0xff is not UTF-8; save",
		"# \xe9t\xe9\na = 1":       "daybook.toml:1:3: the byte 0xe9 is not UTF-8",
		"a = \"\xef\xbf\xbd\"\nb":  "daybook.toml:2:",
		"\xff\xfea\x00":            "daybook.toml:1:1: the file is UTF-16; save it as UTF-8",
	} {
		_, err := Parse("daybook.toml", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestKeysThatNobodyReadsAreErrors(t *testing.T) {
	d, err := Parse("f", []byte("[a]\nname = 1\nnumber = 2\nwhole = 1.5\nlist = [\"x\", 3]\ncolour = 1\n[b]\n"))
	if err != nil {
		t.Fatal(err)
	}
	root := d.Root()
	a := root.Table("a")
	if a.Text("name") != "" || a.Number("number") != 2 || a.Integer("whole") != 0 || len(a.Texts("list")) != 2 || a.Text("absent") != "" {
		t.Error("wrong values")
	}
	a.Close()
	root.Close()
	want := []string{
		`f:2:1: a.name must be a string, like "text"`,
		"f:4:1: a.whole must be a whole number",
		`f:5:14: a.list[1] must be part of a list of strings, like ["a", "b"]`,
		"f:6:1: a.colour is not known; known are absent, list, name, number, whole",
		"f:7:2: b is not known; known are a",
	}
	if diff := cmp.Diff(want, strings.Split(d.Err().Error(), "\n")); diff != "" {
		t.Error(diff)
	}
}
