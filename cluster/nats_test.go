package cluster

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"daybook/eventlog/natslog"
	"daybook/eventlog/sqlitelog"
	"daybook/internal/foreignnats"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// heardLines are what a node logs.
type heardLines struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *heardLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *heardLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// openOn opens a node on a NATS of others, and its log.
func openOn(t *testing.T, o NATS) (said string, err error) {
	t.Helper()
	lines := &heardLines{}
	n, err := Open(Options{Node: "a", NATS: &o, Data: t.TempDir(), Logger: slog.New(slog.NewTextHandler(lines, nil))})
	if err != nil {
		return lines.String(), err
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	log, err := n.Log(ctx, sqlitelog.Options{Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = log.Close()
	}
	return lines.String(), errors.Join(err, n.Close())
}

func TestANATSThatCannotKeepTheLogIsNamed(t *testing.T) {
	wrongCreds := filepath.Join(t.TempDir(), "creds")
	if err := os.WriteFile(wrongCreds, []byte("no credentials"), 0o600); err != nil {
		t.Fatal(err)
	}
	user := func(allowed ...string) []*server.User {
		p := &server.SubjectPermission{Allow: allowed}
		return []*server.User{{Username: "u", Password: "secret-word", Permissions: &server.Permissions{Publish: p, Subscribe: p}}}
	}
	as := func(url, login string) string { return strings.Replace(url, "//", "//"+login+"@", 1) }
	for name, c := range map[string]struct {
		server   server.Options
		creds    string
		login    string
		replicas int
		want     string
	}{
		"without JetStream":          {replicas: 1, want: "it runs without JetStream: set jetstream"},
		"no user":                    {server: server.Options{JetStream: true, Username: "u", Password: "secret-word"}, replicas: 1, want: "it refuses the user"},
		"another password":           {server: server.Options{JetStream: true, Username: "u", Password: "secret-word"}, login: "u:other-word", replicas: 1, want: "--nats-creds"},
		"no credentials in the file": {server: server.Options{JetStream: true}, creds: wrongCreds, replicas: 1, want: "the file of --nats-creds cannot be read"},
		"no permission for streams":  {server: server.Options{JetStream: true, Users: user("_INBOX.>", "daybook.daybook.>")}, login: "u:secret-word", replicas: 1, want: "its user may not use the subject $JS.API.STREAM.INFO"},
		"no permission for answers":  {server: server.Options{JetStream: true, Users: user("$JS.>", "daybook.daybook.>")}, login: "u:secret-word", replicas: 1, want: "its user may not use the subject _INBOX."},
		"small messages":             {server: server.Options{JetStream: true, MaxPayload: 64 << 10}, replicas: 1, want: "set max_payload to 1MB or more"},
		"one server, three replicas": {server: server.Options{JetStream: true}, replicas: 3, want: "start with --replicas 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := foreignnats.Start(t, c.server).ClientURL()
			if c.login != "" {
				url = as(url, c.login)
			}
			said, err := openOn(t, NATS{URLs: []string{url}, Creds: c.creds, Replicas: c.replicas})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if strings.Contains(said+err.Error(), "-word") {
				t.Errorf("a password is said: %s, %v", said, err)
			}
		})
	}
	if err := natsFault("2.11.9", 1<<20); err == nil || !strings.Contains(err.Error(), "upgrade its servers to 2.12") {
		t.Error(err)
	}
	for _, version := range []string{"2.12.0", "2.13.1-RC.2", "3.0.0"} {
		if err := natsFault(version, 1<<20); err != nil {
			t.Error(version, err)
		}
	}
}

// Streams that somebody has made with one replica by mistake are refused.
func TestAStreamWithFewerReplicasIsRefused(t *testing.T) {
	url := foreignnats.Start(t, server.Options{JetStream: true}).ClientURL()
	said, err := openOn(t, NATS{URLs: []string{url}, Replicas: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"set sync_interval: always", "--replicas 1"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q: %s", want, said)
		}
	}
	if _, err = openOn(t, NATS{URLs: []string{url}, Replicas: 3}); !errors.Is(err, natslog.ErrStream) || !strings.Contains(err.Error(), "it has 1 replicas, not 3: raise it with `nats stream edit --replicas 3`") {
		t.Error(err)
	}
	c, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	b := bucket{n: &Node{o: Options{NATS: &NATS{Replicas: 1}}, stream: js}}
	if _, err = b.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	b = bucket{n: &Node{o: Options{NATS: &NATS{Replicas: 3}}, stream: js}}
	if _, err = b.open(t.Context()); err == nil || !strings.Contains(err.Error(), "nats stream edit OBJ_daybook-daybook-files --replicas 3") {
		t.Error(err)
	}
}

func TestOptionsOfANATS(t *testing.T) {
	for want, o := range map[string]Options{
		"":                           {Node: "a", NATS: &NATS{URLs: []string{"nats://h:4222", "tls://u:p@h"}, Replicas: 3}},
		"name of this node":          {NATS: &NATS{URLs: []string{"nats://h:4222"}, Replicas: 3}},
		"3 or 5 replicas":            {Node: "a", NATS: &NATS{URLs: []string{"nats://h:4222"}, Replicas: 2}},
		"must be nats://":            {Node: "a", NATS: &NATS{URLs: []string{"secret:word@h"}, Replicas: 3}},
		"a list of nodes and a NATS": {Node: "a", Members: []Member{{"a", "h:1"}}, NATS: &NATS{URLs: []string{"nats://h:4222"}, Replicas: 3}},
	} {
		err := o.Check()
		if want == "" && err != nil || want != "" && (!errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "word") {
			t.Errorf("a password is said: %v", err)
		}
	}
}
