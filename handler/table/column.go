package table

// values is how the values of a table are read.
type values struct {
	nulls  *nulls
	format numberFormat
	order  string // of dates; "" = not given
}

// column gathers what is said of one column. Its kind is the narrowest that all values so
// far can be read as; text is the widest, and what text needs is kept from the first value
// on, so that a column may turn into text at any row.
type column struct {
	*values
	sizes       sizes
	count       int64
	nullCount   int64
	infinite    int64
	accounting  int64 // numbers with a minus behind them or in brackets
	kind        kind
	lexical     lexical
	frequencies frequencies
	numbers     *numbers // nil unless kindNumber
	times       *times   // nil unless kindTime
	sketched    bool
	was         kind  // of most values of a column that a few turned into text; kindNone = not so
	odd         int64 // values that are not of that kind
	firstOdd    []oddity

	// Fields wait here, one after the other, until flush: to add many to one column at a
	// time keeps what they need in the processor's cache.
	waiting []byte
	ends    []int
}

func newColumn(s sizes, v *values) *column {
	return &column{values: v, sizes: s, frequencies: newFrequencies(s)}
}

// put lays a field by.
func (c *column) put(b []byte) {
	c.waiting = append(c.waiting, b...)
	c.ends = append(c.ends, len(c.waiting))
}

// flush adds the fields that wait.
func (c *column) flush() {
	from := 0
	for _, end := range c.ends {
		c.add(c.waiting[from:end])
		from = end
	}
	c.waiting, c.ends = c.waiting[:0], c.ends[:0]
	if cap(c.waiting) > blockBytes {
		c.waiting = nil
	}
}

// add adds one field as it was written.
func (c *column) add(b []byte) {
	b = trim(b)
	if c.nulls.has(b) {
		c.nullCount++
		return
	}
	c.count++
	c.frequencies.add(hashOf(b), b)
	c.lexical.add(b, c.sizes.shown)
	switch c.kind {
	case kindNumber:
		c.addNumber(b)
	case kindBoolean:
		if !isBoolean(b) {
			c.turnToText(b)
		}
	case kindTime:
		if !c.times.add(b) {
			c.turnToText(b)
		}
	case kindNone:
		c.first(b)
		if c.kind == kindText {
			c.was = kindNone
		}
	case kindText:
		if c.was != kindNone && !c.isOfOldKind(b) {
			c.noteOdd(b)
		}
	}
}

func (c *column) addNumber(b []byte) {
	if n, accounting, ok := c.format.read(b); ok {
		if accounting {
			c.accounting++
		}
		c.numbers.add(n)
	} else if isInfinite(b) {
		c.infinite++
	} else {
		c.turnToText(b)
	}
}

// first adds the first value, which decides the kind.
func (c *column) first(b []byte) {
	_, _, number := c.format.read(b)
	switch {
	case number || isInfinite(b):
		c.kind = kindNumber
		c.numbers = newNumbers(c.sizes.buffer)
		if c.sketched {
			c.numbers.sketch()
		}
		c.addNumber(b)
	case isBoolean(b):
		c.kind = kindBoolean
	default:
		c.kind, c.times = kindTime, newTimes(c.order)
		if !c.times.add(b) {
			c.toText()
		}
	}
}

func (c *column) toText() { c.kind, c.numbers, c.times, c.infinite = kindText, nil, nil, 0 }

func (c *column) bytes() int {
	bytes := c.frequencies.bytes()
	if c.numbers != nil {
		bytes += c.numbers.bytes()
	}
	return bytes
}

// sketch stops keeping every value.
func (c *column) sketch() {
	c.sketched = true
	c.frequencies.restrict(c.sizes.slots)
	if c.numbers != nil {
		c.numbers.sketch()
	}
}

// report says what was found. Dates whose order is open are read in the given one.
func (c *column) report(s sizes, order int) Column {
	// Identifiers lose digits as numbers, infinities alone are words, and (1) beside few
	// numbers is a note.
	if c.kind == kindNumber && (c.numbers.big && !c.numbers.part || c.count == c.infinite || c.accounting*4 > c.count*3) {
		c.toText()
	}
	r := Column{
		Type: "string", Count: c.count, Nulls: c.nullCount, Infinite: c.infinite,
		Distinct: min(c.frequencies.distinct(), c.count), Top: c.frequencies.top(s.top),
		Exact: c.frequencies.exact(),
	}
	switch c.kind {
	case kindNumber:
		r.Type = "number"
		if c.numbers.whole {
			r.Type = "integer"
		}
		c.numbers.report(&r, &c.frequencies, c.format, s.bins)
	case kindBoolean:
		r.Type = "boolean"
	case kindTime:
		r.Type = "datetime"
		way, _ := c.times.order(order)
		r.Min, r.Max = showTime(c.times.min[way]), showTime(c.times.max[way])
	case kindText:
		r.Min, r.Max = shown(c.lexical.min, s.shown), shown(c.lexical.max, s.shown)
	}
	return r
}
