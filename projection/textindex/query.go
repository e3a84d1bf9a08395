package textindex

import (
	"slices"
	"strings"
)

// maxQuery is how many words of a query count.
const maxQuery = 32

// Query is a set of words, each of which must begin a word of a document.
type Query struct {
	words []string // folded; the longest first; none begins another
}

// ParseQuery reads the words of a text as a person types it: a backslash is no escape.
// Of more than 32 words the first 32 count.
func ParseQuery(text string) Query {
	s := scanner{text: []byte(text[:min(len(text), maxText)])}
	var words []string
	for word := s.next(); word != nil && len(words) < maxQuery; word = s.next() {
		if !slices.Contains(words, string(word)) {
			words = append(words, string(word))
		}
	}
	slices.SortStableFunc(words, func(a, b string) int { return len(b) - len(a) })
	var q Query
	for _, word := range words {
		if !slices.ContainsFunc(q.words, func(longer string) bool { return strings.HasPrefix(longer, word) }) {
			q.words = append(q.words, word)
		}
	}
	return q
}

// Empty reports whether the query has no word. It then matches nothing.
func (q Query) Empty() bool { return len(q.words) == 0 }

// Matches reports whether a document with these JSON texts matches: the words of the
// query may lie in different texts. It says what Search says of the same texts.
func (q Query) Matches(texts ...[]byte) bool {
	var s scanner
	s.scan(texts)
	missing := uint64(1)<<len(q.words) - 1
	if missing == 0 {
		return false
	}
	for word := s.next(); word != nil; word = s.next() {
		for i, prefix := range q.words {
			if len(word) >= len(prefix) && string(word[:len(prefix)]) == prefix {
				missing &^= 1 << i
			}
		}
		if missing == 0 {
			return true
		}
	}
	return false
}
