package api

import (
	"fmt"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"daybook/intake"
	"daybook/internal/jsontext"
	"daybook/task"
)

// Limits of requests.
const (
	maxSubmit    = 1 << 20  // bytes of a submit
	maxBatch     = 16 << 20 // bytes of a batch
	maxBatchSize = 1000     // submits in a batch
	maxDepth     = 32       // nesting of a submit's parameters
	maxQuery     = 16 << 10 // bytes of a query string
)

// wantJSON refuses a body that says it is something else.
func wantJSON(r *http.Request, also ...string) error {
	said := r.Header.Get("Content-Type")
	if said == "" || said == "application/json" {
		return nil
	}
	kind, _, err := mime.ParseMediaType(said) // a charset has no effect (RFC 8259, section 11)
	if err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json") || slices.Contains(also, kind)) {
		return nil
	}
	return unsupported(append([]string{"application/json"}, also...)...)
}

func unsupported(types ...string) *problem {
	return &problem{Status: http.StatusUnsupportedMediaType, Kind: "unsupported-media-type",
		Detail: "Send the body as " + strings.Join(types, " or ") + ", in UTF-8, and say so in Content-Type."}
}

// noBody refuses a body with anything in it but an empty object, on calls that take none.
func (a *API) noBody(p *reply, r *http.Request) error {
	if r.ContentLength == 0 || r.Body == nil {
		return nil
	}
	buffer := borrow()
	defer giveBack(buffer)
	if err := a.readBody(p, r, buffer, maxSubmit); err != nil {
		return err
	}
	if len(strings.TrimSpace(string(*buffer))) == 0 {
		return nil
	}
	if err := wantJSON(r); err != nil {
		return err
	}
	text, err := jsontext.Canonical(nil, *buffer, maxDepth)
	if err != nil {
		return err
	}
	if !jsontext.IsObject(text) {
		return invalid("", "this call takes no body, or an empty object")
	}
	for key := range jsontext.Members(text) {
		return invalid("/"+jsontext.EscapePointer(string(key)), "is not a field of this request; it takes none")
	}
	return nil
}

// query is a query string of which every key is known. It collects what is wrong.
type query struct {
	values url.Values
	bad    []task.FieldError
}

// queryOf reads the query string. Keys that end in "*" may repeat.
func queryOf(r *http.Request, allowed ...string) (*query, error) {
	q := &query{}
	if r.URL.RawQuery == "" {
		return q, nil
	}
	if len(r.URL.RawQuery) > maxQuery {
		return nil, invalid("?", "the query string is longer than "+itoa(maxQuery)+" bytes")
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invalid("?", "the query string is malformed; percent-encode its values")
	}
	q.values = values
	for key, list := range values {
		switch {
		case slices.Contains(allowed, key+"*"):
		case !slices.Contains(allowed, key):
			q.wrong(key, "is not a parameter of this call; it takes "+strings.ReplaceAll(strings.Join(allowed, ", "), "*", ""))
		case len(list) > 1:
			q.wrong(key, "must be given once")
		}
		for _, value := range list {
			if !cleanText(value) {
				q.wrong(key, "must be valid UTF-8 without NUL")
			}
		}
	}
	return q, nil
}

func (q *query) wrong(key, detail string) {
	q.bad = append(q.bad, task.FieldError{Pointer: "?" + key, Detail: detail})
}

// err is what is wrong, nil when nothing is.
func (q *query) err() error {
	if q.bad == nil {
		return nil
	}
	slices.SortStableFunc(q.bad, func(a, b task.FieldError) int { return strings.Compare(a.Pointer, b.Pointer) })
	return invalids(q.bad)
}

// text is the value of key, "" when it is absent or empty.
func (q *query) text(key string) string { return q.values.Get(key) }

// list is the values of key that are not empty.
func (q *query) list(key string) []string {
	var list []string
	for _, value := range q.values[key] {
		if value != "" {
			list = append(list, value)
		}
	}
	return list
}

// integer is the whole number of key from least to most, or what it is when absent.
func (q *query) integer(key string, absent, least, most int64) int64 {
	text := q.text(key)
	if text == "" {
		return absent
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		q.wrong(key, fmt.Sprintf("must be a whole number between %d and %d", least, most))
		return absent
	}
	return n
}

// moment is the RFC 3339 time of key, 0 when absent.
func (q *query) moment(key string) task.Micros {
	text := q.text(key)
	if text == "" {
		return 0
	}
	at, ok := intake.ParseTime(text)
	if !ok {
		q.wrong(key, "must be a time like 2026-11-24T12:00:00Z, between 1970 and 9999"+lostPlus(text))
	}
	return at
}

// lostPlus is what to do if a time has a space, which is how a + of a URL is read; else "".
func lostPlus(text string) string {
	if strings.Contains(text, " ") {
		return "; write + as %2B"
	}
	return ""
}

// choice is the value of key, which must be one of these; "" when absent.
func (q *query) choice(key string, of ...string) string {
	text := q.text(key)
	if text != "" && !slices.Contains(of, text) {
		q.wrong(key, "must be "+strings.Join(of, " or "))
		return ""
	}
	return text
}

// seconds is the span of key in seconds, to the microsecond, 0 when absent.
func (q *query) seconds(key string) task.Micros {
	text := q.text(key)
	if text == "" {
		return 0
	}
	const most = 1e9 // seconds
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n <= most) {
		q.wrong(key, "must be a number of seconds between 0 and 1000000000")
		return 0
	}
	return task.Micros(math.Round(n * float64(task.Second)))
}
