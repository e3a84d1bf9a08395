package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"daybook/client"
)

// TestTheSecondSignalEndsTheGraceAndGivesTasksBackAtNoCost also sees that a stop takes and
// shows tasks, and that SIGHUP changes nothing.
func TestTheSecondSignalEndsTheGraceAndGivesTasksBackAtNoCost(t *testing.T) {
	dir := t.TempDir()
	p := startReady(t, dir, "--addr", "127.0.0.1:0", "--data", "data", "--grace", "10m")
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
	for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGHUP, syscall.SIGTERM} {
		if err := p.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
	}
	awaitDraining(t, c, long)
	if task, err := c.Get(t.Context(), running.ID); err != nil || task.Status != client.Running {
		t.Errorf("while it stops: %s, %v", task.Raw, err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if code, err := p.stop(syscall.SIGINT, patience); err != nil || code != exitDone {
		t.Errorf("exit code %d, %v\n%s", code, err, p.stderr.String())
	}
	t.Logf("ended %v after the second signal", time.Since(begin))
	wantGivenBack(t, dir, running.ID)
}

// wantGivenBack starts a server on the folder and looks whether the task, which ran there
// before, was given back at no cost.
func wantGivenBack(t *testing.T, dir, id string) {
	t.Helper()
	p := startReady(t, dir, "--addr", "127.0.0.1:0", "--data", "data", "--grace", "0s")
	c, err := client.New(p.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for task, err := range c.Watch(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		if task.Status == client.Running {
			if task.Attempt != 1 {
				t.Errorf("it runs as attempt %d: the stop before cost one", task.Attempt)
			}
			break
		}
	}
	events, err := http.Get(p.url + "/api/tasks/" + id + "/events?progress=last")
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	body, err := io.ReadAll(events.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(body, []byte(`"task.released"`)) || bytes.Contains(body, []byte(`"task.lease_expired"`)) {
		t.Errorf("its history: %s", body)
	}
	// --grace 0s means none, not the 20 s of the default.
	code, err := p.stop(syscall.SIGTERM, patience)
	if err != nil || code != exitDone || !strings.Contains(p.stderr.String(), "grace=0s") {
		t.Errorf("exit code %d, %v\n%s", code, err, p.stderr.String())
	}
}

func TestWhatEachSignalDoes(t *testing.T) {
	for _, hurried := range []bool{false, true} {
		h, signals, said := &hurry{}, make(chan os.Signal), make(chan string)
		ctx := context.WithValue(t.Context(), hurryKey{}, h)
		if hurried {
			onHurry(ctx, func() { said <- "hurry" })
		}
		go func() {
			h.handle(signals, func() { said <- "stop" })
			said <- "exit"
		}()
		want := []string{"stop", "exit"}
		if hurried {
			want = []string{"stop", "hurry", "exit"}
		}
		for i, word := range want {
			signals <- syscall.SIGTERM
			if got := <-said; got != word {
				t.Errorf("signal %d: %s, want %s", i+1, got, word)
			}
		}
	}
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
