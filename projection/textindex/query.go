package textindex

import (
	"slices"
	"strings"
)

// maxQuery is the maximum number of words of a query. More are ignored.
const maxQuery = 32

// Query is a set of words. A document matches if each of them is a prefix of one of its words.
type Query struct {
	words []string // folded; longest first; none is a prefix of another
}

// ParseQuery splits a text that a person typed into words. A backslash is not an escape. Only the first
// 32 words are used.
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

// Empty reports whether the query has no words. It then matches nothing.
func (q Query) Empty() bool { return len(q.words) == 0 }

// Matches reports whether a document with these JSON texts matches. The words of the query may be in
// different texts. Search finds a document if and only if its indexed texts match.
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
