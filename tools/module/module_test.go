package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"daybook/tools/command"
)

// copyTree copies what git knows of the project.
func copyTree(t *testing.T) string {
	t.Helper()
	const tree = "../.."
	to := t.TempDir()
	list, err := command.Output(t.Context(), tree, "git", "ls-files")
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.Lines(list) {
		name = strings.TrimSpace(name)
		text, err := os.ReadFile(filepath.Join(tree, name))
		if os.IsNotExist(err) {
			continue // removed and not committed yet
		}
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

const program = `package main

import (
	"context"
	"log"

	"example.com/you/queue"
	"example.com/you/queue/client"
)

func main() {
	d, err := daybook.Open(context.Background(), daybook.Options{Data: "data"})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	_, _ = client.New("http://127.0.0.1:8000", nil)
}
`

var oldImport = regexp.MustCompile(`(?m)^(import |\t)"daybook(/[^"]*)?"$`)

func TestAMovedModuleBuildsAndIsBuiltAgainst(t *testing.T) {
	tree := copyTree(t)
	const path = "example.com/you/queue"
	var out bytes.Buffer
	if err := run(t.Context(), []string{tree, path}, &out); err != nil {
		t.Fatal(err)
	}
	for _, module := range []string{".", "bench", "tools"} {
		if said, err := command.Output(t.Context(), filepath.Join(tree, module), "go", "build", "./..."); err != nil {
			t.Fatalf("%s: %v: %s", module, err, said)
		}
	}
	if _, err := command.Output(t.Context(), tree, "go", "test", "-run", "Room|Table|Only", "."); err != nil {
		t.Error(err) // the table of the rooms holds under any path
	}
	err := filepath.WalkDir(tree, func(name string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".go" {
			return err
		}
		text, err := os.ReadFile(name)
		if oldImport.Match(text) {
			t.Errorf("%s still imports the old path", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(outside, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sums, err := os.ReadFile(filepath.Join(tree, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	write("main.go", program)
	write("go.sum", string(sums))
	write("go.mod", "module example.com/program\n\ngo 1.26\n\nrequire "+path+" v0.0.0\n\nreplace "+path+" => "+tree+"\n")
	for _, args := range [][]string{{"mod", "tidy"}, {"build", "-o", os.DevNull, "."}} {
		if _, err := command.Output(t.Context(), outside, "go", args...); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAPathThatIsNoneChangesNothing(t *testing.T) {
	dir := t.TempDir()
	text := []byte("module daybook\n\ngo 1.26\n")
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", "daybook", "not a path", "example.com/../x"} {
		if err := run(t.Context(), []string{dir, path}, new(bytes.Buffer)); err == nil {
			t.Errorf("%q was taken", path)
		}
	}
	if now, err := os.ReadFile(filepath.Join(dir, "go.mod")); err != nil || !bytes.Equal(now, text) {
		t.Errorf("go.mod is %s, %v", now, err)
	}
}
