package natslog_test

import (
	"log/slog"
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/eventlog/natslog"
	"daybook/eventlog/sqlitelog"
	"daybook/internal/natsserver"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var quiet = slog.New(slog.DiscardHandler)

// lone starts a server that holds one replica of each stream, and connects to it.
func lone(t testing.TB) (*natsserver.Server, jetstream.JetStream) {
	t.Helper()
	s, err := natsserver.Start(natsserver.Options{Name: "a", Dir: t.TempDir(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s, connect(t, s)
}

func connect(t testing.TB, s *natsserver.Server) jetstream.JetStream {
	t.Helper()
	c, err := s.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return stream(t, c)
}

func stream(t testing.TB, c *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// open opens a replica in the folder and closes it when the test ends, if it is not closed by then.
func open(t testing.TB, js jetstream.JetStream, dir string) *natslog.Log {
	t.Helper()
	log, err := natslog.Open(t.Context(), sqlitelog.Options{Dir: dir, Logger: quiet}, natslog.Options{JetStream: js, Cluster: "test", Replicas: 1, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return log
}

// Each test of the suite opens the log again in the same folder, then in an empty one.
func TestTheLogPassesTheSuite(t *testing.T) {
	for name, fresh := range map[string]bool{"in the same folder": false, "in an empty folder": true} {
		t.Run(name, func(t *testing.T) {
			eventlogtest.Run(t, func(t *testing.T) (eventlog.Log, func() eventlog.Log) {
				_, js := lone(t)
				dir := t.TempDir()
				log := open(t, js, dir)
				return log, func() eventlog.Log {
					if err := log.Close(); err != nil {
						t.Fatal(err)
					}
					if fresh {
						dir = t.TempDir()
					}
					log = open(t, js, dir)
					return log
				}
			})
		})
	}
}
