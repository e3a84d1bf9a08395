package task

// JSONError says where a JSON text is wrong and how.
type JSONError struct {
	Pointer string // RFC 6901, "" = the whole document
	Detail  string // "duplicate key", "must be valid UTF-8", …
}

func (e *JSONError) Error() string { return e.Pointer + ": " + e.Detail }

// CanonicalJSON checks that src is exactly one JSON value and appends it to dst
// without insignificant space. Numbers and strings keep the client's own spelling.
// Refused with a *JSONError: syntax errors, duplicate keys, invalid UTF-8, NUL (also
// as \u0000), lone surrogates, nesting deeper than maxDepth. One pass, no
// allocation beyond dst for plain input.
func CanonicalJSON(dst, src []byte, maxDepth int) ([]byte, error) { panic("todo") }
