package table

import "bytes"

// quoting is how an attempt to read quotes ended.
type quoting uint8

const (
	quotesDone   quoting = iota
	quotesMore           // the text at hand ends too early
	quotesBroken         // the quotes make no sense
)

// quotedRow reads a row that has quotes or escapes, over several lines if need be. The
// first has that many bytes with its end. When its quotes are broken it reads this line as one without
// quotes.
func (r *reader) quotedRow(firstLine int) error {
	for {
		before := r.stray
		after, state := r.quotedFields()
		if several := after-r.start > firstLine; state == quotesDone && r.mayHaveStray(several, r.stray > before) {
			if several && r.hasRows(after) || !several && r.lineFits(after) {
				break
			}
			r.stray = before
			after, state = r.quotedFields()
		}
		if state == quotesDone {
			if after-r.start <= firstLine {
				r.line++
			} else {
				r.line += r.linesOf(r.buf[r.start:after])
				r.raw = r.buf[r.start:after]
			}
			r.start = after
			return nil
		}
		if state == quotesBroken {
			break
		}
		if r.eof {
			if !r.whole {
				return errCut
			}
			break
		}
		if more, err := r.more(); err != nil {
			return err
		} else if !more {
			break
		}
	}
	r.broken++
	end, _, err := r.rowEnd() // the buffer has its end: it was there before
	if err != nil {
		return err
	}
	if r.shape != nil {
		r.strayRow(end)
		r.pass(end)
		return nil
	}
	line := r.buf[r.start:end]
	r.pass(end)
	r.quoted = nil
	r.split(line)
	return nil
}

// linesOf counts the lines of a row.
func (r *reader) linesOf(row []byte) int64 {
	n := bytes.Count(row, []byte{'\n'})
	if !r.lfOnly && bytes.IndexByte(row, '\r') >= 0 {
		n += bytes.Count(row, []byte{'\r'}) - bytes.Count(row, []byte("\r\n"))
	}
	return int64(max(n, 1))
}

// quotedFields splits the row at start and returns where the next one begins.
func (r *reader) quotedFields() (after int, state quoting) {
	text := r.buf[:r.end]
	r.fields, r.flags, r.scratch = r.fields[:0], r.flags[:0], r.scratch[:0]
	at := r.start
	if r.blanksDelimit() {
		at = r.blanks(at)
	}
	for {
		var field []byte
		open := r.blanks(at)
		quoted := r.quote != 0 && open < len(text) && text[open] == r.quote && r.strays < mostStrays
		if quoted {
			before, from := r.stray, at
			if field, at, state = r.quotedField(open + 1); r.oneLine && (state != quotesDone || r.stray > before) {
				r.stray, quoted = before, false
				r.strays++
				field, at, state = r.plainField(from)
			}
		} else {
			field, at, state = r.plainField(at)
		}
		if state != quotesDone {
			return 0, state
		}
		if len(r.fields) < maxFields {
			r.fields, r.flags = append(r.fields, field), append(r.flags, quoted)
		}
		if at < len(text) && r.delimitsAt(at) {
			at += len(r.delimiter)
			if !r.blanksDelimit() {
				continue
			}
			if at = r.blanks(at); at < len(text) && !r.endsRow(text[at]) {
				continue
			}
		}
		if !r.whole && (at == len(text) || text[at] == '\r' && at+1 == len(text)) {
			return 0, quotesMore
		}
		r.quoted = r.flags
		return r.afterEnd(at), quotesDone
	}
}

// delimitsAt reports whether there is a delimiter at that place.
func (r *reader) delimitsAt(at int) bool {
	switch len(r.delimiter) {
	case 0:
		return false
	case 1:
		return r.buf[at] == r.delimiter[0]
	}
	return bytes.HasPrefix(r.buf[at:r.end], []byte(r.delimiter))
}

