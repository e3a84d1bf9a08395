package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"
)

const (
	mostEvents = 1000 // of one answer of /api/log
	eventPage  = 500  // events read at a time
)

// reading is one request for events.
type reading struct {
	after   int64
	limit   int // 0 = all there are
	filter  eventlog.Filter
	payload payloads
	people  bool // payloads about people too
	format  format
}

// payloads says which payloads come with their events.
type payloads string

const (
	noPayloads    payloads = ""
	allPayloads   payloads = "all"
	shortPayloads payloads = "texts" // messages, errors and reasons: not parameters, not results
)

// payloads reads ?payload=.
func (q *query) payloads() payloads {
	switch q.choice("payload", "1", "0", "true", "false", "texts") {
	case "1", "true":
		return allPayloads
	case "texts":
		return shortPayloads
	}
	return noPayloads
}

// of reports whether the payload of e is wanted. Those of tokens are about people: admins alone get them. Those of
// webhooks are secrets: nobody does.
func (want *reading) of(e *eventlog.Event) bool {
	if strings.HasPrefix(e.Stream, "token:") && !want.people || strings.HasPrefix(e.Stream, "webhook:") {
		return false
	}
	switch want.payload {
	case allPayloads:
		return e.HasPayload
	case shortPayloads:
		return e.HasPayload && e.Type != task.EventSubmitted.String() && e.Type != task.EventSucceeded.String() && e.Type != task.EventEnding.String()
	}
	return false
}

// readLog answers GET /api/log.
func (a *API) readLog(p *reply, r *http.Request) error {
	q, err := queryOf(r, "after", "limit", "stream*", "type*", "actor*", "payload", "format")
	if err != nil {
		return err
	}
	want := reading{
		after:   q.integer("after", 0, 0, 1<<62),
		limit:   int(q.integer("limit", 0, 1, mostEvents)),
		filter:  eventFilter(q),
		payload: q.payloads(),
		people:  p.caller.admin(),
		format:  formatOf(r, q, asJSON, asNDJSON),
	}
	want.filter.Actors = q.list("actor")
	if err := q.err(); err != nil {
		return err
	}
	if err := a.seesStreams(p, r, want.filter.Streams); err != nil {
		return err
	}
	if want.format == asJSON && want.limit == 0 {
		want.limit = defaultLimit
	}
	if want.limit > 0 {
		if err := q.checkLink(p, "/api/log", "after", longestSeq, "ask for all events in one answer as application/x-ndjson without limit"); err != nil {
			return err
		}
	}
	head := a.Log.Head().Seq
	p.shows(head)
	p.Header()["Vary"] = []string{"Accept"}
	out := p.long(contentTypes[want.format])
	defer out.close()
	ctx, cancel := a.waiting(p, r)
	defer cancel()
	return a.writeLog(ctx, out, &want, head, q)
}

// eventFilter reads the filters by stream and type.
func eventFilter(q *query) eventlog.Filter {
	f := eventlog.Filter{Streams: q.list("stream"), Types: q.list("type")}
	for _, name := range f.Types {
		if _, known := task.ParseEventType(name); strings.HasPrefix(name, "task.") && !known {
			q.wrong("type", "is not a type of event; docs/events.md lists them")
		}
	}
	for _, name := range f.Streams {
		if kind, rest, ok := strings.Cut(name, ":"); !ok || kind == "" || rest == "" || len(name) > 256 {
			q.wrong("stream", "must be a stream like task:01J… or queue:default")
		}
	}
	for _, key := range []string{"stream", "type", "actor"} {
		if len(q.values[key]) > mostFilters {
			q.wrong(key, "must be given at most "+itoa(mostFilters)+" times")
		}
	}
	return f
}

// writeLog writes events up to the head at the time of the request, or one page of them.
func (a *API) writeLog(ctx context.Context, out *long, want *reading, head int64, q *query) error {
	w := eventWriter{api: a, out: out, want: want}
	source := a.eventSource(ctx, want)
	if want.limit > 0 {
		page, more, err := pageOf(source, want, head)
		if err != nil {
			return err
		}
		if more {
			w.next(q, page[len(page)-1].Seq)
		}
		if err := w.write(ctx, page); err != nil {
			return err
		}
		return w.end()
	}
	for after := want.after; after < head; {
		events, scanned, err := source(after, eventPage)
		if err != nil {
			return err
		}
		if scanned <= after {
			break // the log has no more
		}
		after = scanned
		if err := w.write(ctx, upTo(head, events)); err != nil {
			return err
		}
		if len(events) > 0 && out.out != nil {
			if err := out.flush(); err != nil {
				return err
			}
		}
	}
	return w.end()
}

// pageOf reads one page, without payloads, before anything of it is written: the header
// says whether there may be more.
func pageOf(source eventSource, want *reading, head int64) (page []*eventlog.Event, more bool, err error) {
	after := want.after
	for after < head {
		events, scanned, err := source(after, max(min(eventPage, want.limit-len(page)), 1))
		if err != nil {
			return nil, false, err
		}
		if scanned <= after {
			break // the log has no more
		}
		after = scanned
		events = upTo(head, events)
		if len(page) == want.limit { // a look at what follows the page
			return page, len(events) > 0 || after < head, nil
		}
		page = append(page, events...)
	}
	return page, false, nil
}

// upTo leaves out what came after the head.
func upTo(head int64, events []*eventlog.Event) []*eventlog.Event {
	if late := slices.IndexFunc(events, func(e *eventlog.Event) bool { return e.Seq > head }); late >= 0 {
		return events[:late]
	}
	return events
}

