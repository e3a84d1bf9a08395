package projection

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"daybook/projection/viewfile"
	"daybook/task"

	"github.com/oklog/ulid/v2"
	"github.com/tidwall/btree"
)

// Query says which tasks to list, newest first. Lists mean "any of"; empty means all.
type Query struct {
	Statuses      []task.Status
	Waiting       []WaitState // only pending tasks that wait for one of these
	Wall          task.Micros // with Waiting: the wall clock, by which the rates of queues hold tasks
	Types         []string
	Queues        []string
	Tags          []string
	Parent        ulid.ULID   // only its children; zero = all tasks
	IDPrefix      string      // of the id as clients see it
	CreatedAfter  task.Micros // exclusive; 0 = no bound
	CreatedBefore task.Micros // exclusive; 0 = no bound
	MinRun        task.Micros // bounds of the time from the latest start to the end, both inclusive;
	MaxRun        task.Micros // 0 = no bound. With one set, only tasks match that have started and ended
	Before        int64       // only tasks submitted before this seq; 0 = from the newest
	AfterDue      Due         // with IsByDue: only tasks that are due after this one; zero = from the first
	Limit         int         // 1 … 1000
	BySubmission  bool        // list by submission also those that wait for their time
	Uncounted     bool        // Page.Total is not needed
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
	Seq  int64
	Next int64 // Query.Before of the next page; 0 = this is the last one
	// NextDue is Query.AfterDue of the next page of tasks that are listed by their time; zero = this is the last one.
	NextDue Due
	Total   int64 // matches in all (Before and Limit apart)
	// Exact tells that Total is exact. It always is for any status × type × queue;
	// for other filters the count stops at 10,000.
	Exact bool
}

const (
	// scanChunk is how many tasks in memory are looked at before the writer gets its turn.
	scanChunk = 2048
	// countLimit is where counting stops for filters that have no counter.
	countLimit = 10_000
	// tries is how often a list begins again because tasks came back to memory meanwhile,
	// before it keeps the writer waiting.
	tries = 3
)

// List returns one page. Errors: ErrLimit, *Rebuilding, those of the view file, ctx's.
func (v *Views) List(ctx context.Context, q Query) (page Page, err error) {
	if q.Limit < 1 || q.Limit > MaxLimit {
		return Page{}, ErrLimit
	}
	err = v.patiently(ctx, func() (err error) {
		page, err = v.listNow(ctx, q)
		return err
	})
	return page, err
}

func (v *Views) listNow(ctx context.Context, q Query) (page Page, err error) {
	if q.IsByDue() {
		return v.listByDue(ctx, q)
	}
	k := v.kept()
	if k == nil {
		l, err := v.scanAll(ctx, q, nil, false)
		if err != nil {
			return Page{}, err
		}
		return l.finish(), nil
	}
	err = k.reading(ctx, func(r *viewfile.Reader) (err error) {
		page, err = v.listBoth(ctx, q, r)
		return err
	})
	if errors.Is(err, ErrRebuilding) {
		return v.listInMemory(ctx, q, err)
	}
	return page, err
}

// listInMemory lists what memory can tell alone, while the file cannot be used; else it returns
// the error given.
func (v *Views) listInMemory(ctx context.Context, q Query, unusable error) (Page, error) {
	l, err := v.scanAll(ctx, q, nil, false)
	if err != nil {
		return Page{}, err
	}
	v.mu.RLock()
	same := v.returns.Load() == l.returns && v.evicted == l.evicted
	v.mu.RUnlock()
	all := l.counted && q.Before == 0 && int64(len(l.page.Tasks)) == l.page.Total
	if !same || l.mayBeInFile() && !all && !l.isFull() {
		return Page{}, unusable
	}
	return l.finish(), nil
}

// mayBeInFile reports whether there may be matches in the file.
func (l *listing) mayBeInFile() bool {
	return !l.filter.matchesNothing() && l.evicted > 0 && (l.filter.facets == nil || len(l.filter.endedFacets()) > 0)
}

