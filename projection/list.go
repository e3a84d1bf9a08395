package projection

import (
	"context"
	"errors"

	"daybook/task"
)

// Query says which tasks to list, newest first. Lists mean "any of"; empty means all.
type Query struct {
	Statuses      []task.Status
	Types         []string
	Queues        []string
	Tags          []string
	IDPrefix      string      // of the id as clients see it
	CreatedAfter  task.Micros // exclusive; 0 = no bound
	CreatedBefore task.Micros // exclusive; 0 = no bound
	Before        int64       // only tasks submitted before this seq; 0 = from the newest
	Limit         int         // 1 … 1000
}

// MaxLimit is the most rows of a page.
const MaxLimit = 1000

// ErrLimit: Query.Limit is not in 1 … MaxLimit.
var ErrLimit = errors.New("limit must be between 1 and 1000")

// Page is one page of tasks.
type Page struct {
	Tasks []task.Task
	// Seq is what the page shows: all that was known when the reading began. A row may
	// be newer when the list is long and the log moves; what changed after Seq is in
	// Changes.
	Seq   int64
	Next  int64 // Query.Before of the next page; 0 = this is the last one
	Total int64 // matches in all (Before and Limit apart)
	// Exact tells that Total is exact. It always is for any status × type × queue;
	// for other filters the count stops at 10,000.
	Exact bool
}

const (
	// scanChunk is how many tasks are looked at before the writer gets its turn.
	scanChunk = 2048
	// countLimit is where counting stops for filters that have no counter.
	countLimit = 10_000
)

// List returns one page. Errors: ErrLimit, ctx's.
func (v *Views) List(ctx context.Context, q Query) (Page, error) {
	if q.Limit < 1 || q.Limit > MaxLimit {
		return Page{}, ErrLimit
	}
	l := v.startListing(q)
	for !l.done() {
		if err := ctx.Err(); err != nil {
			return Page{}, err
		}
		v.scan(l)
	}
	return l.page, nil
}

// listing is one List on its way from the newest task to the oldest.
type listing struct {
	filter filter
	before uint32 // rows have smaller numbers
	limit  int
	full   bool // the page is, and it is known whether another follows
	// counted tells that page.Total was known from the start.
	counted bool

	next, end uint32 // numbers next−1 down to end are still to be looked at
	page      Page
}

// startListing looks at what can be known without a scan.
func (v *Views) startListing(q Query) *listing {
	v.mu.RLock()
	defer v.mu.RUnlock()
	l := &listing{filter: newFilter(q, &v.counts), limit: q.Limit, next: v.table.size, before: v.table.size}
	l.page = Page{Seq: v.Seq(), Exact: true}
	if q.CreatedAfter != 0 {
		l.end = v.table.firstAfter(q.CreatedAfter)
	}
	if q.CreatedBefore != 0 {
		l.next = v.table.firstAfter(q.CreatedBefore - 1)
	}
	if q.Before != 0 {
		l.before = v.table.firstFrom(q.Before)
	}
	switch {
	case l.filter.matchesNothing():
		l.counted, l.next = true, l.end
	case l.filter.plain() && q.CreatedAfter == 0 && q.CreatedBefore == 0:
		l.counted, l.page.Total = true, l.filter.total
	case l.filter.everything():
		l.counted, l.page.Total = true, int64(max(l.next, l.end)-l.end)
	}
	if l.counted {
		l.next = min(l.next, l.before) // nothing to count above
		l.page.Tasks = make([]task.Task, 0, min(int64(l.limit), l.page.Total))
	}
	return l
}

func (l *listing) done() bool {
	return l.next <= l.end || l.full && (l.counted || !l.page.Exact)
}

// scan looks at the next chunk.
func (v *Views) scan(l *listing) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	stop := l.end
	if l.next-l.end > scanChunk {
		stop = l.next - scanChunk
	}
	for l.next > stop && !l.done() {
		l.next--
		if l.filter.facet(*v.table.facet(l.next)) && l.filter.rest(&v.table.at(l.next).task) {
			l.take(v.table.at(l.next))
		}
	}
}

// take counts a match, and makes it a row if it belongs to the page.
func (l *listing) take(rec *record) {
	if !l.counted {
		if l.page.Total == countLimit {
			l.page.Exact = false
		} else {
			l.page.Total++
		}
	}
	switch {
	case rec.number >= l.before || l.full:
	case len(l.page.Tasks) < l.limit:
		l.page.Tasks = append(l.page.Tasks, rec.task)
		l.full = l.counted && l.page.Total == int64(len(l.page.Tasks)) // no other can follow
	default:
		l.full, l.page.Next = true, l.page.Tasks[l.limit-1].SubmitSeq
	}
}
