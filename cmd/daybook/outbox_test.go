package main

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/client"
	"daybook/internal/freeaddr"

	_ "github.com/mattn/go-sqlite3"
)

// A program commits and rolls back while the relay and the server are killed: what was committed becomes one task each, in order.
func TestOutboxLosesNothingWhoeverIsKilled(t *testing.T) {
	dir, addr := t.TempDir(), freeaddr.Find(t)
	serve := func() *process {
		p, err := startServer(dir, os.Environ(), "--addr", addr, "--data", "data", "--quiet", "--grace", "1s")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
		return p
	}
	server := serve()
	if err := server.ready(patience); err != nil {
		t.Fatal(err)
	}
	schema, err := exec.Command("daybook", "outbox", "--schema", "sqlite").Output()
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "app.db")+"?_journal_mode=WAL&_busy_timeout=120000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(string(schema)); err != nil {
		t.Fatal(err)
	}
	relay := func() *process {
		p, err := startCommand(exec.Command("daybook", "outbox", "--from", "sqlite:app.db", "--server", "http://"+addr, "--interval", "1ms"), dir, os.Environ())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
		return p
	}
	running := relay()
	const orders = 400
	var want []string
	for i := range orders {
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		subject := fmt.Sprint("order ", i)
		if _, err := tx.Exec("INSERT INTO daybook_outbox (task) VALUES (json_object('task_type', 'SLEEP', 'parameters', json('{\"seconds\":0}'), 'subject', ?))", subject); err != nil {
			t.Fatal(err)
		}
		if i%7 == 3 {
			err = tx.Rollback()
		} else {
			want, err = append(want, subject), tx.Commit()
		}
		if err != nil {
			t.Fatal(err)
		}
		if i%40 == 20 {
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
			_ = running.cmd.Process.Kill()
			<-running.done
			running = relay()
		}
		if i%150 == 100 {
			_ = server.cmd.Process.Kill()
			<-server.done
			server = serve()
			if err := server.ready(patience); err != nil {
				t.Fatal(err)
			}
		}
	}
	for left := 1; left > 0; time.Sleep(10 * time.Millisecond) {
		if err := db.QueryRow("SELECT count(*) FROM daybook_outbox").Scan(&left); err != nil {
			t.Fatal(err)
		}
		if running.ended() {
			t.Fatal(running.stderr.String())
		}
	}
	c, err := client.New("http://"+addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for task, err := range c.List(t.Context(), client.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, *task.Subject)
	}
	slices.Reverse(got) // newest first
	if !slices.Equal(got, want) {
		t.Errorf("%d tasks, want %d in order:\n%s", len(got), len(want), strings.Join(got, " "))
	}
}

// The examples add a row and a task together, and one that fails adds neither.
func TestOutboxExamples(t *testing.T) {
	server, err := startServer(t.TempDir(), os.Environ(), "--addr", "127.0.0.1:0", "--data", "data", "--quiet")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.cmd.Process.Kill(); <-server.done })
	if err := server.ready(patience); err != nil {
		t.Fatal(err)
	}
	for name, command := range map[string][]string{
		"Python": {"python3", "../../examples/outbox/app.py"},
		"Go":     {"go", "run", "../../examples/outbox"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "shop.db")
			if out, err := exec.Command(command[0], append(command[1:], path)...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if out, err := exec.Command("daybook", "outbox", "--from", "sqlite:"+path, "--once", "--server", server.url).CombinedOutput(); err != nil || !strings.Contains(string(out), "2 tasks were submitted, 0 are refused") {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}
