package projection

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"daybook/eventlog"
	"daybook/projection/textindex"
	"daybook/projection/viewfile"
	"daybook/sqlite"
	"daybook/task"
)

// textBatch is how many tasks are indexed in one transaction.
const textBatch = 8192

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
	var rows []viewfile.Row
	var last int64
	err := k.readingNow(ctx, func(r *viewfile.Reader) (err error) {
		rows, last, err = r.Archived(ctx, k.indexed.Load(), textBatch)
		return err
	})
	if err != nil || last <= k.indexed.Load() {
		return 0, err
	}
	docs, err := k.docsOf(ctx, rows)
	if err != nil {
		return 0, err
	}
	if err := k.text.Add(ctx, docs, last); err != nil {
		return 0, err
	}
	k.indexed.Store(last)
	return max(len(rows), 1), nil
}

// textReaders is how many texts are fetched at the same time.
const textReaders = 2

// docsOf fetches the texts of the tasks.
func (k *keeper) docsOf(ctx context.Context, rows []viewfile.Row) ([]textindex.Doc, error) {
	docs := make([]textindex.Doc, len(rows))
	var errs [textReaders]error
	var readers sync.WaitGroup
	for n := range textReaders {
		readers.Go(func() {
			for i := n; i < len(rows) && errs[n] == nil; i += textReaders {
				docs[i].Number = rows[i].Task.SubmitSeq
				docs[i].Texts, errs[n] = textsOf(ctx, &rows[i].Task, k.log.Payload)
			}
		})
	}
	readers.Wait()
	return docs, errors.Join(errs[:]...)
}

// payloadOf fetches the payload of an event.
type payloadOf = func(ctx context.Context, seq int64) ([]byte, error)

// textsOf fetches what can be searched in: parameters, result, error and message. What
// was erased, or is damaged, is left out.
func textsOf(ctx context.Context, t *task.Task, payload payloadOf) ([][]byte, error) {
	var texts [][]byte
	for _, seq := range [...]int64{t.SubmitSeq, t.ResultSeq, t.ErrorSeq, t.MessageSeq} {
		if seq == 0 {
			continue
		}
		body, err := payload(ctx, seq)
		if errors.Is(err, eventlog.ErrErased) || errors.Is(err, eventlog.ErrNotFound) || errors.Is(err, eventlog.ErrDamaged) {
			continue
		}
		if err != nil {
			return nil, err
		}
		texts = append(texts, body)
	}
	return texts, nil
}
