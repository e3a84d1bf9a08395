package api

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/intake"
	"daybook/internal/jsontext"
	"daybook/task"
)

// objectBody reads the body of a call that takes an object, as canonical JSON. None is an error: a client that lost
// its body must not change anything.
func (a *API) objectBody(p *reply, r *http.Request) ([]byte, error) {
	text, err := a.optionalBody(p, r)
	if err == nil && text == nil {
		return nil, invalid("", "must not be empty: send a JSON object, or {} to give no field")
	}
	return text, err
}

// optionalObject reads the body of a call that may have none, which is an empty object.
func (a *API) optionalObject(p *reply, r *http.Request) ([]byte, error) {
	text, err := a.optionalBody(p, r)
	if err == nil && text == nil {
		text = []byte("{}")
	}
	return text, err
}

// optionalBody reads the body of a call as canonical JSON; nil if there is none.
func (a *API) optionalBody(p *reply, r *http.Request) ([]byte, error) {
	if err := noQuery(r); err != nil {
		return nil, err
	}
	if err := wantJSON(r); err != nil {
		return nil, err
	}
	raw := borrow()
	defer giveBack(raw)
	if err := a.readBody(p, r, raw, maxLeaseBody); err != nil {
		return nil, err
	}
	if len(*raw) == 0 {
		return nil, nil
	}
	return jsontext.Canonical(nil, *raw, maxDepth+4) // a result lies in a report in a list
}

// object reads an object of a request, field by field. It collects what is wrong, with JSON
// pointers below at.
type object struct {
	at  string
	bad *[]task.FieldError
}

// each calls field for the fields of a value that must be an object; false from it means that there
// is no such field.
func (o object) each(value []byte, field func(o object, key string, value []byte) bool) {
	if !jsontext.IsObject(value) {
		o.wrong("must be a JSON object")
		return
	}
	for key, value := range jsontext.Members(value) {
		at, busy := busyFields[string(key)]
		name := strings.TrimPrefix(at, "/")
		if !busy {
			name = string(key)
			at = "/" + jsontext.EscapePointer(name)
		}
		inner := object{o.at + at, o.bad}
		if !field(inner, name, value) {
			inner.wrong("is not a field of this request")
		}
	}
}

// busyFields are the pointers to the fields that workers send all the time. They are not allocated.
var busyFields = func() map[string]string {
	pointers := map[string]string{}
	for _, name := range strings.Fields("worker build task_types queues max wait_seconds lease_seconds poll_id reports token do result outcome log tokens") {
		pointers[name] = "/" + name
	}
	return pointers
}()

func (o object) wrong(detail string) {
	*o.bad = append(*o.bad, task.FieldError{Pointer: o.at, Detail: detail})
}

// has reports whether something is wrong at the pointer.
func (o object) has(pointer string) bool {
	return slices.ContainsFunc(*o.bad, func(f task.FieldError) bool { return f.Pointer == pointer })
}

// text is a string of least to most bytes.
func (o object) text(value []byte, least, most int) string {
	if value[0] != '"' {
		o.wrong("must be a string")
		return ""
	}
	text := jsontext.Unquote(value)
	if len(text) < least || len(text) > most {
		size := strconv.Itoa(least) + " to " + strconv.Itoa(most)
		if least == 0 {
			size = "at most " + strconv.Itoa(most)
		}
		o.wrong("must have " + size + " bytes")
		return ""
	}
	return text
}

// plainText is text for people, which reads as it is written: without bidirectional controls.
func (o object) plainText(value []byte, least, most int) string {
	text := o.text(value, least, most)
	if jsontext.HasBidi(text) {
		o.wrong("must not have bidirectional control characters, such as U+202E: they reorder the text beside them")
	}
	return text
}

// names is a list of at most the given number of names of types or queues; never nil.
func (o object) names(value []byte, most int) []string {
	list := []string{}
	o.items(value, most, func(o object, value []byte) {
		if name := o.text(value, 1, 64); name != "" && !task.NewName(name) {
			o.wrong(task.NameRule)
		} else {
			list = append(list, name)
		}
	})
	return list
}

// items calls item for each of a list.
func (o object) items(value []byte, most int, item func(o object, value []byte)) {
	if !jsontext.IsArray(value) {
		o.wrong("must be a list")
		return
	}
	n := 0
	for inner := range jsontext.Items(value) {
		if n == most {
			o.wrong("must have at most " + strconv.Itoa(most) + " items")
			return
		}
		item(object{o.at + "/" + strconv.Itoa(n), o.bad}, inner)
		n++
	}
}

// number is a number from least to most.
func (o object) number(value []byte, least, most float64) float64 {
	f, err := strconv.ParseFloat(string(value), 64)
	if !jsontext.IsNumber(value) || err != nil || f < least || f > most {
		o.wrong("must be a number between " + strconv.FormatFloat(least, 'f', -1, 64) + " and " + strconv.FormatFloat(most, 'f', -1, 64))
		return least
	}
	return f
}

// integer is a whole number from least to most.
func (o object) integer(value []byte, least, most int) int {
	f := o.number(value, float64(least), float64(most))
	if f != math.Trunc(f) {
		o.wrong("must be a whole number")
	}
	return int(f)
}

// yes is true or false.
func (o object) yes(value []byte) bool {
	if value[0] != 't' && value[0] != 'f' {
		o.wrong("must be true or false")
	}
	return value[0] == 't'
}

// span is a number of seconds as a span.
func (o object) span(value []byte, least, most float64) task.Micros {
	return task.Micros(math.Round(o.number(value, least, most) * float64(task.Second)))
}

// instant is an RFC 3339 time from 1970 on: that of a clock that was never set too.
func (o object) instant(value []byte) time.Time {
	if value[0] == '"' {
		if at, ok := intake.ParseInstant(jsontext.Unquote(value)); ok {
			return at
		}
	}
	o.wrong("must be a time with its zone, like 2026-11-24T12:00:00Z, between 1970 and 9999")
	return time.Time{}
}

// moment is an RFC 3339 time after the begin of 1970.
func (o object) moment(value []byte) task.Micros {
	if value[0] == '"' {
		if at, ok := intake.ParseTime(jsontext.Unquote(value)); ok {
			return at
		}
	}
	o.wrong("must be a time with its zone, like 2026-11-24T12:00:00Z, between 1970 and 9999")
	return 0
}
