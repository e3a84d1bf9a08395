package daybook_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"daybook"
	"daybook/cluster"
	"daybook/handler"
	"daybook/internal/foreignnats"

	"github.com/nats-io/nats-server/v2/server"
)

// onNATS runs a node whose log a NATS of others keeps. Its Run ends with what over gives.
func onNATS(t *testing.T, url, name string, types ...handler.Handler) (d *daybook.Daybook, over chan error) {
	t.Helper()
	d, err := openOnNATS(t, url, name)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range types {
		if err := d.Register(h); err != nil {
			t.Fatal(err)
		}
	}
	over = make(chan error, 1)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	go func() { over <- d.Run(context.WithoutCancel(t.Context())) }()
	return d, over
}

func openOnNATS(t *testing.T, url, name string) (*daybook.Daybook, error) {
	return daybook.Open(t.Context(), daybook.Options{Data: t.TempDir(), Grace: 1, Logger: slog.New(slog.DiscardHandler),
		Cluster: &cluster.Options{Node: name, NATS: &cluster.NATS{URLs: []string{url}, Replicas: 1}}})
}

// Nodes on a NATS that others operate find each other there: one leads, each answers writes, and another one leads when it ends.
func TestNodesOnANATSOfOthers(t *testing.T) {
	s := foreignnats.Start(t, server.Options{JetStream: true})
	nodes := map[string]*daybook.Daybook{}
	overs := map[string]chan error{}
	for _, name := range []string{"a", "b", "c"} {
		nodes[name], overs[name] = onNATS(t, s.ClientURL(), name)
	}
	ids := map[string]string{}
	submit := func() {
		for name, d := range nodes {
			code, body := call(d, http.MethodPost, "/api/tasks/submit", `{"task_type":"SLEEP","parameters":{"seconds":0.01}}`)
			var created struct{ ID string }
			if err := json.Unmarshal([]byte(body), &created); err != nil || code != http.StatusOK {
				t.Fatalf("submit at %s: %d %s", name, code, body)
			}
			ids[created.ID] = name
		}
	}
	submit()
	code, body := call(nodes["b"], http.MethodGet, "/api/cluster", "")
	var found cluster.Status
	if err := json.Unmarshal([]byte(body), &found); err != nil || code != http.StatusOK {
		t.Fatal(code, body, err)
	}
	if found.Leader == nil || !found.Leading || len(found.Nodes) != 3 || found.Stream == nil {
		t.Fatalf("the cluster is %s", body)
	}
	first := found.Leader.Node
	if err := nodes[first].Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-overs[first]; err != nil {
		t.Error(err)
	}
	delete(nodes, first)
	submit()
	for id, from := range ids {
		for name, d := range nodes {
			for {
				changed := d.Views().Changed()
				code, body := call(d, http.MethodGet, "/api/tasks/"+id, "")
				if code == http.StatusOK && strings.Contains(body, `"status":"SUCCESS"`) {
					break
				}
				if code != http.StatusOK || strings.Contains(body, `"status":"FAILED"`) {
					t.Fatalf("task %s, submitted at %s, is %s at %s", id, from, body, name)
				}
				<-changed
			}
		}
	}
	var name string
	for name = range nodes {
	}
	twin, err := openOnNATS(t, s.ClientURL(), name) // on a slow machine it is told already here
	if err == nil {
		err = errors.Join(twin.Run(t.Context()), twin.Close())
	}
	if !errors.Is(err, cluster.ErrTwin) {
		t.Errorf("a second node %s ends with %v", name, err)
	}
}
