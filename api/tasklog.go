package api

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/api/eventstream"
	"daybook/internal/jsontext"
	"daybook/internal/logline"
	"daybook/task"
	"daybook/tasklog"

	"github.com/oklog/ulid/v2"
)

// Limits of lines of task logs.
const (
	maxLogLines  = 10_000 // that one call brings
	maxReportLog = 1000   // that come with one report
	logPage      = 1000   // lines of one answer
)

// logLines reads a list of lines.
func (o object) logLines(value []byte) (list []logline.Line) {
	if jsontext.IsNull(value) {
		return nil
	}
	o.items(value, maxReportLog, func(o object, value []byte) { list = append(list, o.logLine(value)) })
	return list
}

// logLine reads one line: its time is now and its level info unless it says another.
func (o object) logLine(value []byte) logline.Line {
	l := logline.Line{At: time.Now(), Level: slog.LevelInfo}
	said := false
	o.each(value, func(o object, key string, value []byte) bool {
		null := jsontext.IsNull(value)
		switch key {
		case "at":
			if !null {
				l.At = o.instant(value)
			}
		case "level":
			if !null {
				l.Level = o.logLevel(value)
			}
		case "text":
			said = true
			l.Text = jsontext.WithoutBidi(o.text(value, 0, logline.MaxBytes))
		case "attributes":
			switch {
			case null:
			case !jsontext.IsObject(value):
				o.wrong("must be a JSON object")
			case len(value) > len("{}"):
				l.Attributes = bytes.Clone(value)
			}
		default:
			return false
		}
		return true
	})
	if !said && jsontext.IsObject(value) {
		object{o.at + "/text", o.bad}.wrong("must be given")
	}
	if l.Size() > logline.MaxBytes {
		o.wrong("text and attributes of a line have at most " + strconv.Itoa(logline.MaxBytes) + " bytes; make it shorter")
	}
	return l
}

// logLevel is the level of a line.
func (o object) logLevel(value []byte) slog.Level {
	level, ok := logline.ParseLevel(o.text(value, 0, 10))
	if !ok {
		o.wrong("must be debug, info, warn or error")
	}
	return level
}

// leaseLog answers POST /api/leases/{token}/log: all of the lines are kept, or none.
func (a *API) leaseLog(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if err := wantJSON(r, "application/x-ndjson", "application/ndjson"); err != nil {
		return err
	}
	id, err := a.sched().TaskOf(p.id)
	if err != nil {
		return err
	}
	raw, clean := borrow(), borrow()
	defer giveBack(raw)
	defer giveBack(clean)
	if err := a.readBody(p, r, raw, maxBatch); err != nil {
		return err
	}
	items, err := logItems(r, *raw, clean)
	if err != nil {
		return err
	}
	var bad []task.FieldError
	list := make([]logline.Line, len(items))
	for i, item := range items {
		list[i] = object{"/" + strconv.Itoa(i), &bad}.logLine(item)
	}
	if bad != nil {
		return invalids(bad)
	}
	if err := a.keepLines(r.Context(), id, list); err != nil {
		return err
	}
	var w jsontext.Writer
	w.Object()
	w.Key("lines").Int(int64(len(list)))
	w.EndObject()
	return p.send(typeJSON, w)
}

// logItems returns the canonical JSON of each line; they lie in clean.
func logItems(r *http.Request, raw []byte, clean *[]byte) (items [][]byte, err error) {
	if kind := r.Header.Get("Content-Type"); strings.HasPrefix(kind, "application/x-ndjson") || strings.HasPrefix(kind, "application/ndjson") {
		items, err = lines(raw, clean)
	} else {
		items, err = arrayItems(raw, clean, "lines; send one line a line as application/x-ndjson")
	}
	if err == nil && (len(items) == 0 || len(items) > maxLogLines) {
		err = invalid("", "must hold 1 to "+strconv.Itoa(maxLogLines)+" lines")
	}
	return items, err
}

// keepLines puts lines into the log of a task whose attempt a worker holds.
func (a *API) keepLines(ctx context.Context, id ulid.ULID, list []logline.Line) error {
	t := a.Views.InMemory(id)
	return a.TaskLogs.Append(ctx, id, t.Attempt, list)
}

