package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// long is an answer of unknown length. A short one is sent at once, with its length; a
// longer one is written in parts, so that it is never in memory as a whole.
type long struct {
	p      *reply
	kind   []string // Content-Type
	b      []byte   // what is not yet written
	shared *[]byte
	out    *rolling // nil until something was written
	beside int      // bytes that lie in memory to be written next
}

// gather is how much of an answer is collected before it is written, in bytes.
const gather = 256 << 10

func (p *reply) long(contentType string) *long {
	shared := borrow()
	return &long{p: p, kind: []string{contentType}, b: *shared, shared: shared}
}

// room writes what was collected if that is enough. Call it after each item.
func (l *long) room() error {
	if len(l.b) < gather {
		return nil
	}
	return l.flush()
}

// flush writes what was collected. If there is no memory for an answer that the client
// receives slowly, it is refused, or cut if it has begun.
func (l *long) flush() error {
	if err := l.p.reserveAnswer(len(l.b) + l.beside); err != nil && l.out != nil {
		panic(http.ErrAbortHandler)
	} else if err != nil {
		return err
	}
	if l.out == nil {
		l.p.Header()["Content-Type"] = l.kind
		l.out = &rolling{ResponseWriter: l.p, control: http.NewResponseController(l.p.ResponseWriter)}
		_ = l.out.control.SetReadDeadline(time.Time{}) // the server's is for the request
	}
	_, err := l.out.Write(l.b)
	l.b = l.b[:0]
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone or receives nothing
	}
	return nil
}

// end writes the rest.
func (l *long) end() error {
	if l.out == nil {
		return l.p.send(l.kind, l.b)
	}
	return l.flush()
}

// fail ends an answer that has begun: it is cut, so that it does not look complete. One that
// has not begun becomes the error.
func (l *long) fail(err error) error {
	if l.out != nil {
		panic(http.ErrAbortHandler)
	}
	return err
}

// close frees the buffers; defer it.
func (l *long) close() {
	if l.out != nil {
		_ = l.out.control.SetWriteDeadline(time.Time{}) // it would outlive the request
	}
	*l.shared = l.b
	giveBack(l.shared)
}

// format is how a list is written.
type format string

const (
	asJSON   format = "json"
	asNDJSON format = "ndjson"
	asCSV    format = "csv"
)

var contentTypes = map[format]string{
	asJSON:   "application/json",
	asNDJSON: "application/x-ndjson",
	asCSV:    "text/csv; charset=utf-8; header=present",
}

// mediaTypes are the names of the formats in Accept.
var mediaTypes = map[string]format{
	"application/json": asJSON, "application/x-ndjson": asNDJSON, "application/ndjson": asNDJSON, "text/csv": asCSV,
	"*/*": asJSON, "application/*": asJSON,
}

// formatOf reads ?format= and Accept. The best that is offered counts; when nothing of
// what the client accepts is offered it gets JSON.
func formatOf(r *http.Request, q *query, offered ...format) format {
	names := make([]string, len(offered))
	for i, f := range offered {
		names[i] = string(f)
	}
	if chosen := q.choice("format", names...); chosen != "" {
		return format(chosen)
	}
	best, weight := asJSON, 0.0
	for _, part := range strings.Split(strings.Join(r.Header["Accept"], ","), ",") {
		name, rest, _ := strings.Cut(strings.TrimSpace(part), ";")
		f, known := mediaTypes[strings.ToLower(strings.TrimSpace(name))]
		if known && slices.Contains(offered, f) {
			if w := quality(rest); w > weight {
				best, weight = f, w
			}
		}
	}
	return best
}

// quality is the q of an Accept item, 1 when it has none.
func quality(parameters string) float64 {
	for _, one := range strings.Split(parameters, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(one), "=")
		if strings.EqualFold(name, "q") {
			w, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0
			}
			return w
		}
	}
	return 1
}
