package command

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"daybook/internal/jsontext"
	"daybook/task"
)

// Missing lists what this machine lacks to run the programs, with pointers such as /NAME/argv. A type
// can be made without it: the attempts fail then.
func Missing(programs map[string]Program) (bad []task.FieldError) {
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		p, pointer := programs[name], "/"+jsontext.EscapePointer(name)
		if len(p.Argv) > 0 && filepath.IsAbs(p.Argv[0]) {
			if detail := missingProgram(p.Argv[0]); detail != "" {
				bad = append(bad, task.FieldError{Pointer: pointer + "/argv", Detail: detail})
			}
		}
		if p.Dir != "" && filepath.IsAbs(p.Dir) {
			if info, err := os.Stat(p.Dir); err != nil || !info.IsDir() {
				bad = append(bad, task.FieldError{Pointer: pointer + "/dir", Detail: "names a folder that is not there; make it, or name another"})
			}
		}
	}
	return bad
}

// missingProgram says why a program cannot be run, "" if it can.
func missingProgram(path string) string {
	_, err := exec.LookPath(path)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, fs.ErrNotExist):
		return "names a program that is not there; install it, or correct its path"
	case errors.Is(err, fs.ErrPermission):
		return "names a file that cannot be run; make it executable, or correct the path"
	}
	return "names what is no program; correct the path"
}
