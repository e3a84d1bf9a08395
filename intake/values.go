package intake

import (
	"math"
	"strconv"
	"strings"
	"time"

	"daybook/internal/jsontext"
	"daybook/task"
)

// The following functions read single values of a submit. A wrong value is noted with its
// pointer and read as zero.

// text reads a string; what is not one is an error and "".
func (r *request) text(pointer string, value []byte) string {
	if value[0] != '"' {
		r.wrong(pointer, "must be a string")
		return ""
	}
	return jsontext.Unquote(value)
}

// name reads the name of a type or a queue. Known ones cost no allocation.
func (r *request) name(pointer string, value []byte) string {
	if value[0] == '"' {
		if known, ok := r.in.names[string(value[1:len(value)-1])]; ok {
			return known
		}
	}
	text := r.text(pointer, value)
	if value[0] == '"' && !task.NewName(text) {
		r.wrong(pointer, task.NameRule)
		return ""
	}
	return text
}

// integer reads a whole number from least to most.
func (r *request) integer(pointer string, value []byte, least, most int64) int64 {
	if !jsontext.IsNumber(value) {
		r.wrong(pointer, "must be a whole number")
		return 0
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil { // 3.0 and 1e2 are whole numbers too
		f, bad := strconv.ParseFloat(string(value), 64)
		if bad == nil && f != math.Trunc(f) {
			r.wrong(pointer, "must be a whole number")
			return 0
		}
		n = int64(max(min(f, 1e15), -1e15))
	}
	if n < least || n > most {
		r.wrong(pointer, "must be between "+strconv.FormatInt(least, 10)+" and "+strconv.FormatInt(most, 10))
		return 0
	}
	return n
}

// seconds reads a span from least to most seconds.
func (r *request) seconds(pointer string, value []byte, least, most float64) task.Micros {
	if !jsontext.IsNumber(value) {
		r.wrong(pointer, "must be a number of seconds")
		return 0
	}
	f, err := strconv.ParseFloat(string(value), 64)
	if err != nil || f < least || f > most {
		r.wrong(pointer, "must be between "+number(least)+" and "+number(most))
		return 0
	}
	return task.Micros(math.Round(f * float64(task.Second)))
}

// timeout reads a span of seconds, 0 for none.
func (r *request) timeout(pointer string, value []byte) task.Micros {
	if f, err := strconv.ParseFloat(string(value), 64); err == nil && f == 0 {
		return task.NoTimeout
	}
	least, most := 0.001, task.MaxTimeout.Duration().Seconds()
	before := len(r.bad)
	span := r.seconds(pointer, value, least, most)
	if len(r.bad) > before {
		r.bad[before].Detail = "must be a number of seconds between " + number(least) + " and " + number(most) + ", or 0 for no limit"
	}
	return span
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// moment reads an RFC 3339 time.
func (r *request) moment(pointer string, value []byte) task.Micros {
	if value[0] == '"' {
		if at, ok := ParseTime(jsontext.Unquote(value)); ok {
			return at
		}
	}
	r.wrong(pointer, "must be a time with its zone, like 2026-11-24T12:00:00Z or 2026-11-24T14:00:00+02:00, between 1970 and 9999")
	return 0
}

// ParseTime reads an RFC 3339 time after the begin of 1970 (0 stands for no time) and before 10000.
func ParseTime(text string) (task.Micros, bool) {
	at, ok := ParseInstant(text)
	if !ok || at.UnixMicro() == 0 {
		return 0, false
	}
	return task.MicrosOf(at), true
}

// ParseInstant reads an RFC 3339 time from 1970 to 9999.
func ParseInstant(text string) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text)) // RFC 3339 allows t and z
	if err != nil || at.Year() > 9999 || at.UnixMicro() < 0 {
		return time.Time{}, false
	}
	return at, true
}

// texts reads a list of strings.
func (r *request) texts(pointer string, value []byte) []string {
	if !jsontext.IsArray(value) {
		r.wrong(pointer, "must be a list of strings")
		return nil
	}
	var list []string
	for item := range jsontext.Items(value) {
		if len(list) == task.MaxTags {
			r.wrong(pointer, "must have at most "+strconv.Itoa(task.MaxTags)+" items")
			break
		}
		list = append(list, r.text(pointer+"/"+strconv.Itoa(len(list)), item))
	}
	return list
}

// backoff reads {"kind","base_seconds","max_seconds","jitter"}, each optional.
func (r *request) backoff(value []byte) *task.Backoff {
	if !jsontext.IsObject(value) {
		r.wrong("/backoff", "must be an object")
		return nil
	}
	b := task.DefaultBackoff
	bounded := false
	for key, value := range jsontext.Members(value) {
		bounded = bounded || string(key) == "max_seconds"
		if !jsontext.IsNull(value) || !knownBackoff(key) {
			r.backoffField(&b, key, value)
		}
	}
	if !bounded {
		b.Max = max(b.Max, b.Base)
	}
	return &b
}

func knownBackoff(key []byte) bool {
	switch string(key) {
	case "kind", "base_seconds", "max_seconds", "jitter":
		return true
	}
	return false
}

func (r *request) backoffField(b *task.Backoff, key, value []byte) {
	switch string(key) {
	case "kind":
		var known bool
		if value[0] == '"' {
			b.Kind, known = task.ParseBackoffKind(jsontext.Unquote(value))
		}
		if !known {
			r.wrong("/backoff/kind", "must be exponential, linear or constant")
		}
	case "base_seconds":
		b.Base = r.seconds("/backoff/base_seconds", value, 0, task.MaxBackoffBase.Duration().Seconds())
	case "max_seconds":
		b.Max = r.seconds("/backoff/max_seconds", value, 0, task.MaxBackoffMax.Duration().Seconds())
	case "jitter":
		if value[0] != 't' && value[0] != 'f' {
			r.wrong("/backoff/jitter", "must be true or false")
		}
		b.NoJitter = value[0] == 'f'
	default:
		r.wrong("/backoff/"+jsontext.EscapePointer(string(key)), "is not a field of this request")
	}
}
