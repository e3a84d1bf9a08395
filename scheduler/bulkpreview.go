package scheduler

import (
	"context"
	"fmt"
	"time"

	"daybook/projection"
)

const (
	// mostPreviewed is how many tasks a preview decides, and previewTime how long it takes, at most.
	mostPreviewed = 50_000
	previewTime   = 3 * time.Second
)

// BulkPreview is what a bulk would do.
type BulkPreview struct {
	Changed int64
	Skipped map[string]int64 // by reason; those that the action is not for are not among them
	Whole   bool             // all tasks were looked at; else Changed and Skipped are of the newest
}

// PreviewBulk decides what a bulk would do with the tasks that match a selection, each as if it were alone, and changes nothing. Those that the
// action is not for are left out. Errors: those of the views and of commands.
func (s *Scheduler) PreviewBulk(ctx context.Context, actor string, b *projection.BulkStarted, selection *projection.Selection) (BulkPreview, error) {
	p := BulkPreview{Whole: true}
	statuses, _ := BulkFor(b.Action)
	narrowed, some := selection.Narrow(statuses)
	do := bulkCommand(&projection.Bulk{BulkStarted: *b}, "preview")
	began, seen := time.Now(), 0
	for before := b.From.Seq; some && before > 0; {
		found, next, err := s.o.Views.Selected(ctx, &narrowed, before, bulkPage, s.o.Wall(), s.o.Log)
		if err != nil {
			return p, fmt.Errorf("preview a bulk: %w", err)
		}
		items := make([]bulkItem, len(found))
		for i := range found {
			items[i].id = found[i].ID
		}
		for len(items) > 0 {
			c := &bulkChunk{items: items, do: do, most: s.decides, preview: true}
			if _, err := s.ask(ctx, &request{actor: actor, bulk: c}); err != nil {
				return p, err
			}
			p.Changed += c.applied.Changed
			p.Skipped = projection.AddSkipped(p.Skipped, c.applied.Skipped)
			items = items[c.done:]
		}
		before = next
		if seen += len(found); next > 0 && (seen >= mostPreviewed || time.Since(began) > previewTime) {
			p.Whole = false
			break
		}
	}
	return p, nil
}

// previewBulk decides a chunk of a preview.
func (l *loop) previewBulk(rd *round, r *request) {
	c := r.bulk
	w := bulkWork{rd: rd, c: c, until: time.Now().Add(c.most)}
	c.done = w.items()
	c.applied = w.applied
	rd.size++
	if c.done == 0 && len(c.items) > 0 {
		rd.reply(r, answer{err: l.views.missing})
		return
	}
	rd.reply(r, answer{})
}
