package api

import "context"

// search goes through the tasks that match the filters, newest first, and keeps those in
// whose texts every word of the text begins a word.
func (a *API) search(ctx context.Context, l *listing) (found, error) {
	done, err := a.searchTurn(ctx)
	if err != nil {
		return found{}, err
	}
	defer done()
	// Past the cache of payloads: a search must not push out what is about to run.
	page, err := a.Views.Search(ctx, l.filter, l.text, a.Log.Payloads)
	if err != nil {
		return found{}, err
	}
	return found{
		tasks: page.Tasks, seq: page.Seq, next: listPlace{seq: page.Next}, total: l.seen + page.Total, exact: page.Exact, truncated: page.Truncated,
	}, nil
}
