package table

import "bytes"

// quoting is how an attempt to read quotes ended.
type quoting uint8

const (
	quotesDone   quoting = iota
	quotesMore           // the text at hand ends too early
	quotesBroken         // the quotes make no sense
)

// quotedRow reads a row that has quotes, over several lines if need be. It tells false,
// and moves nothing on, when the quotes of the row are broken.
func (r *reader) quotedRow() (bool, error) {
	for {
		after, state := r.quotedFields()
		switch state {
		case quotesDone:
			r.start = after
			return true, nil
		case quotesBroken:
			return false, nil
		}
		if r.eof {
			return false, nil
		}
		if more, err := r.more(); err != nil || !more {
			return false, err
		}
	}
}

// quotedFields splits the row at start and returns where the next one begins.
func (r *reader) quotedFields() (after int, state quoting) {
	text := r.buf[:r.end]
	r.fields, r.scratch = r.fields[:0], r.scratch[:0]
	at := r.start
	for {
		var field []byte
		if open := r.blanks(at); open < len(text) && text[open] == '"' {
			if field, at, state = r.quotedField(open + 1); state != quotesDone {
				return 0, state
			}
		} else {
			from := at
			for at < len(text) && text[at] != r.delimiter && text[at] != r.rowEnd {
				at++
			}
			field = text[from:at]
			if at == len(text) || text[at] == r.rowEnd {
				field = trimCR(field)
			}
		}
		r.fields = append(r.fields, field)
		switch {
		case at < len(text) && text[at] == r.delimiter:
			at++
			continue
		case at == len(text) && !r.eof:
			return 0, quotesMore
		}
		return min(at+1, len(text)), quotesDone
	}
}

// blanks returns the first place from at on that is no blank.
func (r *reader) blanks(at int) int {
	for at < r.end && (r.buf[at] == ' ' || r.buf[at] == '\t' && r.delimiter != '\t') {
		at++
	}
	return at
}

// quotedField reads from after the opening quote. after is the place of the delimiter or
// end of row that follows the closing one.
func (r *reader) quotedField(at int) (field []byte, after int, state quoting) {
	text := r.buf[:r.end]
	from, copied := at, len(r.scratch)
	lines, stray := false, false
	for {
		i := bytes.IndexByte(text[at:], '"')
		if i < 0 {
			return nil, 0, quotesMore
		}
		quote := at + i
		lines = lines || bytes.IndexByte(text[at:quote], r.rowEnd) >= 0
		if stray && lines {
			return nil, 0, quotesBroken
		}
		if quote+1 < len(text) && text[quote+1] == '"' {
			r.scratch = append(r.scratch, text[from:quote+1]...)
			at = quote + 2
			from = at
			continue
		}
		after, state = r.afterQuote(quote + 1)
		switch state {
		case quotesMore:
			return nil, 0, quotesMore
		case quotesDone:
			if copied == len(r.scratch) {
				return text[from:quote], after, quotesDone
			}
			r.scratch = append(r.scratch, text[from:quote]...)
			return r.scratch[copied:], after, quotesDone
		}
		stray = true
		at = quote + 1
	}
}

// afterQuote looks whether a quote closes its field: a delimiter or the end of the row
// follows.
func (r *reader) afterQuote(at int) (after int, state quoting) {
	at = r.blanks(at)
	switch {
	case at == r.end && r.eof:
		return at, quotesDone
	case at == r.end:
		return 0, quotesMore
	case r.buf[at] == r.delimiter, r.buf[at] == r.rowEnd:
		return at, quotesDone
	case r.buf[at] != '\r':
		return 0, quotesBroken
	case at+1 == r.end && r.eof:
		return at + 1, quotesDone
	case at+1 == r.end:
		return 0, quotesMore
	case r.buf[at+1] == r.rowEnd:
		return at + 1, quotesDone
	}
	return 0, quotesBroken
}
