package api

import (
	"strings"

	"daybook/internal/canonical"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// appendUnique appends the key that the task holds, and for how long; null for none.
func appendUnique(dst []byte, t *task.Task) []byte {
	if t.Links == nil || t.Links.Unique.Key == "" {
		return append(dst, "null"...)
	}
	u := &t.Links.Unique
	dst = append(dst, `{"key":`...)
	dst = canonical.AppendText(dst, u.Key)
	if u.For == 0 {
		dst = append(dst, `,"while":"live"`...)
	} else {
		dst = append(dst, `,"for_seconds":`...)
		dst = appendSpan(dst, u.For)
		dst = append(dst, `,"until":`...)
		dst = appendMoment(dst, u.Until())
	}
	dst = append(dst, `,"since":`...)
	dst = appendMoment(dst, u.Since)
	return append(dst, '}')
}

// appendLinks appends what ties the task to others.
func appendLinks(dst []byte, t *task.Task) []byte {
	dst = append(dst, `,"unique":`...)
	dst = appendUnique(dst, t)
	var l task.Links
	if t.Links != nil {
		l = *t.Links
	}
	dst = appendOptionalID(append(dst, `,"retry_of":`...), l.RetryOf)
	dst = appendOptionalID(append(dst, `,"retried_as":`...), l.RetriedAs)
	return appendOptionalID(append(dst, `,"replaced_by":`...), l.ReplacedBy)
}

// appendOptionalID appends an id in quotes, null for none.
func appendOptionalID(dst []byte, id ulid.ULID) []byte {
	if id == (ulid.ULID{}) {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = appendID(dst, id)
	return append(dst, '"')
}

// csvLinks are the columns of appendLinks.
func csvLinks(t *task.Task) []string {
	if t.Links == nil {
		return []string{"", "", "", ""}
	}
	l := t.Links
	return []string{harmless(l.Unique.Key), csvID(l.RetryOf), csvID(l.RetriedAs), csvID(l.ReplacedBy)}
}

func csvID(id ulid.ULID) string {
	if id == (ulid.ULID{}) {
		return ""
	}
	return id.String()
}

// idList is ids with commas between them, at most a few.
func idList(ids []ulid.ULID) string {
	const most = 20
	var list []string
	for _, id := range ids[:min(len(ids), most)] {
		list = append(list, id.String())
	}
	return strings.Join(list, ", ")
}
