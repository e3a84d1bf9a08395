package daybook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"daybook"
	"daybook/cluster"
	"daybook/internal/foreignnats"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// awaitText waits until the logs of tasks in a folder have a text, or have it no more.
func awaitText(t *testing.T, dir, text string, there bool) {
	t.Helper()
	for {
		names, err := filepath.Glob(filepath.Join(dir, "tasklogs.db*"))
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		found := false
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			found = found || bytes.Contains(content, []byte(text))
		}
		if found == there {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// purge deletes all messages of a stream.
func purge(t *testing.T, url, name string) {
	t.Helper()
	c, err := natsgo.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A node was away when a task was erased, for longer than the others keep the word of that. When it is back it erases the lines that it has.
func TestANodeThatWasAwayErasesTheLogsOfErasedTasks(t *testing.T) {
	started := foreignnats.Start(t, server.Options{JetStream: true})
	dirs := map[string]string{"a": t.TempDir(), "b": t.TempDir()}
	start := func(name string) *daybook.Daybook {
		d, err := daybook.Open(t.Context(), daybook.Options{Data: dirs[name], Grace: 1, Logger: slog.New(slog.DiscardHandler),
			Cluster: &cluster.Options{Node: name, NATS: &cluster.NATS{URLs: []string{started.ClientURL()}, Replicas: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() }) // it may be closed
		go func() { _ = d.Run(context.WithoutCancel(t.Context())) }()
		return d
	}
	a, b := start("a"), start("b")
	post := func(path, body string, into any) {
		t.Helper()
		code, text := call(a, http.MethodPost, path, body)
		if code != http.StatusOK || into != nil && json.Unmarshal([]byte(text), into) != nil {
			t.Fatal(path, code, text)
		}
	}
	var leased struct {
		Leases []struct {
			Token string
			Task  struct{ ID string }
		}
	}
	post("/api/leases", `{"worker":"w","task_types":["ext"],"max":1}`, nil) // the type is known
	post("/api/tasks/submit", `{"task_type":"ext"}`, nil)
	post("/api/leases", `{"worker":"w","task_types":["ext"],"max":1}`, &leased)
	at := "/api/leases/" + leased.Leases[0].Token
	post(at+"/complete", `{"result":1,"log":[{"text":"Ada Lovelace"}]}`, nil)
	awaitText(t, dirs["b"], "Lovelace", true)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	post("/api/tasks/"+leased.Leases[0].Task.ID+"/erase", `{"reason":"so"}`, nil)
	awaitText(t, dirs["a"], "Lovelace", false)
	purge(t, started.ClientURL(), "daybook-daybook-lines")
	start("b")
	awaitText(t, dirs["b"], "Lovelace", false)
}
