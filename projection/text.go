package projection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
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

// index indexes the texts of archived tasks, until stop.
func (k *keeper) index() {
	for k.ctx.Err() == nil {
		var n int
		var err error
		if k.text.reason() != nil {
			n, err = 1, k.reindex(k.ctx)
		} else {
			n, err = k.indexSome(k.ctx)
			if n == 0 && err == nil {
				n, err = k.unindex(k.ctx)
			}
		}
		switch {
		case k.ctx.Err() != nil:
			return
		case sqlite.IsFull(err):
			k.logger.Warn("the text index waits for room on the disk", "error", err)
			k.sleep(roomProbe)
			continue
		case err != nil:
			k.fail(fmt.Errorf("index texts: %w", err))
			return
		case n > 0 || k.text.reason() != nil:
			continue
		}
		select {
		case <-k.ctx.Done():
			return
		case <-k.archived:
		}
	}
}

// sleep waits, at most until stop.
func (k *keeper) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-k.ctx.Done():
	}
}

// indexSome indexes the next tasks and returns how many.
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
	if err := k.text.add(ctx, docs, last); err != nil {
		if sqlite.IsFull(err) || ctx.Err() != nil {
			return 0, err
		}
		k.text.fail(err)
		return 0, nil
	}
	k.indexed.Store(last)
	return max(len(docs), 1), nil
}

// reindex rebuilds the index. The archive numbers of indexed tasks are forgotten, so it reads all
// archived tasks in the order of submission. Tasks that are archived meanwhile have later
// numbers. If it does not finish, the next start rebuilds the index.
func (k *keeper) reindex(ctx context.Context) error {
	upTo := k.file.Last()
	if err := k.text.empty(); err != nil {
		return err
	}
	k.text.progress.begin(upTo)
	find := &viewfile.Query{Before: math.MaxInt64, LastSeq: math.MaxInt64}
	var docs []textindex.Doc
	for find.Before > 0 {
		var rows []viewfile.Row
		err := k.readingNow(ctx, func(r *viewfile.Reader) (err error) {
			rows, err = r.Rows(ctx, find, textStep)
			return err
		})
		if err == nil {
			docs, err = k.addDocs(ctx, docs, rows)
		}
		if len(rows) == textStep {
			find.Before = rows[len(rows)-1].Task.SubmitSeq
		} else {
			find.Before = 0
		}
		if err == nil && (len(docs) >= textBatch || find.Before == 0) {
			through := int64(0)
			if find.Before == 0 {
				through = upTo
			}
			err = k.text.add(ctx, docs, through)
			k.text.progress.done.Add(int64(len(docs)))
			docs = docs[:0]
		}
		if err != nil {
			return err
		}
	}
	k.indexed.Store(upTo)
	k.text.mended()
	return nil
}

// searchTexts asks the index. Errors: a *Rebuilding, ctx's.
func (k *keeper) searchTexts(ctx context.Context, words textindex.Query, before int64) ([]int64, error) {
	numbers, err := k.text.search(ctx, words, before)
	if errors.Is(err, ErrRebuilding) {
		poke(k.archived)
	}
	return numbers, err
}

// addDocs appends the texts of the tasks.
func (k *keeper) addDocs(ctx context.Context, docs []textindex.Doc, rows []viewfile.Row) ([]textindex.Doc, error) {
	tasks := make([]*task.Task, len(rows))
	from := len(docs)
	docs = slices.Grow(docs, len(rows))[:from+len(rows)]
	for i := range rows {
		tasks[i] = &rows[i].Task
		docs[from+i] = textindex.Doc{Number: tasks[i].SubmitSeq, Erased: tasks[i].Erased}
	}
	err := textsOf(ctx, tasks, k.log.Payloads, func(i int, text []byte) {
		docs[from+i].Texts = append(docs[from+i].Texts, text)
	})
	return docs, err
}

// payloadsOf fetches the payloads of events, as eventlog.Log.Payloads does.
type payloadsOf = func(ctx context.Context, seqs []int64, fn func(i int, body []byte, err error) error) error

// textsOf fetches the texts that can be searched: parameters, result, error, message, subject and outcome
// of each of the tasks, in any order; i is the index of the task. What was erased, or is damaged,
// is left out.
func textsOf(ctx context.Context, tasks []*task.Task, payloads payloadsOf, fn func(i int, text []byte)) error {
	seqs, of := make([]int64, 0, 2*len(tasks)), make([]int, 0, 2*len(tasks))
	for i, t := range tasks {
		if t.Erased { // its payloads may not be deleted yet
			continue
		}
		for _, seq := range [...]int64{t.SubmitSeq, t.ResultSeq, t.ErrorSeq, t.MessageSeq} {
			if seq != 0 {
				seqs, of = append(seqs, seq), append(of, i)
			}
		}
		if t.Notes != nil {
			notes, _ := json.Marshal([]string{t.Notes.Subject, t.Notes.Outcome}) // strings always marshal
			fn(i, notes)
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
