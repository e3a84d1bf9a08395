package sqlitelog

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"daybook/internal/sqlite"
)

// A folder that this user may not use is refused for that, and not found out by a write.
func TestAFolderThatMayNotBeUsedIsRefusedByName(t *testing.T) {
	image := crashed(t, 40)
	root, err := os.MkdirTemp("", "daybook-test-") // in no folder that only this user may enter
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(root)) })
	must(t, os.Chmod(root, 0o755))
	program := filepath.Join(root, "test")
	must(t, sqlite.CopyFile(program, os.Args[0]))
	must(t, os.Chmod(program, 0o755))
	for _, c := range []struct {
		name string
		mode os.FileMode
		text string
	}{
		{logName, 0o000, "not readable"},
		{logName, 0o400, "not writable"},
		{logName + "-wal", 0o000, "not readable"},
		{logName + "-wal", 0o400, "not writable"},
		{logName + "-shm", 0o400, "not writable"},
		{sidecarName, 0o000, "not readable"},
		{sidecarName, 0o400, "not writable"},
		{lockName, 0o000, "not readable"},
		{".", 0o500, "not writable"},
		{".", 0o000, "not readable"},
	} {
		dir := filepath.Join(root, "data")
		write(t, dir, image)
		must(t, os.WriteFile(filepath.Join(dir, lockName), nil, 0o600))
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		if os.Getuid() == 0 { // who may use everything
			const nobody = 65534
			for name := range image {
				must(t, os.Chown(filepath.Join(dir, name), nobody, nobody))
			}
			must(t, os.Chown(filepath.Join(dir, lockName), nobody, nobody))
			must(t, os.Chown(dir, nobody, nobody))
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		must(t, os.Chmod(filepath.Join(dir, c.name), c.mode))
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.text) || strings.Contains(string(out), "unknown") {
			t.Errorf("%s with mode %v: %v, %.300s", c.name, c.mode, err, out)
		}
		must(t, os.Chmod(filepath.Join(dir, c.name), 0o700))
	}
}
