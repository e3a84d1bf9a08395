package task

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "draw the diagram in docs/states.md again")

const (
	statesPath = "../docs/states.md"
	eventsPath = "../docs/events.md"
	beginMark  = "<!-- made from task.Transitions(): go test ./task -run Diagram -update -->\n"
	endMark    = "<!-- end of what is made -->\n"
)

// diagram draws the state machine: one arrow for all events that lead the same way.
func diagram() string {
	type way struct{ from, to Status }
	var order []way
	events := make(map[way][]string)
	for _, tr := range Transitions() {
		w := way{tr.From, tr.To}
		if events[w] == nil {
			order = append(order, w)
		}
		events[w] = append(events[w], strings.TrimPrefix(tr.Type.String(), "task."))
	}
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n")
	for _, w := range order {
		from := w.from.String()
		if w.from == None {
			from = "[*]"
		}
		fmt.Fprintf(&b, "    %s --> %s: %s\n", from, w.to, strings.Join(events[w], ", "))
	}
	b.WriteString("```\n")
	return b.String()
}

func readDoc(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheDiagramInTheDocsIsTheStateMachine(t *testing.T) {
	text := readDoc(t, statesPath)
	before, rest, ok := strings.Cut(text, beginMark)
	made, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		t.Fatalf("%s has lost its marks %q and %q", statesPath, beginMark, endMark)
	}
	want := diagram()
	if *update {
		if err := os.WriteFile(statesPath, []byte(before+beginMark+want+endMark+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("%s is not what the code does (-code +doc), -update draws it again:\n%s", statesPath, diff)
	}
}

func TestTheDocsSayHowEachStateIsEnteredAndLeft(t *testing.T) {
	text := readDoc(t, statesPath)
	for _, s := range Statuses() {
		_, section, ok := strings.Cut(text, "\n## "+s.String()+"\n")
		if section, _, _ = strings.Cut(section, "\n## "); !ok || !strings.Contains(section, "**Entered**") || !strings.Contains(section, "**Left**") {
			t.Errorf("%s does not say how %s is entered and left", statesPath, s)
			continue
		}
		for _, tr := range Transitions() {
			if tr.From != tr.To && (tr.From == s || tr.To == s) && !strings.Contains(section, "`"+tr.Type.String()+"`") {
				t.Errorf("%s: the section on %s lacks %s", statesPath, s, tr.Type)
			}
		}
	}
}

// The catalogue has a section for each type, and in it a row for each field of data.
var (
	sectionLine = regexp.MustCompile(`(?m)^### (\S+)$`)
	fieldRow    = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|")
)

// sectionsOf returns the text below each "### name", up to the next heading.
func sectionsOf(text string) map[string]string {
	sections := make(map[string]string)
	marks := sectionLine.FindAllStringSubmatchIndex(text, -1)
	for _, mark := range marks {
		body, _, _ := strings.Cut(text[mark[1]:], "\n##")
		sections[text[mark[2]:mark[3]]] = body
	}
	return sections
}

func TestTheCatalogueHasEveryEventAndEveryField(t *testing.T) {
	text := readDoc(t, eventsPath)
	sections := sectionsOf(text)
	for _, kind := range EventTypes() {
		section, ok := sections[kind.String()]
		if !ok {
			t.Errorf("%s lacks %s", eventsPath, kind)
			continue
		}
		var fields []string
		for _, row := range fieldRow.FindAllStringSubmatch(section, -1) {
			fields = append(fields, row[1])
		}
		if want := FieldNames(kind, kind.SchemaVersion()); !slices.Equal(fields, want) {
			t.Errorf("%s lists for %s the fields %v, the code writes %v", eventsPath, kind, fields, want)
		}
		for _, word := range []string{"Written by", "Payload", "Changes"} {
			if !strings.Contains(section, "\n- **"+word+"**") {
				t.Errorf("%s does not say of %s: %s", eventsPath, kind, word)
			}
		}
		delete(sections, kind.String())
	}
	for name := range sections {
		if strings.HasPrefix(name, "task.") {
			t.Errorf("%s has %s, which the code does not know", eventsPath, name)
		}
	}
	for code := CodeError; code < codeCount; code++ {
		if !strings.Contains(text, "`"+code.String()+"`") {
			t.Errorf("%s does not explain the code %s", eventsPath, code)
		}
	}
}
