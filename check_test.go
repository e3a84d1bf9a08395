package daybook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"daybook"
	"daybook/eventlog"
	"daybook/eventlog/sqlitelog"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

// TestDamageFarBackInALongLogStopsWritesAndNotReads opens a log that is too long to be
// checked whole at the start and in which a byte of an early event was changed.
func TestDamageFarBackInALongLogStopsWritesAndNotReads(t *testing.T) {
	dir := t.TempDir()
	ctx := t.Context()
	quiet := slog.New(slog.DiscardHandler)
	writeLong(t, dir)
	d, err := daybook.Open(ctx, daybook.Options{Data: dir, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil { // from now on a start does not read the log from its beginning
		t.Fatal(err)
	}
	flip(t, dir, `{"version":"77"}`)

	if d, err = daybook.Open(ctx, daybook.Options{Data: dir, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	over := make(chan error, 1)
	go func() { over <- d.Run(running) }()
	submit := task.Submit{Type: "SLEEP", Parameters: []byte(`{"seconds":0}`)}
	var done []scheduler.Submitted
	for err == nil { // until the check has come to it
		var some []scheduler.Submitted
		if some, err = d.Submit(ctx, submit); err == nil {
			done = append(done, some...)
		}
	}
	if !errors.Is(err, eventlog.ErrDamaged) {
		t.Fatal(err)
	}
	if page, err := d.Views().List(ctx, projection.Query{Limit: 10}); err != nil || int(page.Total) != len(done) {
		t.Fatalf("%d tasks are listed, %d were submitted: %v", page.Total, len(done), err)
	}
	stop()
	if err := errors.Join(<-over, d.Close()); err != nil {
		t.Fatal(err)
	}
}

// writeLong writes a log that is just too long to be checked at the start.
func writeLong(t *testing.T, dir string) {
	log, err := sqlitelog.Open(t.Context(), sqlitelog.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	const batch = 5000
	for n := 0; n <= projection.CheckedAtStart; {
		entry := eventlog.Entry{}
		for range batch {
			n++
			entry.Events = append(entry.Events, &eventlog.Event{
				At: int64(n), Stream: "server:one", Version: int64(n), Type: "server.started", V: 1,
				Actor: "system:scheduler", Data: fmt.Appendf(nil, `{"version":"%d"}`, n),
			})
		}
		if r := log.Append(t.Context(), []eventlog.Entry{entry}); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

// flip changes one byte of the text where the log's file has it.
func flip(t *testing.T, dir, text string) {
	path := filepath.Join(dir, "log-00000000000000000001.db")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(file, []byte(text))
	if at < 0 {
		t.Fatal("the log does not hold the text")
	}
	file[at+len(text)-3] ^= 1
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
}
