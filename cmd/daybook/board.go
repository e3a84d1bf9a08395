package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"daybook/client"
)

// boardHead is how many lines stand above the list, and below it for the cursor.
const boardHead = 3

// board is the live list on a terminal, as long as that is high: what runs, then the newest
// of the rest.
type board struct {
	s      *stdio
	server *client.Client
	rows   []client.Task // in the order in which they are shown
}

func newBoard(s *stdio, server *client.Client) *board { return &board{s: s, server: server} }

// run shows the list and keeps it true until ctx ends.
func (b *board) run(ctx context.Context) error {
	seq, err := b.fetch(ctx)
	if err != nil {
		return err
	}
	fmt.Fprint(b.s.out, "\x1b[?1049h\x1b[?25l\x1b[?7l") // the other screen, without a cursor; long lines are cut
	defer fmt.Fprint(b.s.out, "\x1b[?7h\x1b[?25h\x1b[?1049l")
	b.draw()
	fetched := time.Now()
	for update, err := range b.server.WatchAll(ctx, seq) {
		if err != nil {
			return err
		}
		if update.Truncated && time.Since(fetched) > time.Second {
			if _, err := b.fetch(ctx); err != nil {
				return err
			}
			fetched = time.Now()
		}
		b.merge(update.Rows)
		b.draw()
	}
	return nil
}

// room is how many tasks the list has place for.
func (b *board) room() int {
	_, lines := b.s.size()
	return max(lines-boardHead, 1)
}

// fetch takes what runs and the newest tasks from the server.
func (b *board) fetch(ctx context.Context) (seq int64, err error) {
	filter := client.Filter{Limit: min(b.room(), 1000), Summary: true}
	newest, err := b.server.ListPage(ctx, filter)
	if err != nil {
		return 0, err
	}
	filter.Statuses = []client.Status{client.Running}
	running, err := b.server.ListPage(ctx, filter)
	if err != nil {
		return 0, err
	}
	b.rows = newest.Tasks
	b.merge(running.Tasks)
	return newest.Seq, nil
}

// merge puts changed rows in their places; a row that is older than the one shown is
// left out.
func (b *board) merge(changed []client.Task) {
	for _, t := range changed {
		at := slices.IndexFunc(b.rows, func(have client.Task) bool { return have.ID == t.ID })
		switch {
		case at < 0:
			b.rows = append(b.rows, t)
		case b.rows[at].Version < t.Version:
			b.rows[at] = t
		}
	}
	rank := func(t *client.Task) int {
		if t.Status == client.Running {
			return 0
		}
		return 1
	}
	slices.SortFunc(b.rows, func(x, y client.Task) int {
		return cmp.Or(cmp.Compare(rank(&x), rank(&y)), strings.Compare(y.ID, x.ID))
	})
	b.rows = b.rows[:min(len(b.rows), b.room())]
}

func (b *board) draw() {
	var screen strings.Builder
	screen.WriteString("\x1b[H")
	fmt.Fprintf(&screen, "%s  %s\x1b[K\n\x1b[K\n", b.s.bold("Daybook"), b.s.dim(b.server.URL()+"   Ctrl-C ends"))
	now := time.Now()
	for i := range b.rows {
		screen.WriteString(b.s.row(&b.rows[i], now) + "\x1b[K\n")
	}
	screen.WriteString("\x1b[J")
	fmt.Fprint(b.s.out, screen.String())
}
