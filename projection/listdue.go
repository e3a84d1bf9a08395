package projection

import (
	"context"

	"daybook/task"

	"github.com/tidwall/btree"
)

// Due is the place of a task in a list of those that wait for their time.
type Due struct {
	At  task.Micros // when it is due
	Seq int64       // of its submission
}

// IsByDue reports whether only tasks are asked for that wait for their time. They are listed by that, the next one
// first. All are in memory.
func (q *Query) IsByDue() bool {
	for _, state := range q.Waiting {
		if state != WaitScheduled && state != WaitBackoff {
			return false
		}
	}
	return len(q.Waiting) > 0 && !q.BySubmission
}

// dueListing is one list by due time on its way.
type dueListing struct {
	filter  filter
	page    Page
	counted bool // page.Total was known from the start
	at      Due  // up to it all was looked at
	after   Due
	limit   int
	ended   bool // there are no more
}

func (v *Views) listByDue(ctx context.Context, q Query) (Page, error) {
	l := &dueListing{limit: q.Limit, after: q.AfterDue}
	for first := true; !l.done(); first = false {
		if err := ctx.Err(); err != nil {
			return Page{}, err
		}
		v.scanDue(l, q, first)
	}
	if rows := l.page.Tasks; len(rows) > l.limit {
		l.page.Tasks = rows[:l.limit]
		last := &rows[l.limit-1]
		l.page.NextDue = Due{last.DueAt, last.SubmitSeq}
	}
	return l.page, nil
}

func (l *dueListing) done() bool {
	return l.ended || len(l.page.Tasks) > l.limit && (l.counted || !l.page.Exact)
}

// scanDue looks at the next tasks, a bounded number.
func (v *Views) scanDue(l *dueListing, q Query, first bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if first {
		l.filter = v.newFilter(q)
		l.page = Page{Seq: v.Seq(), Exact: true}
		switch {
		case l.filter.matchesNothing():
			l.counted, l.ended = true, true
			return
		case l.filter.plain() && q.CreatedAfter == 0 && q.CreatedBefore == 0:
			l.counted, l.page.Total = true, l.filter.total
			l.at = l.after
		}
	}
	looked := 0
	walkDue(v.order.timed[:], l.at, func(key dueKey) bool {
		if l.done() || looked == scanChunk {
			return false
		}
		looked++
		l.at = Due{key.Due, key.Seq}
		t := &key.rec.task
		inTime := t.CreatedAt > q.CreatedAfter && (q.CreatedBefore == 0 || t.CreatedAt < q.CreatedBefore)
		if inTime && l.filter.matchesFacet(facetOf(key.rec)) && l.filter.matchesRest(t) && l.filter.waiting.matches(&v.order, key.rec) {
			l.add(t)
		}
		return true
	})
	l.ended = looked < scanChunk && !l.done()
}

// add counts a match, and adds it to the page if it belongs there.
func (l *dueListing) add(t *task.Task) {
	if !l.counted {
		if l.page.Total == countLimit {
			l.page.Exact = false
		} else {
			l.page.Total++
		}
	}
	if len(l.page.Tasks) <= l.limit && l.after.before(Due{t.DueAt, t.SubmitSeq}) {
		l.page.Tasks = append(l.page.Tasks, *t)
	}
}

func (d Due) before(o Due) bool { return d.At < o.At || d.At == o.At && d.Seq < o.Seq }

// walkDue calls fn for the tasks of all trees that are due after a place, in order, until it returns false.
func walkDue(trees []*btree.BTreeG[dueKey], after Due, fn func(dueKey) bool) {
	var heads []btree.IterG[dueKey]
	for _, tree := range trees {
		head := tree.Iter()
		if head.Seek(dueKey{ReadyKey: task.ReadyKey{Due: after.At, Seq: after.Seq + 1}}) {
			heads = append(heads, head)
		}
	}
	for len(heads) > 0 {
		first := 0
		for i := range heads {
			if heads[i].Item().less(heads[first].Item()) {
				first = i
			}
		}
		if !fn(heads[first].Item()) {
			return
		}
		if !heads[first].Next() {
			heads = append(heads[:first], heads[first+1:]...)
		}
	}
}
