package command

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMissingNamesProgramsAndFoldersThatAreNotThere(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for pointer, p := range map[string]Program{
		"":           {Argv: []string{"/bin/sh"}, Dir: dir},
		"/a~1b/argv": {Argv: []string{filepath.Join(dir, "none")}},
		"/c/argv":    {Argv: []string{plain}},
		"/d/argv":    {Argv: []string{dir}},
		"/e/dir":     {Argv: []string{"/bin/sh"}, Dir: filepath.Join(dir, "none")},
		"/f/dir":     {Argv: []string{"/bin/sh"}, Dir: plain},
	} {
		name := "a/b"
		if len(pointer) > 1 && pointer[1] != 'a' {
			name = pointer[1:2]
		}
		bad := Missing(map[string]Program{name: p})
		if pointer == "" && bad != nil || pointer != "" && (len(bad) != 1 || bad[0].Pointer != pointer) {
			t.Errorf("%s: %v", pointer, bad)
		}
	}
}
