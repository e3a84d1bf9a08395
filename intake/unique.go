package intake

import (
	"crypto/sha256"
	"encoding/hex"

	"daybook/internal/jsontext"
	"daybook/task"
)

// unique reads {"key","while","for_seconds","on_conflict","max_delay_seconds"}, each optional.
func (r *request) unique(value []byte) *task.UniqueSubmit {
	if !jsontext.IsObject(value) {
		r.wrong("/unique", `must be an object; {} makes the task unique by its type and parameters while it is live`)
		return nil
	}
	u := new(task.UniqueSubmit)
	live := false
	for key, value := range jsontext.Members(value) {
		if jsontext.IsNull(value) && knownUnique(key) {
			continue
		}
		live = live || string(key) == "while"
		r.uniqueField(u, key, value)
	}
	if live && u.For > 0 {
		r.wrong("/unique/for_seconds", "must not be given together with while; send one of them")
	}
	if u.MaxDelay > 0 && u.OnConflict != task.ConflictReplace {
		r.wrong("/unique/max_delay_seconds", "needs on_conflict to be replace")
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

func (r *request) uniqueField(u *task.UniqueSubmit, key, value []byte) {
	most := task.MaxUniqueFor.Duration().Seconds()
	switch string(key) {
	case "key":
		if u.Key = r.text("/unique/key", value); value[0] == '"' && u.Key == "" {
			r.wrong("/unique/key", "must be 1 to 255 bytes of printable characters; leave it out to use the parameters")
		}
	case "while":
		if text := r.text("/unique/while", value); value[0] == '"' && text != "live" {
			r.wrong("/unique/while", "must be live; send for_seconds instead for a time")
		}
	case "for_seconds":
		u.For = r.seconds("/unique/for_seconds", value, 0.001, most)
	case "on_conflict":
		var known bool
		if value[0] == '"' {
			u.OnConflict, known = task.ParseOnConflict(jsontext.Unquote(value))
		}
		if !known {
			r.wrong("/unique/on_conflict", "must be return, replace or reject")
		}
	case "max_delay_seconds":
		u.MaxDelay = r.seconds("/unique/max_delay_seconds", value, 0.001, most)
	default:
		r.wrong("/unique/"+jsontext.EscapePointer(string(key)), "is not a field of this request")
	}
}

// parametersKey is how the keys begin that stand for parameters.
const parametersKey = "parameters:"

// keyOfParameters is the unique key of a submit that names none: it stands for its parameters,
// which are canonical and have the defaults in them. The order of their members and the spelling
// of texts and numbers make no difference.
func keyOfParameters(parameters []byte) string {
	if len(parameters) == 0 {
		parameters = none
	}
	hash := sha256.Sum256(jsontext.AppendRFC8785(nil, parameters))
	return parametersKey + hex.EncodeToString(hash[:16])
}