// keepLinesOf keeps the lines that come with a report. They never stand in the way of the report: what
// it says of its lease is the answer.
func (a *API) keepLinesOf(r *http.Request, one *report) {
	if len(one.log) == 0 {
		return
	}
	if id, err := a.sched().TaskOf(one.token); err == nil {
		_ = a.keepLines(r.Context(), id, one.log) // the store has said why
	}
}

// taskLog answers GET /api/tasks/{id}/log: a page of lines, or a stream of all that come.
func (a *API) taskLog(p *reply, r *http.Request) error {
	q, err := queryOf(r, "after", "before", "tail", "attempt", "level", "limit", "format")
	if err != nil {
		return err
	}
	if isEventStream(r) {
		return a.followTaskLog(p, r, q)
	}
	want := a.logQuery(q)
	want.After = q.integer("after", 0, 0, 1<<62)
	want.Before = q.integer("before", 0, 1, 1<<62)
	form := formatOf(r, q, asJSON, asNDJSON)
	path := "/api/tasks/" + strings.ToUpper(p.id) + "/log"
	if err := q.err(); err != nil {
		return err
	}
	id, err := a.logOf(p, r)
	if err != nil {
		return err
	}
	all := form == asNDJSON && !want.Tail && q.text("limit") == ""
	ctx := r.Context()
	if err := a.TaskLogs.Flush(ctx); err != nil {
		return err
	}
	if all && want.Before == 0 {
		want.Before = a.TaskLogs.Seq() + 1 // or it would go on for as long as the task does
	}
	p.shows(a.Views.Seq())
	p.Header()["Vary"] = []string{"Accept"}
	out := p.long(contentTypes[form])
	defer out.close()
	for n := 0; ; {
		page, more, err := a.TaskLogs.Read(ctx, id, want)
		if err != nil {
			return out.fail(err)
		}
		if n == 0 && len(page) == 0 && want.After == 0 {
			if page, err = a.evictedNotice(ctx, id); err != nil {
				return out.fail(err)
			}
		}
		if more && !all {
			key, value := "after", page[len(page)-1].Number
			if want.Tail {
				key, value = "before", page[0].Number
			}
			p.Header()["Link"] = []string{q.next(p, path, key, itoa(value))}
		}
		for i := range page {
			out.b = appendSeparated(out.b, form, n)
			out.b = appendLogLine(out.b, &page[i])
			n++
			if err := out.room(); err != nil {
				return err
			}
		}
		if more && all {
			want.After = page[len(page)-1].Number
			continue
		}
		out.b = appendClosed(out.b, form, n)
		return out.end()
	}
}

// logQuery reads which lines are wanted.
func (a *API) logQuery(q *query) (want tasklog.Query) {
	want.Attempt = int(q.integer("attempt", 0, 1, 1<<31-1))
	want.Level = logline.Levels[0]
	if text := q.text("level"); text != "" {
		var ok bool
		if want.Level, ok = logline.ParseLevel(text); !ok {
			q.wrong("level", "must be debug, info, warn or error; lines of higher levels come too")
		}
	}
	want.Limit = int(q.integer("limit", logPage, 1, logPage))
	if n := q.integer("tail", 0, 1, logPage); n > 0 {
		want.Tail, want.Limit = true, int(n)
		if q.text("limit") != "" {
			q.wrong("tail", "cannot be combined with limit: it says itself how many lines")
		}
	} else if q.text("before") != "" {
		q.wrong("before", "goes with tail: the last lines before that one")
	}
	return want
}

// logOf is the task of a request for its log.
func (a *API) logOf(p *reply, r *http.Request) (ulid.ULID, error) {
	id, err := a.taskID(p, r)
	if err != nil {
		return id, err
	}
	_, _, err = a.Views.Get(r.Context(), id)
	return id, err
}

// evictedNotice says in place of the log of an old task that it may have been removed. None if the task has lines.
func (a *API) evictedNotice(ctx context.Context, id ulid.ULID) ([]tasklog.Line, error) {
	until := a.TaskLogs.EvictedUntil()
	t, _, err := a.Views.Get(ctx, id)
	if err != nil || until.IsZero() || t.StartedAt == 0 || t.StartedAt.Time().After(until) {
		return nil, err
	}
	some, _, err := a.TaskLogs.Read(ctx, id, tasklog.Query{Limit: 1, Level: logline.Levels[0]})
	if err != nil || len(some) > 0 {
		return nil, err
	}
	return []tasklog.Line{{Line: logline.Line{At: until, Level: slog.LevelWarn,
		Text: "the log of this task may have been removed: the logs of the tasks that are silent for longest go first when all together are too large"}}}, nil
}

