package table

import "math"

// column gathers what is said of one column. Its kind is the narrowest that all values so
// far can be read as; text is the widest, and what text needs is kept from the first value
// on, so that a column may turn into text at any row.
type column struct {
	sizes       sizes
	count       int64
	nulls       int64
	kind        kind
	lexical     lexical
	frequencies frequencies
	numbers     *numbers // nil unless kindNumber
	times       *times   // nil unless kindTime
	sketched    bool

	// Fields wait here, one after the other, until take: to take many of one column at a
	// time keeps what they need in the processor's cache.
	waiting []byte
	ends    []int
}

func newColumn(s sizes) *column {
	return &column{sizes: s, frequencies: newFrequencies(s)}
}

// put lays a field by.
func (c *column) put(b []byte) {
	c.waiting = append(c.waiting, b...)
	c.ends = append(c.ends, len(c.waiting))
}

// take takes the fields that wait.
func (c *column) take() {
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

// add takes one field as it was written.
func (c *column) add(b []byte) {
	b = trim(b)
	if isNull(b) {
		c.nulls++
		return
	}
	c.count++
	c.frequencies.add(hashOf(b), b)
	c.lexical.add(b, c.sizes.shown)
	switch c.kind {
	case kindNumber:
		if n, ok := parseNumber(b); ok {
			c.numbers.add(n)
		} else {
			c.toText()
		}
	case kindBoolean:
		if !isBoolean(b) {
			c.toText()
		}
	case kindTime:
		if !c.times.add(b) {
			c.toText()
		}
	case kindNone:
		c.first(b)
	}
}

// first takes the first value, which decides the kind.
func (c *column) first(b []byte) {
	c.kind = kindOf(b)
	switch c.kind {
	case kindNumber:
		c.numbers = newNumbers(c.sizes.buffer)
		if c.sketched {
			c.numbers.sketch()
		}
		n, _ := parseNumber(b)
		c.numbers.add(n)
	case kindTime:
		c.times = newTimes()
		c.times.add(b)
	}
}

func (c *column) toText() { c.kind, c.numbers, c.times = kindText, nil, nil }

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

func (c *column) report(shownBytes int) Column {
	r := Column{
		Type: "string", Count: c.count, Nulls: c.nulls,
		Distinct: min(c.frequencies.distinct(), c.count), Top: c.frequencies.top(),
		Exact: c.frequencies.exact(),
	}
	switch c.kind {
	case kindNumber:
		r.Type = "number"
		if c.numbers.moments.whole {
			r.Type = "integer"
		}
		c.reportNumbers(&r)
	case kindBoolean:
		r.Type = "boolean"
	case kindTime:
		r.Type = "datetime"
		low, high := c.times.bounds()
		r.Min, r.Max = showTime(low), showTime(high)
	case kindText:
		r.Min, r.Max = shown(c.lexical.min, shownBytes), shown(c.lexical.max, shownBytes)
	}
	return r
}

// reportNumbers fills in what is said of numbers alone. Few different values, each counted,
// say more than a sketch of them.
func (c *column) reportNumbers(r *Column) {
	n := c.numbers
	n.moments.fold(n.batch)
	n.moments.report(r)
	var list []weighted
	if n.exact() {
		list = n.list()
	} else if counted, ok := c.frequencies.numbers(); ok {
		list = counted
	} else {
		list, r.Exact = n.list(), false
	}
	r.P25 = finite(quantile(list, n.moments.n, 0.25))
	r.Median = finite(quantile(list, n.moments.n, 0.5))
	r.P75 = finite(quantile(list, n.moments.n, 0.75))
	r.Histogram = histogram(list, n.moments.min, n.moments.max, n.moments.whole)
}

// numbers gathers what is said of a column of numbers.
type numbers struct {
	moments   moments
	batch     []float64   // the latest numbers, not yet in moments; its capacity is full
	full      [][]float64 // all batches before, while quantiles is nil
	quantiles *quantiles  // has all batches before
}

func newNumbers(size int) *numbers {
	return &numbers{moments: moments{whole: true}, batch: make([]float64, 0, size)}
}

func (n *numbers) add(p parsed) {
	if p.whole && n.moments.whole {
		n.moments.addWhole(p.i)
	} else {
		n.moments.whole = false
	}
	n.batch = append(n.batch, p.f)
	if len(n.batch) == cap(n.batch) {
		n.fold()
	}
}

// fold takes a full batch further.
func (n *numbers) fold() {
	n.moments.fold(n.batch)
	if n.quantiles != nil {
		n.quantiles.add(n.batch)
		n.batch = n.batch[:0]
		return
	}
	n.full = append(n.full, n.batch)
	n.batch = make([]float64, 0, cap(n.batch))
}

// sketch moves the numbers so far into a sketch.
func (n *numbers) sketch() {
	n.quantiles = &quantiles{size: cap(n.batch)}
	for _, batch := range n.full {
		n.quantiles.add(batch)
	}
	n.full = nil
}

func (n *numbers) bytes() int { return 8 * cap(n.batch) * (len(n.full) + 1) }

// list returns the numbers in order, or a sketch of them.
func (n *numbers) list() []weighted {
	if n.quantiles != nil {
		return n.quantiles.list(n.batch)
	}
	return inOrder(append(n.full, n.batch)...)
}

// exact tells whether list returns all numbers.
func (n *numbers) exact() bool { return n.quantiles == nil }

// times gathers what is said of a column of moments, for each way to write them that all
// values so far keep to.
type times struct {
	alive    [len(timeFormats)]bool
	min, max [len(timeFormats)]int64
}

func newTimes() *times {
	t := &times{}
	for i := range timeFormats {
		t.alive[i], t.min[i], t.max[i] = true, math.MaxInt64, math.MinInt64
	}
	return t
}

// add tells whether there is a way left that reads all values.
func (t *times) add(b []byte) (ok bool) {
	for i, parse := range timeFormats {
		if !t.alive[i] {
			continue
		}
		var micros int64
		if micros, t.alive[i] = parse(b); !t.alive[i] {
			continue
		}
		ok = true
		t.min[i], t.max[i] = min(t.min[i], micros), max(t.max[i], micros)
	}
	return ok
}

func (t *times) bounds() (low, high int64) {
	for i, alive := range t.alive {
		if alive {
			return t.min[i], t.max[i]
		}
	}
	return 0, 0
}