// plainField reads a field without quotes.
func (r *reader) plainField(from int) (field []byte, at int, state quoting) {
	text := r.buf[:r.end]
	if r.escape == 0 && len(r.delimiter) == 1 && !r.lfOnly { // nearly always
		delimiter := r.delimiter[0]
		for at = from; at < len(text) && text[at] != delimiter && text[at] != '\n' && text[at] != '\r'; at++ {
		}
		return text[from:at], at, quotesDone
	}
	copied := len(r.scratch)
	for at = from; at < len(text) && !r.endsRow(text[at]) && !r.delimitsAt(at); at++ {
		if r.escape == 0 || text[at] != r.escape {
			continue
		}
		if at+1 == len(text) {
			if !r.whole {
				return nil, 0, quotesMore
			}
			break
		}
		if r.delimitsAt(at+1) || text[at+1] == r.quote || text[at+1] == r.escape || r.endsRow(text[at+1]) {
			r.scratch = append(r.scratch, text[from:at]...)
			from = at + 1
		}
		at++
	}
	field = text[from:at]
	if copied < len(r.scratch) {
		r.scratch = append(r.scratch, field...)
		field = r.scratch[copied:]
	}
	if r.lfOnly && (at == len(text) || text[at] == '\n') && len(field) > 0 && field[len(field)-1] == '\r' {
		field = field[:len(field)-1]
	}
	return field, at, quotesDone
}

// blanks returns the first place from at on that is no blank.
func (r *reader) blanks(at int) int {
	for at < r.end && (r.buf[at] == ' ' || r.buf[at] == '\t' && r.delimiter != "\t") {
		at++
	}
	return at
}

// quotedField reads from after the opening quote. after is the place of the delimiter or
// end of row that follows the closing one.
func (r *reader) quotedField(at int) (field []byte, after int, state quoting) {
	text := r.buf[:r.end]
	from, copied := at, len(r.scratch)
	lines, stray := false, 0
	keep := func(to, next int) { // what is before to; the field goes on at next
		r.scratch = append(r.scratch, text[from:to]...)
		from, at = next, next
	}
	for {
		i := bytes.IndexByte(text[at:], r.quote)
		if i < 0 {
			return nil, 0, quotesMore
		}
		quote := at + i
		if r.escape != 0 {
			if e := bytes.IndexByte(text[at:quote+1], r.escape); e >= 0 && r.escape != r.quote {
				at += e
				switch next := text[at+1]; {
				case next == r.quote || next == r.escape || r.endsRow(next):
					keep(at, at+1)
					at++
				default:
					at++
				}
				continue
			}
		}
		lines = lines || r.hasEnd(text[at:quote])
		if stray > 0 && lines {
			return nil, 0, quotesBroken
		}
		if quote+1 < len(text) && text[quote+1] == r.quote {
			keep(quote+1, quote+2)
			continue
		}
		after, state = r.afterQuote(quote + 1)
		switch state {
		case quotesMore:
			return nil, 0, quotesMore
		case quotesDone:
			r.stray += stray
			if copied == len(r.scratch) {
				return text[from:quote], after, quotesDone
			}
			r.scratch = append(r.scratch, text[from:quote]...)
			return r.scratch[copied:], after, quotesDone
		}
		stray++
		at = quote + 1
	}
}

func (r *reader) hasEnd(text []byte) bool {
	return bytes.IndexByte(text, '\n') >= 0 || !r.lfOnly && bytes.IndexByte(text, '\r') >= 0
}

// afterQuote looks whether a quote closes its field: a delimiter or the end of the row
// follows.
func (r *reader) afterQuote(at int) (after int, state quoting) {
	if !r.blanksDelimit() {
		at = r.blanks(at)
	}
	rest := r.buf[at:r.end]
	switch {
	case len(rest) == 0 && r.whole:
		return at, quotesDone
	case len(rest) == 0:
		return 0, quotesMore
	case r.delimitsAt(at), r.endsRow(rest[0]):
		return at, quotesDone
	case !r.whole && len(rest) < len(r.delimiter) && bytes.HasPrefix([]byte(r.delimiter), rest):
		return 0, quotesMore
	case rest[0] != '\r':
		return 0, quotesBroken
	case len(rest) == 1 && r.whole, len(rest) > 1 && rest[1] == '\n':
		return at, quotesDone
	case len(rest) == 1:
		return 0, quotesMore
	}
	return 0, quotesBroken
}
