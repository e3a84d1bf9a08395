package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"daybook/eventlog"
	"daybook/internal/sqlite"
	"daybook/projection/textindex"
	"daybook/projection/viewfile"
	"daybook/task"
)

const (
	// textBatch is how many tasks are indexed in one transaction.
	textBatch = 8192
	// textStep is how many of them are in memory at once.
	textStep = 1024
)

// index has the texts of archived tasks indexed, until stop.
func (k *keeper) index() {
	for {
		n, err := k.indexSome(k.ctx)
		switch {
		case k.ctx.Err() != nil:
			return
		case sqlite.IsFull(err):
			k.logger.Warn("the index of texts waits for room on the disk", "error", err)
			k.rest(roomProbe)
			continue
		case err != nil:
			k.fail(fmt.Errorf("index texts: %w", err))
			return
		case n > 0:
			continue
		}
		select {
		case <-k.ctx.Done():
			return
		case <-k.archived:
		}
	}
}

// rest waits, or until stop.
func (k *keeper) rest(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-k.ctx.Done():
	}
}

// indexSome indexes the next ones and tells how many.
func (k *keeper) indexSome(ctx context.Context) (int, error) {
	var docs []textindex.Doc
	last := k.indexed.Load()
	for more := true; more && len(docs) < textBatch; {
		before := last
		err := k.readingNow(ctx, func(r *viewfile.Reader) (err error) {
			k.texts, last, err = r.Archived(ctx, k.texts[:0], before, textStep)
			return err
		})
		if err == nil {
			docs, err = k.addDocs(ctx, docs, k.texts)
		}
		if err != nil {
			return 0, err
		}
		more = last > before
	}
	if last <= k.indexed.Load() {
		return 0, nil
	}
	if err := k.text.Add(ctx, docs, last); err != nil {
		return 0, err
	}
	k.indexed.Store(last)
	return max(len(docs), 1), nil
}

// addDocs appends the texts of the tasks.
func (k *keeper) addDocs(ctx context.Context, docs []textindex.Doc, rows []viewfile.Row) ([]textindex.Doc, error) {
	tasks := make([]*task.Task, len(rows))
	from := len(docs)
	docs = slices.Grow(docs, len(rows))[:from+len(rows)]
	for i := range rows {
		tasks[i] = &rows[i].Task
		docs[from+i] = textindex.Doc{Number: tasks[i].SubmitSeq}
	}
	err := textsOf(ctx, tasks, k.log.Payloads, func(i int, text []byte) {
		docs[from+i].Texts = append(docs[from+i].Texts, text)
	})
	return docs, err
}

// payloadsOf fetches the payloads of events, as eventlog.Log.Payloads does.
type payloadsOf = func(ctx context.Context, seqs []int64, fn func(i int, body []byte, err error) error) error

// textsOf fetches what can be searched in: parameters, result, error and message of each
// of the tasks, in any order; i is the index of the task. What was erased, or is damaged,
// is left out.
func textsOf(ctx context.Context, tasks []*task.Task, payloads payloadsOf, fn func(i int, text []byte)) error {
	seqs, of := make([]int64, 0, 2*len(tasks)), make([]int, 0, 2*len(tasks))
	for i, t := range tasks {
		for _, seq := range [...]int64{t.SubmitSeq, t.ResultSeq, t.ErrorSeq, t.MessageSeq} {
			if seq != 0 {
				seqs, of = append(seqs, seq), append(of, i)
			}
		}
	}
	return payloads(ctx, seqs, func(n int, body []byte, err error) error {
		if errors.Is(err, eventlog.ErrErased) || errors.Is(err, eventlog.ErrNotFound) || errors.Is(err, eventlog.ErrDamaged) {
			return nil
		}
		if err == nil {
			fn(of[n], body)
		}
		return err
	})
}
