package daybook_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"daybook"
	"daybook/handler"
	"daybook/projection"
	"daybook/task"
)

// killerEnv names the folder that a program which a test starts shall run a queue in.
const killerEnv = "DAYBOOK_TEST_KILLER"

// TestAProgramThatIsKilledByATask is the program: it has a type KILL that ends the process
// in a way that parameters name. It says on its output when all tasks have ended.
func TestAProgramThatIsKilledByATask(t *testing.T) {
	dir := os.Getenv(killerEnv)
	if dir == "" {
		return // only a part of the test below
	}
	kill := handle{"KILL", func(_ context.Context, call handler.Call) (any, error) {
		var p struct{ How string }
		if err := json.Unmarshal(call.Parameters, &p); err != nil {
			return nil, err
		}
		switch p.How {
		case "exit":
			os.Exit(3)
		case "panic": // in a goroutine of its own, where nobody can recover for it
			go panic("in a goroutine of the handler")
		}
		select {}
	}}
	d, err := daybook.Open(t.Context(), daybook.Options{Data: dir, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Register(kill); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- d.Run(ctx) }()
	page, err := d.Views().List(ctx, projection.Query{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	if page.Total == 0 {
		var submits []task.Submit
		for i := range 6 {
			s := task.Submit{Type: "SLEEP", MaxAttempts: 1, Parameters: []byte(`{"seconds":3}`)}
			if i == 2 {
				s = task.Submit{Type: "KILL", MaxAttempts: 1000, Parameters: fmt.Appendf(nil, `{"How":%q}`, os.Getenv(killerEnv+"_HOW"))}
			}
			submits = append(submits, s)
		}
		if _, err := d.Submit(ctx, submits...); err != nil {
			t.Fatal(err)
		}
	}
	for {
		changed := d.Views().Changed()
		page, err := d.Views().List(ctx, projection.Query{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		open := 0
		for _, row := range page.Tasks {
			if !row.Status.Ended() {
				open++
			}
		}
		if open == 0 && len(page.Tasks) > 0 {
			break
		}
		<-changed
	}
	stop()
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	fmt.Println("all have ended")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestATaskThatKillsTheProcessIsSetAsideAndItsNeighboursSucceed(t *testing.T) {
	for _, how := range []string{"exit", "panic"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			deaths := 0
			for !lived(t, dir, how) {
				if deaths++; deaths > 12 {
					t.Fatal("the process dies again and again")
				}
			}
			t.Logf("the process died %d times", deaths)
			d, _ := running(t, daybook.Options{Data: dir})
			page, err := d.Views().List(t.Context(), projection.Query{Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range page.Tasks {
				switch {
				case row.Type == "KILL":
					if got := errorMessage(t, d, row.Name()); row.Status != task.Failed || got != "its worker died 3 times" {
						t.Errorf("the killer is %s: %s", row.Status, got)
					}
				case row.Status != task.Success || row.Attempt != 1:
					t.Errorf("a neighbour is %s after %d attempts", row.Status, row.Attempt)
				}
			}
		})
	}
}

// lived runs the program in the folder once and returns whether it came to its end.
func lived(t *testing.T, dir, how string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	program := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestAProgramThatIsKilledByATask$", "-test.v")
	program.Env = append(os.Environ(), killerEnv+"="+dir, killerEnv+"_HOW="+how, "GOTRACEBACK=none")
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		ended = ended || strings.Contains(lines.Text(), "all have ended")
	}
	err = program.Wait()
	if ended && err != nil {
		t.Fatalf("the program came to its end and failed: %v", err)
	}
	return ended
}