// isEventStream reports whether the client wants a stream of events.
func isEventStream(r *http.Request) bool {
	return slices.ContainsFunc(r.Header["Accept"], func(accept string) bool { return strings.Contains(accept, "text/event-stream") })
}

// followTaskLog streams the lines of a task: those that are there, or the last ones with tail, and those that come.
func (a *API) followTaskLog(p *reply, r *http.Request, q *query) error {
	for _, key := range []string{"before", "limit", "format"} {
		if q.text(key) != "" {
			q.wrong(key, "has no meaning in an event stream")
		}
	}
	want := a.logQuery(q)
	head := a.TaskLogs.Seq()
	open, err := a.opening(r, q, head, func(context.Context, int64) bool { return false })
	if err != nil {
		return err
	}
	id, err := a.logOf(p, r)
	if err != nil {
		return err
	}
	if q.text("after") == "" && r.Header.Get("Last-Event-ID") == "" {
		if open.After, err = a.beginOfTail(r.Context(), id, want); err != nil {
			return err
		}
	}
	want.Tail, want.Limit = false, logPage
	open.Pull = func(ctx context.Context, after, told int64) (eventstream.Message, error) {
		from := want
		from.After, from.Before = after, told+1
		return a.encodeLogLines(ctx, id, from)
	}
	return a.serveStream(p, r, a.taskLogFeed, open)
}

// beginOfTail is the number that the wanted last lines follow; 0 without tail.
func (a *API) beginOfTail(ctx context.Context, id ulid.ULID, want tasklog.Query) (int64, error) {
	if !want.Tail {
		return 0, nil
	}
	if err := a.TaskLogs.Flush(ctx); err != nil {
		return 0, err
	}
	page, more, err := a.TaskLogs.Read(ctx, id, want)
	if err != nil || !more {
		return 0, err
	}
	return page[0].Number - 1, nil
}

// encodeLogLines makes one message of the lines of a query; the client gets a message for each line.
func (a *API) encodeLogLines(ctx context.Context, id ulid.ULID, want tasklog.Query) (eventstream.Message, error) {
	page, more, err := a.TaskLogs.Read(ctx, id, want)
	if err != nil {
		return eventstream.Message{}, err
	}
	upTo := want.Before - 1
	if len(page) == 0 {
		return eventstream.Message{UpTo: upTo}, nil
	}
	var data []byte
	for i := range page {
		if i > 0 {
			if len(data) > chunkBytes {
				page, more = page[:i], true
				break
			}
			data = a.streams.AppendNext(data, page[i].Number)
		}
		data = appendLogLine(data, &page[i])
	}
	if more {
		upTo = page[len(page)-1].Number
	}
	return a.streams.Message(page[0].Number, data, upTo), nil
}

// appendLogLine appends a line as JSON. attempt is null for what the store says itself.
func appendLogLine(dst []byte, l *tasklog.Line) []byte {
	w := (*jsontext.Writer)(&dst)
	w.Object()
	w.Key("line").Int(l.Number)
	w.Key("at").Time(l.At.UnixMicro())
	if l.Attempt == 0 {
		w.Key("attempt").Null()
	} else {
		w.Key("attempt").Int(int64(l.Attempt))
	}
	w.Key("level").String(logline.LevelName(l.Level))
	w.Key("text").String(l.Text)
	if l.Attributes == nil {
		w.Key("attributes").Null()
	} else {
		w.Key("attributes").Raw(l.Attributes)
	}
	w.EndObject()
	return dst
}

// appendSeparated appends what comes before the item after n others.
func appendSeparated(dst []byte, form format, n int) []byte {
	switch {
	case form == asJSON:
		return append(dst, "[,"[min(n, 1)])
	case n > 0:
		return append(dst, '\n')
	}
	return dst
}

// appendClosed appends what comes after n items.
func appendClosed(dst []byte, form format, n int) []byte {
	switch {
	case form == asJSON && n == 0:
		return append(dst, "[]"...)
	case form == asJSON:
		return append(dst, ']')
	case n > 0:
		return append(dst, '\n')
	}
	return dst
}
