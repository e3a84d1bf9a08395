package natslog_test

import (
	"errors"
	"strings"
	"testing"

	"daybook/eventlog"
	"daybook/internal/foreignnats"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// existing starts a NATS server that is not one of this project, and connects to it.
func existing(t *testing.T, o server.Options) jetstream.JetStream {
	t.Helper()
	c, err := nats.Connect(foreignnats.Start(t, o).ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestNATSWithoutJetStreamIsNamed(t *testing.T) {
	const want = "without JetStream"
	js := existing(t, server.Options{})
	if err := settled(want, func() error { return tryOpen(t, js, t.TempDir()) }); !errors.Is(err, eventlog.ErrUnavailable) || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
}

// The usual limit of a message is 1 MiB; a smaller one takes more messages.
func TestSmallMessagesAreEnough(t *testing.T) {
	for name, most := range map[string]int32{"1 MiB": 0, "16 KiB": 16 << 10} {
		t.Run(name, func(t *testing.T) {
			js := existing(t, server.Options{JetStream: true, MaxPayload: most})
			log := open(t, js, t.TempDir())
			large := entry("large", noise(2_000_000))
			for range 3 {
				more := entry("more", "").Events[0]
				more.Data = []byte(`{"noise":"` + noise(1_000_000) + `"}`)
				large.Events = append(large.Events, more)
			}
			if r := log.Append(t.Context(), []eventlog.Entry{large}); r[0].Err != nil {
				t.Fatal(r[0].Err)
			}
			appendAll(t, log, names("small", 100)...)
			wantSame(t, log, open(t, js, t.TempDir()))
			erase(t, log, 1, 50)
			wantSame(t, log, open(t, js, t.TempDir()))
			wantReplacedDeleted(t, js, log)
		})
	}
}
