package client

import (
	"context"
	"iter"
)

// WorkflowUpdate is a workflow and what has changed in it since the update before.
type WorkflowUpdate struct {
	Workflow *Workflow // is changed by the next update; Raw may be older
	Changed  []*Task   // its tasks that have changed, in their order; of the first update, none
}

// WatchWorkflow goes through the states of a workflow as its tasks change, the present one first, the one in which it has ended last. States that
// follow each other fast may be left out. It reconnects when the connection is cut, also over restarts of the server, and ends after the first error: a
// *Problem with 404 when there is no such workflow, ctx's, ErrReset.
func (c *Client) WatchWorkflow(ctx context.Context, id string) iter.Seq2[WorkflowUpdate, error] {
	return func(yield func(WorkflowUpdate, error) bool) {
		w := workflowWatch{client: c, id: id}
		err := w.load(ctx, 0)
		if err != nil {
			yield(WorkflowUpdate{}, err)
			return
		}
		if !yield(WorkflowUpdate{Workflow: &w.now}, nil) || w.now.Status.Ended() {
			return
		}
		for update, err := range c.WatchAll(ctx, w.seq) {
			var changed []*Task
			if err == nil {
				changed, err = w.apply(ctx, &update)
			}
			if err != nil {
				yield(WorkflowUpdate{}, err)
				return
			}
			if changed == nil {
				continue
			}
			if !yield(WorkflowUpdate{&w.now, changed}, nil) || w.now.Status.Ended() {
				return
			}
		}
	}
}

// workflowWatch is a workflow that is followed.
type workflowWatch struct {
	client *Client
	id     string
	now    Workflow
	seq    int64          // changes up to here are in it
	at     map[string]int // places of its tasks, by id
}

// load asks for the whole workflow as it is after seq.
func (w *workflowWatch) load(ctx context.Context, seq int64) error {
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		var now Workflow
		var at int64
		err := w.client.persist(ctx, w.seq > 0, func() (err error) {
			now, at, err = w.client.workflowNow(ctx, w.id)
			return err
		})
		if err != nil {
			return err
		}
		if at >= seq {
			w.now, w.seq, w.at = now, at, make(map[string]int, len(now.Tasks))
			for i := range now.Tasks {
				w.at[now.Tasks[i].ID] = i
			}
			return nil
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// apply makes the workflow what an update says, and returns the tasks that have changed; nil = nothing has, an empty list = only the workflow itself.
func (w *workflowWatch) apply(ctx context.Context, u *Update) (changed []*Task, err error) {
	whole, own := int64(0), u.Truncated
	for i := range u.Rows {
		if u.Rows[i].ID == w.now.ID {
			whole, own = u.Rows[i].LastSeq, true
		}
	}
	if own {
		before := w.now.Tasks
		if err := w.load(ctx, whole); err != nil {
			return nil, err
		}
		changed = []*Task{}
		for i := range w.now.Tasks {
			if i >= len(before) || before[i].LastSeq != w.now.Tasks[i].LastSeq {
				changed = append(changed, &w.now.Tasks[i])
			}
		}
		return changed, nil
	}
	for i := range u.Rows {
		row := &u.Rows[i]
		place, is := w.at[row.ID]
		if !is || row.LastSeq <= w.now.Tasks[place].LastSeq {
			continue
		}
		w.now.Counts[w.now.Tasks[place].Status]--
		w.now.Counts[row.Status]++
		w.now.Tasks[place] = *row
		changed = append(changed, &w.now.Tasks[place])
	}
	return changed, nil
}
