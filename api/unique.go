package api

import (
	"encoding/hex"
	"strings"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// unique reads {"key","while","for_seconds","on_conflict","max_delay_seconds"}, each optional.
func (s *submission) unique(value []byte) *task.UniqueSubmit {
	m, ok := membersOf(value)
	if !ok {
		s.wrong("/unique", `must be an object; {} makes the task unique by its type and parameters while it is live`)
		return nil
	}
	u := new(task.UniqueSubmit)
	live := false
	for {
		key, value, ok := m.next()
		if !ok {
			break
		}
		if isNull(value) && knownUnique(key) {
			continue
		}
		live = live || string(key) == "while"
		s.uniqueField(u, key, value)
	}
	if live && u.For > 0 {
		s.wrong("/unique/for_seconds", "must not be given together with while; send one of them")
	}
	if u.MaxDelay > 0 && u.OnConflict != task.ConflictReplace {
		s.wrong("/unique/max_delay_seconds", "needs on_conflict to be replace")
	}
	return u
}

func knownUnique(key []byte) bool {
	switch string(key) {
	case "key", "while", "for_seconds", "on_conflict", "max_delay_seconds":
		return true
	}
	return false
}

func (s *submission) uniqueField(u *task.UniqueSubmit, key, value []byte) {
	most := task.MaxUniqueFor.Duration().Seconds()
	switch string(key) {
	case "key":
		if u.Key = s.text("/unique/key", value); value[0] == '"' && u.Key == "" {
			s.wrong("/unique/key", "must be 1 to 255 bytes of printable characters; leave it out to use the parameters")
		}
	case "while":
		if text := s.text("/unique/while", value); value[0] == '"' && text != "live" {
			s.wrong("/unique/while", "must be live; send for_seconds instead for a time")
		}
	case "for_seconds":
		u.For = s.seconds("/unique/for_seconds", value, 0.001, most)
	case "on_conflict":
		var known bool
		if value[0] == '"' {
			u.OnConflict, known = task.ParseOnConflict(unquote(value))
		}
		if !known {
			s.wrong("/unique/on_conflict", "must be return, replace or reject")
		}
	case "max_delay_seconds":
		u.MaxDelay = s.seconds("/unique/max_delay_seconds", value, 0.001, most)
	default:
		s.wrong("/unique/"+escapePointer(string(key)), "is not a field of this request")
	}
}

// parametersKey is how the keys begin that stand for parameters.
const parametersKey = "parameters:"

// DefaultUniqueKey gives a submit that is to be unique, and names no key, one that stands for
// its parameters, which are canonical and have the defaults in them. The order of their
// members and the spelling of texts and numbers make no difference.
func DefaultUniqueKey(s *task.Submit) {
	if s.Unique != nil && s.Unique.Key == "" {
		s.Unique.Key = keyOfParameters(s.Parameters)
	}
}

func keyOfParameters(parameters []byte) string {
	if len(parameters) == 0 {
		parameters = []byte("{}")
	}
	hash := hashOf(parameters, "", appendNormal)
	return parametersKey + hex.EncodeToString(hash[:16])
}

// appendUnique appends the key that the task holds, and for how long; null for none.
func appendUnique(dst []byte, t *task.Task) []byte {
	if t.Links == nil || t.Links.Unique.Key == "" {
		return append(dst, "null"...)
	}
	u := &t.Links.Unique
	dst = append(dst, `{"key":`...)
	dst = appendText(dst, u.Key)
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
