package api

import (
	"context"
	"net/http"
	"slices"

	"daybook/task"
)

// history answers GET /api/tasks/{id}/events.
func (a *API) history(p *reply, r *http.Request) error {
	q, err := queryOf(r, "after", "limit", "progress", "payload", "format")
	if err != nil {
		return err
	}
	want := reading{
		after:   q.integer("after", 0, 0, 1<<62),
		limit:   int(q.integer("limit", 0, 1, mostEvents)),
		payload: q.payloads(),
		format:  formatOf(r, q, asJSON, asNDJSON),
	}
	lastOnly := q.choice("progress", "all", "last") == "last"
	if err := q.err(); err != nil {
		return err
	}
	id, err := idOf(p)
	if err != nil {
		return err
	}
	path := "/api/tasks/" + id.String() + "/events"
	if want.limit > 0 {
		if err := q.checkLink(p, path, "after", longestSeq, "leave out limit"); err != nil {
			return err
		}
	}
	if err := a.sees(p, r, id); err != nil {
		return err
	}
	ctx := r.Context()
	seq := a.Views.Seq()
	seqs, err := a.Views.History(ctx, id)
	if err != nil {
		return err
	}
	seq = max(seq, seqs[len(seqs)-1])
	from, _ := slices.BinarySearch(seqs, want.after+1)
	if seqs = seqs[from:]; lastOnly {
		if seqs, err = a.latestProgress(ctx, seqs); err != nil {
			return err
		}
	}
	p.shows(seq)
	p.Header()["Vary"] = []string{"Accept"}
	if want.limit > 0 && len(seqs) > want.limit {
		seqs = seqs[:want.limit]
		p.Header()["Link"] = []string{q.next(p, path, "after", itoa(seqs[len(seqs)-1]))}
	}
	return a.writeEvents(ctx, p, &want, seqs)
}

// writeEvents answers with the events that have these seqs.
func (a *API) writeEvents(ctx context.Context, p *reply, want *reading, seqs []int64) error {
	out := p.long(contentTypes[want.format])
	defer out.close()
	w := eventWriter{api: a, out: out, want: want}
	for some := range slices.Chunk(seqs, eventPage) {
		events, err := a.Log.Events(ctx, some)
		if err != nil {
			return err
		}
		if err := w.write(ctx, events); err != nil {
			return err
		}
	}
	return w.end()
}

// latestProgress removes every progress report that a later one of the same attempt follows.
func (a *API) latestProgress(ctx context.Context, seqs []int64) ([]int64, error) {
	started, progressed := task.EventStarted.String(), task.EventProgressed.String()
	var kept []int64 // from the latest to the first
	reported := false
	for end := len(seqs); end > 0; {
		from := max(0, end-eventPage)
		events, err := a.Log.Events(ctx, seqs[from:end])
		if err != nil {
			return nil, err
		}
		for _, e := range slices.Backward(events) {
			switch e.Type {
			case started:
				reported = false
			case progressed:
				if reported {
					continue
				}
				reported = true
			}
			kept = append(kept, e.Seq)
		}
		end = from
	}
	slices.Reverse(kept)
	return kept, nil
}
