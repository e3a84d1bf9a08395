package api

import (
	"daybook/internal/jsontext"
	"daybook/task"
)

// followedQueues is what one stream has of the queues of which a task has become due since its latest message of an event.
type followedQueues struct {
	api   *API
	seq   int64 // of that message
	asked bool  // the client was told to fetch the list, as what has changed after seq is not known
	told  map[string]queueDue
}

// queueDue is what time changes of a queue. Seconds that only grow are not in it.
type queueDue struct {
	ready  int64
	oldest task.Micros // since when the task has been ready that has been so for longest; 0 = none is
}

func (a *API) followQueues() idleView { return &followedQueues{api: a} }

// writeIdle looks only at queues of which a task has moved since the seq: none, as a rule.
func (f *followedQueues) writeIdle(w *jsontext.Writer, seq int64) {
	if f.seq != seq {
		*f = followedQueues{api: f.api, seq: seq}
	}
	names, known := f.api.Views.ChangedQueues(seq)
	rows := changedRows{w: w, name: "queues", truncated: !known && !f.asked}
	defer rows.end()
	f.asked = !known
	var changed []string
	for _, name := range names {
		var now queueDue
		if now.ready, now.oldest = f.api.Views.QueueReady(name); now == f.told[name] {
			continue
		}
		if f.told == nil {
			f.told = make(map[string]queueDue)
		}
		f.told[name] = now
		changed = append(changed, name)
	}
	_ = rows.addNamed(changed, func(name string) rowWriter {
		return func(w *jsontext.Writer) error { f.api.writeQueue(f.api.stopping, w, name); return nil }
	})
}
