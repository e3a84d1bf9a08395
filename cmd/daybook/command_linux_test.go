package main

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"daybook/client"
)

// commandConfig allows a script with children that ignore SIGTERM: one in the background, one that has left its group, one
// that has left its parent too. All have the named pipe open that is its argument.
const commandConfig = `[command.stubborn]
argv = ["/bin/sh", "-c", "trap '' TERM; exec 9>\"$1\"; sleep 1000 & setsid sleep 1000 & setsid sh -c 'setsid sleep 1000 & exit 0'; echo started >&9; wait", "sh"]
args = [".+"]
grace_seconds = 1
`

// A server may end at any moment: killed while the program runs, or stopped between SIGTERM and SIGKILL of a cancel.
func TestNoProgramOutlivesTheServer(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *process, *client.Client, string){
		"killed": func(t *testing.T, p *process, _ *client.Client, _ string) {
			if code, err := p.stop(syscall.SIGKILL, patience); err != nil || code != -1 {
				t.Error(code, err)
			}
		},
		"stopped during the grace of a cancel": func(t *testing.T, p *process, c *client.Client, id string) {
			if _, err := c.Cancel(t.Context(), id); err != nil {
				t.Error(err)
			}
			if code, err := p.stop(syscall.SIGTERM, patience); err != nil || code != exitDone {
				t.Error(code, err)
			}
		},
		"killed during the grace of a stop": func(t *testing.T, p *process, _ *client.Client, _ string) {
			if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			if code, err := p.stop(syscall.SIGKILL, patience); err != nil || code != -1 {
				t.Error(code, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			pipe := filepath.Join(dir, "alive")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "daybook.toml"), []byte(commandConfig), 0o600); err != nil {
				t.Fatal(err)
			}
			p := startReady(t, dir, "--addr", "127.0.0.1:0", "--data", "data", "--config", "daybook.toml", "--grace", "1ms")
			c, err := client.New(p.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			submitted, err := c.Submit(t.Context(), client.Submit{TaskType: "COMMAND", Parameters: map[string]any{"command": "stubborn", "args": []string{pipe}}})
			if err != nil {
				t.Fatal(err)
			}
			alive, err := os.Open(pipe) // waits until the program has opened it
			if err != nil {
				t.Fatal(err)
			}
			defer alive.Close()
			if _, err := io.ReadFull(alive, make([]byte, len("started\n"))); err != nil {
				t.Fatal(err)
			}
			end(t, p, c, submitted.ID)
			if _, err := io.ReadAll(alive); err != nil { // ends when no process has the pipe any more
				t.Error(err)
			}
		})
	}
}
