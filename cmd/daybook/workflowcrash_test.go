package main

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"daybook/client"
	"daybook/internal/freeaddr"
)

// A kill while a large workflow is submitted leaves all of it or nothing, and the client that tries again with its key makes it once.
func TestAWorkflowIsThereWholeOrNotAtAllAfterAKill(t *testing.T) {
	const tasks = 3000
	dir, addr := t.TempDir(), freeaddr.Find(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d kills", seed, *kills)
	random := rand.New(rand.NewPCG(seed, 0))
	server, err := client.New("http://"+addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	start := func() *process {
		return startReady(t, dir, "--addr", addr, "--data", "data", "--quiet", "--grace", "1s")
	}
	w := client.NewWorkflow{Name: "nightly", Tasks: map[string]client.Submit{}}
	for i := range tasks {
		one := client.Submit{TaskType: "SLEEP", Parameters: map[string]any{"seconds": 0}, DelaySeconds: 3600}
		if i%10 > 0 {
			one.DependsOn = []client.Dependency{{Task: fmt.Sprint("page-", i-1)}}
		}
		w.Tasks[fmt.Sprint("page-", i)] = one
	}
	p := start()
	for i := range *kills {
		made := make(chan string, 1)
		go func() {
			for t.Context().Err() == nil {
				if done, _, err := server.SubmitWorkflow(t.Context(), w, fmt.Sprint("night-", i)); err == nil {
					made <- done.ID
					return
				}
				time.Sleep(10 * time.Millisecond) // nobody is there
			}
		}()
		pause(random, 0, 200*time.Millisecond)
		if code, err := p.stop(syscall.SIGKILL, patience); err != nil || code != -1 {
			t.Fatalf("server ended by itself with exit code %d (%v):\n%s", code, err, p.stderr.String())
		}
		p = start()
		var id string
		select {
		case id = <-made:
		case <-time.After(patience):
			t.Fatal("the workflow was not submitted in time")
		}
		n, seen := 0, false
		for one, err := range server.Workflows(t.Context(), client.WorkflowFilter{}) {
			if err != nil {
				t.Fatal(err)
			}
			n, seen = n+1, seen || one.ID == id
			if one.TaskCount != tasks {
				t.Errorf("workflow %s has %d of %d tasks", one.ID, one.TaskCount, tasks)
			}
		}
		if n != i+1 || !seen {
			t.Errorf("%d workflows after %d were submitted; the latest is there: %t", n, i+1, seen)
		}
	}
	if v, err := server.Verify(t.Context()); err != nil || !v.OK {
		t.Errorf("verify: %+v, %v", v, err)
	}
}
