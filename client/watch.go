package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"time"
)

// Wait waits until the task has ended and returns it, also over restarts of the server.
// With an error it returns the latest state it has seen.
func (c *Client) Wait(ctx context.Context, id string) (Task, error) {
	var last Task
	for t, err := range c.Watch(ctx, id) {
		if err != nil {
			return last, err
		}
		last = t
	}
	return last, nil
}

// Watch goes through the states of one task as it changes, the present one first, the one
// in which it has ended last. States that follow each other fast may be left out. It ends
// after the first error: a *Problem with 404 when there is no such task, ctx's, ErrReset.
func (c *Client) Watch(ctx context.Context, id string) iter.Seq2[Task, error] {
	return func(yield func(Task, error) bool) {
		t, err := c.getNow(ctx, id, false)
		if err != nil {
			yield(Task{}, err)
			return
		}
		if !yield(t, nil) || t.Status.Ended() {
			return
		}
		q := FollowQuery{After: t.LastSeq, Streams: []string{"task:" + t.ID}}
		for e, err := range c.Follow(ctx, q) {
			if err == nil && e.Seq <= t.LastSeq {
				continue // the state we have is newer than this event
			}
			if err == nil {
				t, err = c.getAfter(ctx, id, e.Seq)
			}
			if err != nil {
				yield(Task{}, err)
				return
			}
			if !yield(t, nil) || t.Status.Ended() {
				return
			}
		}
	}
}

// getAfter returns the task as it is after one of its events. An answer may be older than
// the event that the stream has sent; then it asks again.
func (c *Client) getAfter(ctx context.Context, id string, seq int64) (Task, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, longestPause) {
		t, err := c.getNow(ctx, id, true)
		if err != nil || t.LastSeq >= seq {
			return t, err
		}
		if err := sleep(ctx, pause); err != nil {
			return t, err
		}
	}
}

// getNow returns the task from a server that answers. One that is asked in place of another may not know the task yet: then it is
// asked again for a while.
func (c *Client) getNow(ctx context.Context, id string, reached bool) (t Task, err error) {
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		err = c.persist(ctx, reached, func() (err error) {
			t, err = c.Get(ctx, id)
			return err
		})
		if StatusOf(err) != http.StatusNotFound || !c.servers.isNew() || sleep(ctx, pause) != nil {
			return t, err
		}
	}
}

// Update is what has changed on a server since the update before.
type Update struct {
	Seq  int64  `json:"seq"`
	Rows []Task `json:"rows"` // the tasks that changed, as they now are
	// Truncated means that more changed than Rows has: list what you show again.
	Truncated bool `json:"truncated"`
	// CountsChanged are the counts that have changed, zeros too.
	CountsChanged []Count `json:"counts_changed"`
}

// WatchAll goes through what changes on the server after a position (Page.Seq of the list
// that is shown, or Head). It reconnects when the connection is cut.
// It ends when ctx does, or after an error that a new connection cannot fix.
func (c *Client) WatchAll(ctx context.Context, after int64) iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		s := &stream{client: c, path: "/api/stream", after: after}
		err := s.run(ctx, func(m message) bool {
			var u Update
			if json.Unmarshal(m.data, &u) != nil || u.Seq == 0 || u.Rows == nil {
				return true
			}
			return yield(u, nil)
		})
		if err != nil {
			yield(Update{}, err)
		}
	}
}
