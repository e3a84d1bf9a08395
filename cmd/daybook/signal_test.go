package main

import (
	"os"
	"syscall"
	"testing"
	"time"

	"daybook/client"
)

func TestAStopTakesAndShowsTasksAndASecondSignalEndsItAtOnce(t *testing.T) {
	p, err := startServer(t.TempDir(), os.Environ(), "--addr", "127.0.0.1:0", "--data", "data", "--grace", "10m")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
	if err := p.ready(patience); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(p.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	long := client.Submit{TaskType: "SLEEP", Parameters: map[string]any{"seconds": 3600}}
	running, err := c.Submit(t.Context(), long)
	if err != nil {
		t.Fatal(err)
	}
	for task, err := range c.Watch(t.Context(), running.ID) {
		if err != nil {
			t.Fatal(err)
		}
		if task.Status == client.Running {
			break
		}
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	awaitDraining(t, c, long)
	if task, err := c.Get(t.Context(), running.ID); err != nil || task.Status != client.Running {
		t.Errorf("while it stops: %s, %v", task.Raw, err)
	}
	begin := time.Now()
	if code, err := p.stop(syscall.SIGTERM, 20*time.Second); err != nil || code != exitFailed {
		t.Errorf("exit code %d, %v", code, err)
	}
	t.Logf("ended %v after the second signal", time.Since(begin))
}

// awaitDraining submits tasks until one waits because the server stops, which must be soon.
// It is kept for the next server.
func awaitDraining(t *testing.T, c *client.Client, s client.Submit) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		waits, err := c.Submit(t.Context(), s)
		if err == nil {
			waits.Task, err = c.Get(t.Context(), waits.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		if waits.WaitingFor != nil && waits.WaitingFor.Reason == "draining" {
			return
		}
	}
	t.Fatal("the server does not say that it stops")
}
