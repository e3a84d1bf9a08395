package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"

	"daybook/projection"
	"daybook/task"
)

// Bounds of a list's page.
const (
	defaultLimit = 100
	mostLimit    = 1000
	mostFilters  = 100 // values of one filter
)

// filterKeys are the query keys that say which tasks match; a cursor is bound to them.
var filterKeys = []string{"status", "waiting", "task_type", "queue", "tag", "parent", "q", "created_after", "created_before", "duration_min", "duration_max", "at"}

// listing is one list request.
type listing struct {
	from   *moment
	filter projection.Query
	text   string // q
	as     shape
	format format
	mark   [8]byte // of the filters
	seen   int64   // matches on the pages before, of a text search
	all    bool    // limit=0: every match, in one answer
}

// found is one page of a listing.
type found struct {
	tasks     []task.Task
	seq       int64
	next      listPlace // zero = the last page
	total     int64
	exact     bool
	truncated bool // the search stopped before the end
}

// listPlace is where a page ends: a seq of a submission and, in a list by due time, that time.
type listPlace struct {
	seq int64
	due task.Micros
}

// list answers GET /api/tasks/.
func (a *API) list(p *reply, r *http.Request) error {
	l, q, err := listingOf(r)
	if err == nil && !l.all {
		err = q.checkLink(p, "/api/tasks/", "cursor", longestCursor, "ask for all tasks in one answer with limit=0")
	}
	if err == nil {
		err = p.caller.narrow(&l.filter.Types, &l.filter.Queues)
	}
	if err != nil {
		return err
	}
	if l.from, err = a.moment(r.Context(), q); err != nil {
		return err
	}
	defer l.from.release()
	l.filter.Wall = l.from.wall
	page, err := l.page(r.Context())
	if err != nil {
		return err
	}
	page.headers(p, l, q)
	out := p.long(contentTypes[l.format])
	defer out.close()
	w := taskWriter{out: out, l: l}
	if err := w.write(r.Context(), page.tasks); err != nil {
		return err
	}
	for l.all && page.next != (listPlace{}) {
		l.goOn(page.next, page.total)
		if page, err = l.page(r.Context()); err != nil {
			return out.fail(err)
		}
		if err := w.write(r.Context(), page.tasks); err != nil {
			return out.fail(err)
		}
	}
	return w.end()
}

// goOn makes the next page follow a place; seen is how many matches a text search has found before.
func (l *listing) goOn(at listPlace, seen int64) {
	l.seen = seen
	if l.filter.IsByDue() && l.text == "" {
		l.filter.AfterDue = projection.Due{At: at.due, Seq: at.seq}
	} else {
		l.filter.Before = at.seq
	}
}

// page finds one page: by filter alone, by id, or by text.
func (l *listing) page(ctx context.Context) (found, error) {
	if l.text == "" {
		return l.plain(ctx, l.filter)
	}
	if prefix, ok := idPrefix(l.text); ok {
		byID := l.filter
		byID.IDPrefix = prefix
		page, err := l.plain(ctx, byID)
		if err != nil || page.total > 0 {
			return page, err
		}
	}
	return l.search(ctx)
}

func (l *listing) plain(ctx context.Context, filter projection.Query) (found, error) {
	page, err := l.from.views.List(ctx, filter)
	if err != nil {
		return found{}, err
	}
	next := listPlace{seq: page.Next}
	if filter.IsByDue() {
		next = listPlace{page.NextDue.Seq, page.NextDue.At}
	}
	return found{tasks: page.Tasks, seq: page.Seq, next: next, total: page.Total, exact: page.Exact}, nil
}

// idPrefix reports whether text looks like the beginning of an id, and returns it in canonical form.
func idPrefix(text string) (string, bool) {
	const least, most = 4, 26
	upper := strings.ToUpper(text)
	if len(upper) < least || len(upper) > most || upper[0] > '7' {
		return "", false
	}
	for i := 0; i < len(upper); i++ {
		if strings.IndexByte("0123456789ABCDEFGHJKMNPQRSTVWXYZ", upper[i]) < 0 {
			return "", false
		}
	}
	return upper, true
}

func (f *found) headers(p *reply, l *listing, q *query) {
	p.shows(f.seq)
	h := p.Header()
	h["X-Total-Count"] = []string{itoa(f.total)}
	if !f.exact {
		h["X-Total-Count-Relation"] = []string{"gte"}
	}
	if f.truncated {
		h["X-Search-Truncated"] = []string{"true"}
	}
	if f.next != (listPlace{}) && !l.all {
		h["Link"] = []string{q.next(p, "/api/tasks/", "cursor", l.cursor(f.next, f.total))}
	}
	h["Vary"] = []string{"Accept"}
}

// listingOf reads the request.
func listingOf(r *http.Request) (*listing, *query, error) {
	q, err := queryOf(r, "status*", "waiting*", "task_type*", "queue*", "tag*", "parent", "q", "created_after", "created_before",
		"duration_min", "duration_max", "limit",
		"cursor", "fields", "format", "at")
	if err != nil {
		return nil, nil, err
	}
	l := &listing{as: listed, mark: markOf(q), text: q.text("q")}
	l.filter = filterOf(q)
	if utf8Length(l.text) > 200 {
		q.wrong("q", "must be at most 200 characters")
	}
	l.filter.Limit = int(q.integer("limit", defaultLimit, 0, mostLimit))
	if l.filter.Limit == 0 {
		l.all, l.filter.Limit = true, mostLimit
	}
	if q.choice("fields", "summary", "all") == "summary" {
		l.as = summary
	}
	l.format = formatOf(r, q, asJSON, asNDJSON, asCSV)
	l.readCursor(q)
	return l, q, q.err()
}

