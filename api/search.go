package api

import (
	"context"
	"slices"

	"daybook/task"
)

// search goes through the tasks that match the filters, newest first, and keeps those in
// whose texts every word of the text begins a word.
func (l *listing) search(ctx context.Context) (found, error) {
	a := l.from.api
	done, err := a.searchTurn(ctx)
	if err != nil {
		return found{}, err
	}
	defer done()
	// Past the cache of payloads: a search must not push out what is about to run.
	page, err := l.from.views.Search(ctx, l.filter, l.text, a.Log.Payloads)
	if err != nil {
		return found{}, err
	}
	if l.from.erased { // the texts of subjects and outcomes are still in what the views were
		if err := l.from.hideErased(ctx, page.Tasks); err != nil {
			return found{}, err
		}
		page.Tasks = slices.DeleteFunc(page.Tasks, func(t task.Task) bool { return t.Erased })
	}
	return found{
		tasks: page.Tasks, seq: page.Seq, next: listPlace{seq: page.Next}, total: l.seen + page.Total, exact: page.Exact, truncated: page.Truncated,
	}, nil
}
