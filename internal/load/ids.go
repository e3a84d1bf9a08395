package load

import (
	"bytes"
	"iter"
)

// ids goes through the ids of the tasks in an answer: one task, or an array of tasks. It
// reads no more of the JSON than it must to tell a task's own "id" from one within its
// parameters, and ends where the text is not JSON.
func ids(body []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		body = bytes.TrimLeft(body, " \t\r\n")
		fields := 1 // depth of the tasks' own fields
		if len(body) > 0 && body[0] == '[' {
			fields = 2
		}
		depth, key := 0, false
		for i := 0; i < len(body); i++ {
			switch body[i] {
			case '{', '[':
				depth++
				key = body[i] == '{'
			case '}', ']':
				depth--
				key = false
			case ',':
				key = depth == fields
			case ':':
				key = false
			case '"':
				end := stringEnd(body, i)
				if end < 0 {
					return
				}
				if key && depth == fields && string(body[i+1:end]) == "id" {
					value, after := stringValue(body, end+1)
					if value == nil || !yield(value) {
						return
					}
					end = after
				}
				i = end
			}
		}
	}
}

// stringEnd is the index of the quote that ends the string at i, -1 if none does.
func stringEnd(text []byte, i int) int {
	for begin := i + 1; ; {
		next := bytes.IndexByte(text[i+1:], '"')
		if next < 0 {
			return -1
		}
		i += 1 + next
		escapes := 0
		for i-1-escapes >= begin && text[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i
		}
	}
}

// stringValue is the string that follows a key, and the index of the quote that ends it.
func stringValue(text []byte, i int) (value []byte, end int) {
	rest := bytes.TrimLeft(text[i:], " \t\r\n:")
	if len(rest) == 0 || rest[0] != '"' {
		return nil, 0
	}
	begin := len(text) - len(rest)
	if end = stringEnd(text, begin); end < 0 {
		return nil, 0
	}
	return text[begin+1 : end], end
}
