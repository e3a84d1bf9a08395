package load

import (
	"iter"
	"slices"

	"daybook/internal/jsontext"
)

// ids iterates over the ids of the tasks in an answer: one task, or an array of tasks; over none
// in any other text.
func ids(body []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		text, err := jsontext.Canonical(nil, body, 100)
		if err != nil {
			return
		}
		tasks := jsontext.Items(text)
		if jsontext.IsObject(text) {
			tasks = slices.Values([][]byte{text})
		}
		for one := range tasks {
			for key, value := range jsontext.Members(one) {
				if string(key) == "id" && value[0] == '"' && !yield(value[1:len(value)-1]) {
					return
				}
			}
		}
	}
}
