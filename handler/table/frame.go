package table

import "bytes"

// isFrame reports whether a line is one that database clients draw or write around a table
// and is no row: +---+---+, (3 rows), 3 rows in set (0.00 sec).
func isFrame(line []byte) bool {
	line = trim(line)
	if len(line) < 3 {
		return false
	}
	switch last := line[len(line)-1]; {
	case line[0] == '+' && last == '+':
		return len(bytes.Trim(line, "+-=")) == 0 && bytes.ContainsAny(line, "-=")
	case line[0] == '(' && last == ')':
		return afterCountOfRows(line[1:len(line)-1]) == 0
	case line[0]-'0' <= 9 && (last == 't' || last == ')'):
		n := afterCountOfRows(line)
		if n <= 0 {
			return false
		}
		rest := line[len(line)-n:]
		return string(rest) == " in set" || bytes.HasPrefix(rest, []byte(" in set (")) || bytes.HasPrefix(rest, []byte(" in set, ")) && bytes.Contains(rest, []byte(" warning"))
	}
	return false
}

// afterCountOfRows returns how many bytes follow "3 rows" or "1 row", -1 if that is not there.
func afterCountOfRows(b []byte) int {
	digits := 0
	for digits < len(b) && b[digits]-'0' <= 9 {
		digits++
	}
	rest, ok := bytes.CutPrefix(b[digits:], []byte(" row"))
	if digits == 0 || !ok {
		return -1
	}
	return len(bytes.TrimPrefix(rest, []byte("s")))
}
