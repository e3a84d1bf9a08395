package api

import (
	"context"
	"strconv"
	"time"

	"daybook/intake"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

// moment is what a read answers from: the views as they are, or as an earlier event left them.
type moment struct {
	api     *API
	views   *projection.Views
	wall    task.Micros // the clock that it goes by
	past    bool
	erased  bool // tasks were erased since
	release func()
}

// now reads the views as they are.
func (a *API) now() *moment {
	return &moment{api: a, views: a.Views, wall: task.MicrosOf(time.Now()), release: func() {}}
}

// moment reads the parameter at: the seq of an event, or a time; now without it. Call release.
func (a *API) moment(ctx context.Context, q *query) (*moment, error) {
	text := q.text("at")
	if text == "" {
		return a.now(), nil
	}
	seq, wall, err := a.momentOf(ctx, q, text)
	if err != nil {
		return nil, err
	}
	views, release, err := a.Past.At(ctx, seq, wall)
	if err != nil {
		return nil, err
	}
	asked, _ := a.Views.Erasures()
	return &moment{api: a, views: views, wall: wall, past: true, erased: asked > seq, release: release}, nil
}

// momentOf returns the last event of a moment, and its time.
func (a *API) momentOf(ctx context.Context, q *query, text string) (seq int64, wall task.Micros, err error) {
	head := a.Views.Seq()
	if seq, err = strconv.ParseInt(text, 10, 64); err == nil {
		switch {
		case seq >= 0 && seq <= head:
			wall, err = a.Past.TimeOf(ctx, seq)
			return seq, wall, err
		case a.lags():
			return 0, 0, errBehind
		}
		q.wrong("at", "must be the seq of an event: between 0 and "+itoa(head)+", the last one now")
		return 0, 0, q.err()
	}
	wall, ok := intake.ParseTime(text)
	if !ok || wall > task.MicrosOf(time.Now()) {
		q.wrong("at", "must be the seq of an event, or a time up to now like 2026-11-24T12:00:00Z"+lostPlus(text))
		return 0, 0, q.err()
	}
	seq, err = a.Past.SeqAt(ctx, wall)
	return min(seq, head), wall, err
}

// waitingFor is why a task waits, or waited.
func (m *moment) waitingFor(t *task.Task) *scheduler.Waiting {
	if m.past {
		return m.api.sched().WaitedFor(t, m.views, m.wall)
	}
	return m.api.sched().WaitingFor(t)
}

// hideErased makes tasks of the past that were erased since show no more than they do now.
func (m *moment) hideErased(ctx context.Context, tasks []task.Task) error {
	if !m.erased {
		return nil
	}
	for i := range tasks {
		now, _, err := m.api.Views.Get(ctx, tasks[i].ID)
		if err != nil {
			return err
		}
		if now.Erased {
			tasks[i].Forget()
		}
	}
	return nil
}
