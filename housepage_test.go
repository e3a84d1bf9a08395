package daybook_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// arrows is a row of the table of ARCHITECTURE.md: a room, what it may import, what it is.
var arrows = regexp.MustCompile(`(?m)^([a-z/]+) +→(.*?)(?:\s{2,}|$)`)

// The page shows the same arrows as the table that is checked.
func TestThePageOfTheRoomsHasTheSameArrows(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, row := range arrows.FindAllStringSubmatch(string(text), -1) {
		name, list := row[1], strings.TrimSpace(row[2])
		path := "daybook/" + name
		if name == "daybook" {
			path = name
		}
		shown[path] = true
		may, ok := house[path]
		if !ok {
			t.Errorf("ARCHITECTURE.md has a room %s that the table has not", name)
			continue
		}
		var listed, allowed []string
		if list != "" {
			listed = strings.Split(list, ", ")
		}
		if slices.ContainsFunc(listed, func(one string) bool { return strings.Contains(one, " ") }) || may.code == nil {
			continue // a sentence stands for several, or it has only tests
		}
		for _, one := range may.code {
			if rest, own := strings.CutPrefix(one, "daybook"); own {
				allowed = append(allowed, strings.TrimPrefix(rest, "/"))
			}
		}
		if at := slices.Index(allowed, ""); at >= 0 {
			allowed[at] = "daybook"
		}
		slices.Sort(listed)
		slices.Sort(allowed)
		if !slices.Equal(listed, allowed) {
			t.Errorf("%s may import %q by the table, and %q by ARCHITECTURE.md", name, allowed, listed)
		}
	}
	if len(shown) < 30 {
		t.Errorf("ARCHITECTURE.md shows %d rooms", len(shown))
	}
	for path, may := range house {
		if !shown[path] && may.code != nil {
			t.Errorf("ARCHITECTURE.md does not show %s", path)
		}
	}
}