// isFull reports whether the file can change nothing of the page: its rows were all submitted
// after the last event that left memory, and the matches are counted.
func (l *listing) isFull() bool {
	rows := l.page.Tasks
	return len(rows) > l.limit && rows[l.limit].SubmitSeq > l.evicted && (l.counted || !l.page.Exact)
}

// listBoth lists what is in memory and what is in the file, in one order.
func (v *Views) listBoth(ctx context.Context, q Query, r *viewfile.Reader) (Page, error) {
	for try := 1; ; try++ {
		l, err := v.scanAll(ctx, q, r, try == tries)
		if err != nil {
			return Page{}, err
		}
		if l.moved {
			continue
		}
		if err := l.addFile(ctx, q, r); err != nil {
			return Page{}, err
		}
		return l.finish(), nil
	}
}

// scanAll looks at the tasks in memory, then fixes what the reader of the file sees, in
// one step with the last look. still keeps the writer waiting all the time.
func (v *Views) scanAll(ctx context.Context, q Query, r *viewfile.Reader, still bool) (*listing, error) {
	chunk := scanChunk
	if still {
		chunk = math.MaxInt
	}
	l := &listing{limit: q.Limit}
	for first := true; first || !l.done(); first = false {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := v.scan(l, q, r, first, chunk); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// listing is one List on its way from the newest task to the oldest.
type listing struct {
	filter filter
	before int64 // rows have smaller submit seqs
	limit  int
	// counted tells that page.Total was known from the start.
	counted bool

	next, end int64   // submit seqs below next, down to end, are still to be looked at
	matched   []int64 // submit seqs, falling, of what was counted
	page      Page    // with one row more than the limit, if there is one

	// Of the file, as it was when the last of memory was looked at.
	returns  int64
	evicted  int64
	returned *btree.Set[int64]
	moved    bool // tasks came back to memory meanwhile: the listing must begin again
}

// scan looks at the next chunk.
func (v *Views) scan(l *listing, q Query, r *viewfile.Reader, first bool, chunk int) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if first {
		v.startListing(l, q)
	}
	looked := 0
	v.descend(q.Parent, l.next, l.filter.statuses, func(at line) bool {
		if l.done() || at.seq < l.end || looked == chunk {
			return false
		}
		looked++
		l.next = at.seq
		if rec := v.table.at(at.slot); l.filter.matchesFacet(at.facet) && l.filter.matchesRest(&rec.task) && l.filter.waiting.matches(&v.order, rec) {
			l.addMatch(&rec.task)
		}
		return true
	})
	if looked < chunk {
		l.next = l.end
	}
	if l.done() && r != nil {
		return v.fix(l, r)
	}
	return nil
}

// startListing looks at what can be known without a scan.
func (v *Views) startListing(l *listing, q Query) {
	l.filter = v.newFilter(q)
	l.page = Page{Seq: v.Seq(), Exact: true}
	l.returns, l.evicted = v.returns.Load(), v.evicted
	l.next, l.before = math.MaxInt64, math.MaxInt64
	if q.CreatedAfter != 0 {
		l.end = v.table.firstAfter(q.CreatedAfter)
	}
	if q.CreatedBefore != 0 {
		l.next = v.table.firstAfter(q.CreatedBefore - 1)
	}
	if q.Before != 0 {
		l.before = q.Before
	}
	switch {
	case l.filter.matchesNothing():
		l.counted, l.next = true, l.end
	case q.Uncounted:
		l.counted, l.page.Exact, l.page.Total = true, false, -1
	case l.filter.plain() && q.CreatedAfter == 0 && q.CreatedBefore == 0:
		l.counted, l.page.Total = true, l.filter.total
	}
	if l.counted {
		l.next = min(l.next, l.before) // nothing to count above
	}
}

// fix settles what is seen of the file.
func (v *Views) fix(l *listing, r *viewfile.Reader) error {
	if l.moved = v.returns.Load() != l.returns; l.moved {
		return nil
	}
	if l.evicted == v.evicted {
		l.matched = nil // nothing has left memory since the scan began
	}
	l.evicted = v.evicted
	if v.returned.Len() > 0 {
		v.copying.Lock() // Copy marks the set; other readers may be here too
		l.returned = v.returned.Copy()
		v.copying.Unlock()
	}
	return r.Fix()
}

func (l *listing) done() bool {
	return l.next <= l.end || len(l.page.Tasks) > l.limit && (l.counted || !l.page.Exact)
}

// addMatch counts a match, and adds it to the page if it belongs there.
func (l *listing) addMatch(t *task.Task) {
	l.matched = append(l.matched, t.SubmitSeq)
	if !l.counted {
		if l.page.Total == countLimit {
			l.page.Exact = false
		} else {
			l.page.Total++
		}
	}
	if t.SubmitSeq < l.before && len(l.page.Tasks) <= l.limit {
		l.page.Tasks = append(l.page.Tasks, *t)
	}
}

// addFile counts the matches in the file and merges their rows with those of memory.
func (l *listing) addFile(ctx context.Context, q Query, r *viewfile.Reader) error {
	find, err := l.fileQuery(ctx, q, r)
	if err != nil || find == nil {
		return err
	}
	part := viewfile.Part{From: find.From, Before: min(find.Before, l.before), Limit: l.limit + 1}
	if rows := l.page.Tasks; len(rows) > l.limit {
		part.From = max(part.From, rows[l.limit].SubmitSeq+1) // what lies below is not of this page
	}
	var rows []viewfile.Row
	if !l.counted && l.page.Exact {
		var n int64
		rows, n, err = r.Page(ctx, find, part, countLimit+1-l.page.Total)
		if l.page.Total += n; l.page.Total > countLimit {
			l.page.Total, l.page.Exact = countLimit, false
		}
	} else if part.From < part.Before {
		find.From, find.Before = part.From, part.Before
		rows, err = r.Rows(ctx, find, part.Limit)
	}
	if len(rows) > 0 {
		l.merge(rows)
	}
	return err
}

// fileQuery is the query as the file takes it, nil when nothing there can match.
func (l *listing) fileQuery(ctx context.Context, q Query, r *viewfile.Reader) (*viewfile.Query, error) {
	find := &viewfile.Query{
		Tags: q.Tags, Parent: q.Parent, Before: math.MaxInt64, MinRun: q.MinRun, MaxRun: q.MaxRun,
		MinID: l.filter.first, MaxID: l.filter.last, LastSeq: l.evicted,
	}
	if !l.mayBeInFile() {
		return nil, nil
	}
	if l.filter.facets != nil {
		find.Facets = l.filter.endedFacets()
	}
	var err error
	if q.CreatedAfter != 0 {
		if find.From, err = r.FirstAfter(ctx, q.CreatedAfter); err != nil {
			return nil, err
		}
	}
	if q.CreatedBefore != 0 {
		if find.Before, err = r.FirstAfter(ctx, q.CreatedBefore-1); err != nil {
			return nil, err
		}
	}
	if l.returned != nil || len(l.matched) > 0 {
		find.Exclude = l.without
	}
	return find, nil
}

// without tells that a task in the file was found in memory, or will be.
func (l *listing) without(submitSeq int64) bool {
	if l.returned != nil && l.returned.Contains(submitSeq) {
		return true
	}
	_, met := slices.BinarySearchFunc(l.matched, submitSeq, func(at, seq int64) int {
		return cmp.Compare(seq, at) // they fall
	})
	return met
}

// merge brings the rows of the file into the order of submission.
func (l *listing) merge(rows []viewfile.Row) {
	memory := l.page.Tasks
	merged := make([]task.Task, 0, l.limit+1)
	for len(merged) <= l.limit && (len(memory) > 0 || len(rows) > 0) {
		if len(rows) == 0 || len(memory) > 0 && memory[0].SubmitSeq > rows[0].Task.SubmitSeq {
			merged, memory = append(merged, memory[0]), memory[1:]
		} else {
			merged, rows = append(merged, rows[0].Task), rows[1:]
		}
	}
	l.page.Tasks = merged
}

// finish cuts the row too many, which only tells that another page follows.
func (l *listing) finish() Page {
	if len(l.page.Tasks) > l.limit {
		l.page.Tasks = l.page.Tasks[:l.limit]
		l.page.Next = l.page.Tasks[l.limit-1].SubmitSeq
	}
	return l.page
}