// filterOf reads the filters that the views answer.
func filterOf(q *query) projection.Query {
	f := projection.Query{
		Types:         q.names("task_type"),
		Queues:        q.names("queue"),
		Tags:          q.list("tag"),
		CreatedAfter:  q.moment("created_after"),
		CreatedBefore: q.moment("created_before"),
		MinRun:        q.seconds("duration_min"),
		MaxRun:        q.seconds("duration_max"),
	}
	if parent := q.text("parent"); parent != "" {
		var ok bool
		if f.Parent, ok = task.ParseID(parent); !ok {
			q.wrong("parent", "must be the id of a task")
		}
	}
	for _, name := range q.list("status") {
		status, ok := task.ParseStatus(name)
		if !ok {
			q.wrong("status", "must be PENDING, RUNNING, SUCCESS, FAILED or CANCELLED")
			break
		}
		f.Statuses = append(f.Statuses, status)
	}
	for _, name := range q.list("waiting") {
		state, ok := projection.ParseWaitState(name)
		if !ok {
			q.wrong("waiting", "must be ready, scheduled, backoff, blocked or suspended")
			break
		}
		f.Waiting = append(f.Waiting, state)
	}
	for _, key := range []string{"status", "waiting", "task_type", "queue", "tag"} {
		if len(q.values[key]) > mostFilters {
			q.wrong(key, "must be given at most "+itoa(mostFilters)+" times")
		}
	}
	return f
}

// names is the values of key, which must be names of types or queues.
func (q *query) names(key string) []string {
	list := q.list(key)
	for _, name := range list {
		if !task.ValidName(name) {
			q.wrong(key, "must be 1 to 64 of A-Z a-z 0-9 . _ -")
			break
		}
	}
	return list
}

func utf8Length(s string) int { return len([]rune(s)) }

// markOf is a short hash of the filters, the same for the same filters in any order.
func markOf(q *query) (mark [8]byte) {
	h := sha256.New()
	for _, key := range filterKeys {
		list := slices.Clone(q.list(key))
		sort.Strings(list)
		for _, value := range list {
			fmt.Fprintf(h, "%s=%d:%s\n", key, len(value), value)
		}
	}
	copy(mark[:], h.Sum(nil))
	return mark
}

// cursor is where the next page begins, for these filters alone.
func (l *listing) cursor(at listPlace, seen int64) string {
	b := append([]byte(nil), l.mark[:]...)
	b = binary.AppendUvarint(b, uint64(at.seq))
	b = binary.AppendUvarint(b, uint64(seen))
	if at.due != 0 {
		b = binary.AppendUvarint(b, uint64(at.due))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func (l *listing) readCursor(q *query) {
	text := q.text("cursor")
	if text == "" {
		return
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < len(l.mark)+2 {
		q.wrong("cursor", "is not a cursor of this server; take it from the Link header of the page before")
		return
	}
	if [8]byte(b[:8]) != l.mark {
		q.wrong("cursor", "belongs to other filters; begin again without it")
		return
	}
	seq, n := binary.Uvarint(b[8:])
	seen, m := binary.Uvarint(b[8+max(n, 0):])
	due, k := uint64(0), 0
	if l.filter.IsByDue() && l.text == "" && n > 0 && m > 0 {
		due, k = binary.Uvarint(b[8+n+m:])
	}
	const most = 1 << 62
	if n <= 0 || m <= 0 || k < 0 || 8+n+m+k != len(b) || seq == 0 || seq > most || seen > most || due > most {
		q.wrong("cursor", "is not a cursor of this server; take it from the Link header of the page before")
		return
	}
	l.goOn(listPlace{int64(seq), task.Micros(due)}, int64(seen))
}

// taskWriter writes tasks in the format that was asked for, a page at a time.
type taskWriter struct {
	out   *long
	l     *listing
	begun bool // a task was written: the next needs a separator
}

func (w *taskWriter) write(ctx context.Context, tasks []task.Task) error {
	if !w.begun {
		switch w.l.format {
		case asJSON:
			w.out.b = append(w.out.b, '[')
		case asCSV:
			w.out.b = appendCSV(w.out.b, csvColumns, w.l.as)
		}
	}
	for one, err := range w.l.from.rows(ctx, tasks, w.l.as) {
		if err != nil {
			return err
		}
		switch w.l.format {
		case asCSV:
			w.out.b = appendCSV(w.out.b, csvRecord(one), w.l.as)
		case asNDJSON:
			w.out.b = append(appendRow(w.out.b, one, w.l.as), '\n')
		default:
			if w.begun {
				w.out.b = append(w.out.b, ',')
			}
			w.out.b = appendRow(w.out.b, one, w.l.as)
		}
		w.begun = true
		if err := w.out.room(); err != nil {
			return err
		}
	}
	w.begun = w.begun || len(tasks) == 0
	return nil
}

func (w *taskWriter) end() error {
	if w.l.format == asJSON {
		w.out.b = append(w.out.b, ']')
	}
	return w.out.end()
}
