package sqlitelog

import (
	"log/slog"
	"os"
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	goleak.VerifyTestMain(m)
}

// quiet is for tests that make a log fail on purpose.
var quiet = slog.New(slog.DiscardHandler)

// open opens the log in o.Dir and closes it when the test ends, if it is not closed by then.
func open(t *testing.T, o Options) *Log {
	t.Helper()
	log, err := Open(t.Context(), o)
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

func TestTheLogPassesTheSuite(t *testing.T) {
	for name, o := range map[string]Options{"with a ring": {}, "with a ring of three": {RingEvents: 3}} {
		t.Run(name, func(t *testing.T) {
			eventlogtest.Run(t, func(t *testing.T) (eventlog.Log, func() eventlog.Log) {
				o.Dir = t.TempDir()
				log := open(t, o)
				return log, func() eventlog.Log {
					if err := log.Close(); err != nil {
						t.Fatal(err)
					}
					log = open(t, o)
					return log
				}
			})
		})
	}
}
