// Command module gives the module of a tree another path, so that programs elsewhere can
// fetch it: import paths in all Go files, and the go.mod files of the modules within.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"daybook/tools/command"
)

func main() { command.Main("module", run) }

// run takes the folder of the tree and the new path of its module.
func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 2 || args[1] == "" {
		return errors.New("usage: make module MODULE=example.com/you/daybook")
	}
	tree, path := args[0], args[1]
	old, err := command.Output(ctx, tree, "go", "list", "-m", "-f", "{{.Path}}")
	if err != nil {
		return err
	}
	if path == old {
		return fmt.Errorf("the module has the path %s already", path)
	}
	m := move{old: old, path: path}
	if _, err := command.Output(ctx, tree, "go", "mod", "edit", "-module", path); err != nil {
		return err // the go command says what is wrong with the path; nothing was changed
	}
	if err := filepath.WalkDir(tree, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.Name() == "go.mod" && filepath.Dir(name) != filepath.Clean(tree):
			return m.module(ctx, filepath.Dir(name))
		case filepath.Ext(name) == ".go":
			return m.file(name)
		}
		return nil
	}); err != nil {
		return err
	}
	fmt.Fprintf(out, "The module is %s: %d files were changed. Run make check and make test, then commit.\n", path, m.changed)
	return nil
}

// move changes paths of the module old and of what lies below it.
type move struct {
	old, path string
	changed   int // files
}

// moved returns the new path for one that belongs to the module.
func (m *move) moved(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, m.old)
	if !ok || rest != "" && rest[0] != '/' {
		return path, false
	}
	return m.path + rest, true
}

// module changes the go.mod of a module within the tree.
func (m *move) module(ctx context.Context, dir string) error {
	name, err := command.Output(ctx, dir, "go", "list", "-m", "-f", "{{.Path}}")
	if err != nil {
		return err
	}
	var edits []string
	if to, ok := m.moved(name); ok {
		edits = append(edits, "-module", to)
	}
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return err
	}
	if replaced, ok := replacement(string(text), m.old); ok {
		edits = append(edits, "-droprequire="+m.old, "-dropreplace="+m.old, "-require="+m.path+"@v0.0.0", "-replace="+m.path+"="+replaced)
	}
	if len(edits) == 0 {
		return nil
	}
	m.changed++
	_, err = command.Output(ctx, dir, "go", append([]string{"mod", "edit"}, edits...)...)
	return err
}

// replacement returns the folder by which a go.mod replaces the module.
func replacement(text, module string) (string, bool) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "replace "))
		if len(fields) == 3 && fields[0] == module && fields[1] == "=>" {
			return fields[2], true
		}
	}
	return "", false
}

// file changes the imports of a Go file.
func (m *move) file(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, name, text, parser.ImportsOnly)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	done := 0
	for _, spec := range parsed.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		to, ok := m.moved(path)
		if !ok {
			continue
		}
		at := set.Position(spec.Path.Pos()).Offset
		b.Write(text[done:at])
		b.WriteString(strconv.Quote(to))
		done = at + len(spec.Path.Value)
	}
	if done == 0 {
		return nil
	}
	b.Write(text[done:])
	sorted, err := format.Source(b.Bytes())
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	m.changed++
	return os.WriteFile(name, sorted, 0o644)
}
