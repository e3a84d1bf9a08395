package outbox

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostKey is the most bytes of an idempotency key.
const mostKey = 255

// batchOf are the texts of the first rows that may go in one batch: each is the task as it is in its row, and the key of the row. It
// ends before a task that has no place for the key, which must go alone for the server to say what is wrong with it.
func batchOf(rows []row) (batch [][]byte) {
	size := 0
	for i := range rows {
		one := withKey(&rows[i])
		if size += len(one); one == nil || size > batchBytes {
			break
		}
		batch = append(batch, one)
	}
	return batch
}

// withKey is the text of a task with the key of its row as first field; nil if the text is no object or has a key of its own.
func withKey(one *row) []byte {
	fields := fieldsOf(one)
	if _, own := fields["idempotency_key"]; own || fields == nil || !isKey(one.key) {
		return nil
	}
	key, err := json.Marshal(one.key)
	if err != nil {
		return nil
	}
	before, after, _ := bytes.Cut(one.task, []byte("{"))
	text := append(append(append([]byte{}, before...), `{"idempotency_key":`...), key...)
	if len(fields) > 0 {
		text = append(text, ',')
	}
	return append(text, after...)
}

// hasOwnKey reports whether the text of a task has an idempotency key of its own.
func hasOwnKey(one *row) bool {
	_, own := fieldsOf(one)["idempotency_key"]
	return own
}

// fieldsOf are the fields of a task; nil if its text is no JSON object.
func fieldsOf(one *row) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(one.task, &fields) != nil {
		return nil
	}
	return fields
}

// isKey reports whether the server takes a key.
func isKey(key string) bool {
	return key != "" && len(key) <= mostKey && utf8.ValidString(key) && !strings.ContainsFunc(key, func(c rune) bool { return !unicode.IsPrint(c) })
}

// arrayOf is the JSON array of texts.
func arrayOf(texts [][]byte) []byte {
	return append(append([]byte("["), bytes.Join(texts, []byte(","))...), ']')
}