// eventSource returns events after a seq, at most limit of them, and the seq up to which
// there are no others.
type eventSource func(after int64, limit int) (events []*eventlog.Event, scanned int64, err error)

// eventSource reads the log by seq, or, if all streams are of tasks, only the seqs that the
// views have for them.
func (a *API) eventSource(ctx context.Context, want *reading) eventSource {
	seqs, err := a.taskSeqs(ctx, want.filter.Streams)
	if err != nil || len(want.filter.Streams) == 0 {
		return func(after int64, limit int) ([]*eventlog.Event, int64, error) {
			page, err := a.Log.Read(ctx, after, want.filter, limit)
			return page.Events, page.Scanned, err
		}
	}
	return func(after int64, limit int) ([]*eventlog.Event, int64, error) {
		from, _ := slices.BinarySearch(seqs, after+1)
		some := seqs[from:min(len(seqs), from+limit)]
		if len(some) == 0 {
			return nil, 1 << 62, nil
		}
		events, err := a.Log.Events(ctx, some)
		return slices.DeleteFunc(events, func(e *eventlog.Event) bool { return !isWanted(&want.filter, e) }), some[len(some)-1], err
	}
}

// isWanted reports whether the filter has the type and the actor of e.
func isWanted(f *eventlog.Filter, e *eventlog.Event) bool {
	return (len(f.Types) == 0 || slices.Contains(f.Types, e.Type)) &&
		(len(f.Actors) == 0 || slices.Contains(f.Actors, e.Actor))
}

var errOtherStream = errors.New("a stream that is not of a task")

// taskSeqs returns the seqs of the events of these streams, if all of them are of tasks.
func (a *API) taskSeqs(ctx context.Context, streams []string) ([]int64, error) {
	var all []int64
	for _, stream := range streams {
		id, ok := task.ParseStream(stream)
		if !ok {
			return nil, errOtherStream
		}
		seqs, err := a.Views.History(ctx, id)
		if err != nil && !errors.Is(err, projection.ErrNotFound) {
			return nil, err
		}
		all = append(all, seqs...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// eventWriter writes events as an array or one a line.
type eventWriter struct {
	api  *API
	out  *long
	want *reading
	n    int // events written
}

// write writes the events, whose payloads it fetches some at a time.
func (w *eventWriter) write(ctx context.Context, events []*eventlog.Event) error {
	for len(events) > 0 {
		bodies, err := w.bodies(ctx, events)
		if err != nil {
			return err
		}
		w.out.beside = 0
		for _, body := range bodies {
			w.out.beside += len(body.bytes)
		}
		for i, body := range bodies {
			if err := w.event(events[i], body.bytes, body.damaged); err != nil {
				return err
			}
		}
		events = events[len(bodies):]
	}
	return nil
}

// payloadRoom is about the number of bytes of payloads that are in memory before they are written.
const payloadRoom = 1 << 20

var errEnough = errors.New("that is enough for now")

// bodies fetches the payloads of the first events, at least of one, and at most about
// payloadRoom bytes of them. nil stands for none, for one that was erased, and for one
// that is damaged.
func (w *eventWriter) bodies(ctx context.Context, events []*eventlog.Event) ([]payloadBody, error) {
	bodies := make([]payloadBody, len(events))
	if w.want.payload == noPayloads {
		return bodies, nil
	}
	var seqs []int64
	var of []int // events, by the index in seqs
	for i, e := range events {
		if w.want.of(e) {
			seqs, of = append(seqs, e.Seq), append(of, i)
		}
	}
	read, size := make([]bool, len(seqs)), 0
	err := w.api.Log.Payloads(ctx, seqs, func(i int, body []byte, err error) error {
		damaged := errors.Is(err, eventlog.ErrDamaged)
		if err != nil && !damaged && !errors.Is(err, eventlog.ErrErased) {
			return err
		}
		w.api.Payloads.Note(seqs[i], err)
		bodies[of[i]], read[i] = payloadBody{body, damaged}, true
		if size += len(body); size > payloadRoom && read[0] {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		return bodies, err
	}
	if missing := slices.Index(read, false); missing >= 0 {
		bodies = bodies[:of[missing]]
	}
	return bodies, nil
}

// payloadBody is the payload of an event.
type payloadBody struct {
	bytes   []byte // nil = there is none to show
	damaged bool
}

func (w *eventWriter) event(e *eventlog.Event, body []byte, damaged bool) error {
	if w.want.format == asJSON {
		w.out.b = append(w.out.b, "[,"[min(w.n, 1)])
	}
	switch {
	case damaged:
		w.out.b = append(w.out.b, e.JSON()...)
		w.out.b = append(w.out.b[:len(w.out.b)-1], `,"payload":null,"damaged":["payload"]}`...)
	case body == nil:
		w.out.b = append(w.out.b, e.JSON()...)
	default:
		w.out.b = eventlog.AppendJSON(w.out.b, e, body)
	}
	if w.want.format == asNDJSON {
		w.out.b = append(w.out.b, '\n')
	}
	w.n++
	return w.out.room()
}

// next sets the Link of the next page, which begins after the seq. Nothing is written yet.
func (w *eventWriter) next(q *query, after int64) {
	p := w.out.p
	p.Header()["Link"] = []string{q.next(p, "/api/log", "after", itoa(after))}
}

func (w *eventWriter) end() error {
	if w.want.format == asJSON {
		if w.n == 0 {
			w.out.b = append(w.out.b, '[')
		}
		w.out.b = append(w.out.b, ']')
	}
	return w.out.end()
}
