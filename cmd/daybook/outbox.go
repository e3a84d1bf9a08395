package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"daybook/internal/outbox"
)

type outboxCmd struct {
	remote
	From     string        `env:"DAYBOOK_OUTBOX" placeholder:"URL" help:"The database with the outbox: sqlite:PATH or postgres://USER@HOST/DATABASE. With a password, set DAYBOOK_OUTBOX instead: others see the arguments of a process."`
	Table    string        `default:"daybook_outbox" placeholder:"NAME" help:"The table (${default})."`
	Interval time.Duration `default:"200ms" placeholder:"DURATION" help:"How often to look at an empty outbox (${default})."`
	Once     bool          `help:"End when the outbox is empty."`
	Schema   string        `enum:",sqlite,postgres" default:"" placeholder:"DATABASE" help:"Print the SQL that makes the table, for sqlite or postgres, and end."`
}

func (outboxCmd) Help() string {
	return `Submits the tasks that a program has left in a table of its own database, in
order, and deletes their rows. The program adds a row in the transaction of its
change, so the task is submitted if and only if the change is committed: once,
wherever the program, this command or the server is killed.

A task that the server refuses for good stays in the table, and its column
"refused" says why. Correct the task and set "refused" to NULL to have it
submitted. The exit code is 1 if tasks were refused.

Examples:

    daybook outbox --schema sqlite | sqlite3 app.db
    daybook outbox --from sqlite:app.db
    DAYBOOK_OUTBOX=postgres://app:secret@db/app daybook outbox`
}

// AfterApply checks what the flags' types do not.
func (c *outboxCmd) AfterApply() error {
	if c.Interval < time.Millisecond {
		return fmt.Errorf("--interval must be 1ms or more")
	}
	if c.Schema == "" && c.From == "" {
		return fmt.Errorf("--from names the database with the outbox: sqlite:PATH or postgres://USER@HOST/DATABASE")
	}
	return nil
}

func (c *outboxCmd) Run(ctx context.Context, s *stdio) error {
	if c.Schema != "" {
		text, err := outbox.Schema(c.Schema)
		if err == nil {
			_, err = fmt.Fprint(s.out, text)
		}
		return err
	}
	server, err := c.connect(s)
	if err != nil {
		return err
	}
	relay := outbox.Relay{Server: server, From: c.From, Table: c.Table, Interval: c.Interval, Once: c.Once,
		Logger: slog.New(slog.NewTextHandler(s.err, nil))}
	submitted, refused, err := relay.Run(ctx)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	switch {
	case err != nil && submitted+refused == 0: // the error says all
	case c.JSON:
		fmt.Fprintf(s.out, "{\"submitted\":%d,\"refused\":%d}\n", submitted, refused)
	default:
		fmt.Fprintf(s.out, "%d tasks were submitted, %d are refused\n", submitted, refused)
	}
	if err == nil && refused > 0 {
		return fmt.Errorf("%d tasks are refused: their rows say why in the column \"refused\"", refused)
	}
	return err
}
