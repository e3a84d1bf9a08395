package client

import "fmt"

// splitArray returns the elements of a JSON array that must have n.
func splitArray(text []byte, n int) ([][]byte, error) {
	all, ok := elementsOf(text, n)
	if !ok {
		return nil, fmt.Errorf("the answer to a batch is no array")
	}
	if len(all) != n {
		return nil, fmt.Errorf("the answer to a batch of %d has %d tasks", n, len(all))
	}
	return all, nil
}

// elementsOf returns the elements of a JSON array that has about n, or tells that it is
// none. It finds where they begin and end and looks no closer: who decodes all elements
// sees whether they, and so the array, are JSON. The elements lie in text. An array
// without any has one that is empty.
func elementsOf(text []byte, n int) (all [][]byte, ok bool) {
	text = trim(text)
	if len(text) < 2 || text[0] != '[' || text[len(text)-1] != ']' {
		return nil, false
	}
	inside := text[1 : len(text)-1]
	all = make([][]byte, 0, n)
	depth, start := 0, 0
	for i := 0; i < len(inside); i++ {
		switch inside[i] {
		case '"':
			i = endOfString(inside, i)
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			if depth == 0 {
				all = append(all, trim(inside[start:i]))
				start = i + 1
			}
		}
	}
	return append(all, trim(inside[start:])), true
}

// endOfString is where the string ends that begins at text[at]: at its second quote, or
// at the end of a text that is cut.
func endOfString(text []byte, at int) int {
	for i := at + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(text)
}
