package projection

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"daybook/projection/textindex"
	"daybook/projection/viewfile"
	"daybook/task"
)

const (
	searchTime  = time.Second // how long one search may read texts that are not indexed
	searchPage  = 200         // tasks looked at between two looks at the clock
	searchTasks = 256         // numbers asked of the index at once
)

// Found is one page of a search. Its Total is the number of rows found so far.
type Found struct {
	Page
	// Truncated: the search ran out of time. The next page begins at Next.
	Truncated bool
}

// Search lists the tasks that match the query and in whose parameters, result, error, message,
// subject or outcome every word of the text begins a word, newest first. payloads fetches payloads of
// events. What has left memory is found through the index; the rest is read, for at
// most a second. Errors: ErrLimit, *Rebuilding, those of payloads, those of the view file, ctx's.
func (v *Views) Search(ctx context.Context, q Query, text string, payloads payloadsOf) (found Found, err error) {
	if q.Limit < 1 || q.Limit > MaxLimit {
		return Found{}, ErrLimit
	}
	err = v.patiently(ctx, func() (err error) {
		found, err = v.searchNow(ctx, q, text, payloads)
		return err
	})
	return found, err
}

func (v *Views) searchNow(ctx context.Context, q Query, text string, payloads payloadsOf) (Found, error) {
	s := &search{
		v: v, q: q, words: textindex.ParseQuery(text), payloads: payloads,
		until: time.Now().Add(searchTime), met: make(map[int64]bool),
	}
	s.found.Seq = v.Seq()
	if s.words.Empty() {
		s.found.Exact = true
		return s.found, nil
	}
	if err := s.memory(ctx); err != nil {
		return Found{}, err
	}
	if s.keeper = v.kept(); s.keeper != nil {
		if err := s.keeper.reading(ctx, func(r *viewfile.Reader) error { return s.file(ctx, r) }); err != nil {
			return Found{}, err
		}
	}
	return s.finish(), nil
}

// search is the state of one Search.
type search struct {
	v        *Views
	keeper   *keeper // nil: all tasks are in memory
	q        Query
	words    textindex.Query
	payloads payloadsOf
	until    time.Time

	hits  []task.Task    // of each source the newest, one more than a page
	met   map[int64]bool // submit seqs of all that was looked at
	floor int64          // what was submitted before may hold more that was not looked at
	found Found
}

// late reports whether the time is up. Then tasks older than t were not searched.
func (s *search) late(t *task.Task) bool {
	if time.Now().Before(s.until) {
		return false
	}
	s.found.Truncated = true
	s.floor = max(s.floor, t.SubmitSeq+1)
	return true
}

// look adds the task to the hits if it has the text, and reports whether it has.
func (s *search) look(ctx context.Context, t *task.Task) (bool, error) {
	if s.met[t.SubmitSeq] {
		return false, nil
	}
	s.met[t.SubmitSeq] = true
	var texts [][]byte
	err := textsOf(ctx, []*task.Task{t}, s.payloads, func(_ int, text []byte) { texts = append(texts, text) })
	if err != nil || !s.words.Matches(texts...) {
		return false, err
	}
	s.hits = append(s.hits, *t)
	return true, nil
}

// next looks at the next older task of a source, and reports whether the time is up or the
// source has given more than a page of hits.
func (s *search) next(ctx context.Context, t *task.Task, hits *int) (enough bool, err error) {
	if s.late(t) {
		return true, nil
	}
	hit, err := s.look(ctx, t)
	if hit {
		*hits++
	}
	return *hits > s.q.Limit, err
}

// memory looks at the tasks in memory.
func (s *search) memory(ctx context.Context) error {
	q := s.q
	q.Limit = searchPage
	for hits := 0; ; {
		l, err := s.v.scanAll(ctx, q, nil, false)
		if err != nil {
			return err
		}
		page := l.finish()
		for i := range page.Tasks {
			if enough, err := s.next(ctx, &page.Tasks[i], &hits); enough || err != nil {
				return err
			}
		}
		if page.Next == 0 {
			return nil
		}
		q.Before = page.Next
	}
}

// file looks at the tasks in the file: those whose texts are not indexed yet, then those
// that the index names.
func (s *search) file(ctx context.Context, r *viewfile.Reader) error {
	l := &listing{limit: 1}
	s.v.mu.RLock()
	s.v.startListing(l, s.q)
	err := s.v.fix(l, r)
	s.v.mu.RUnlock()
	if err != nil {
		return err
	}
	find, err := l.fileQuery(ctx, s.q, r)
	if err != nil || find == nil {
		return err
	}
	if s.q.Before != 0 {
		find.Before = min(find.Before, s.q.Before)
	}
	if err := s.rest(ctx, r, l, find); err != nil {
		return err
	}
	return s.indexed(ctx, r, find)
}

// rest looks at what is not indexed.
func (s *search) rest(ctx context.Context, r *viewfile.Reader, l *listing, find *viewfile.Query) error {
	var rows []viewfile.Row
	for after := s.keeper.indexed.Load(); ; {
		var last int64
		var err error
		rows, last, err = r.Archived(ctx, rows[:0], after, searchPage)
		if err != nil || last <= after {
			return err
		}
		after = last
		for i := range rows {
			t := &rows[i].Task
			if t.SubmitSeq < find.From || t.SubmitSeq >= find.Before || !l.filter.matches(rows[i].Group, t) {
				continue
			}
			if time.Now().After(s.until) { // in no order, so none counts as searched
				s.found.Truncated = true
				return nil
			}
			if _, err := s.look(ctx, t); err != nil {
				return err
			}
		}
	}
}

// indexed looks at what the index names, newest first.
func (s *search) indexed(ctx context.Context, r *viewfile.Reader, find *viewfile.Query) error {
	from, before := find.From, find.Before
	if before == math.MaxInt64 {
		before = 0
	}
	for hits := 0; ; {
		numbers, err := s.keeper.searchTexts(ctx, s.words, before)
		if err != nil {
			return err
		}
		for _, number := range numbers {
			if number < from {
				return nil
			}
			find.From, find.Before = number, number+1
			rows, err := r.Rows(ctx, find, 1)
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				continue
			}
			if enough, err := s.next(ctx, &rows[0].Task, &hits); enough || err != nil {
				return err
			}
		}
		if len(numbers) < searchTasks {
			return nil
		}
		before = numbers[len(numbers)-1]
	}
}

// finish sorts the hits and cuts the page.
func (s *search) finish() Found {
	slices.SortFunc(s.hits, func(a, b task.Task) int { return cmp.Compare(b.SubmitSeq, a.SubmitSeq) })
	hits := s.hits
	for len(hits) > 0 && hits[len(hits)-1].SubmitSeq < s.floor {
		hits = hits[:len(hits)-1]
	}
	f := &s.found
	if len(hits) > s.q.Limit {
		hits = hits[:s.q.Limit]
		f.Next, f.Truncated = hits[len(hits)-1].SubmitSeq, false
	} else if f.Truncated {
		f.Next = s.floor
	}
	f.Tasks, f.Total = hits, int64(len(hits))
	f.Exact = f.Next == 0 && !f.Truncated
	return *f
}
