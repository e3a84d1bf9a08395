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
}

func newColumn(s sizes) *column {
	return &column{sizes: s, frequencies: newFrequencies(s)}
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
		bytes += 8 * cap(c.numbers.batch)
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
		Exact: c.frequencies.exact() && (c.numbers == nil || c.numbers.quantiles == nil),
	}
	switch c.kind {
	case kindNumber:
		r.Type = "number"
		if c.numbers.moments.whole {
			r.Type = "integer"
		}
		c.numbers.report(&r)
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

// numbers gathers what is said of a column of numbers.
type numbers struct {
	moments   moments
	size      int       // of a batch
	batch     []float64 // all numbers while quantiles is nil, else those not yet in it
	folded    int       // batch[:folded] is in moments
	quantiles *quantiles
}

func newNumbers(size int) *numbers {
	return &numbers{moments: moments{whole: true}, size: size}
}

func (n *numbers) add(p parsed) {
	if p.whole && n.moments.whole {
		n.moments.addWhole(p.i)
	} else {
		n.moments.whole = false
	}
	n.batch = append(n.batch, p.f)
	if len(n.batch)%n.size == 0 {
		n.fold()
	}
}

// fold takes a full batch further.
func (n *numbers) fold() {
	n.moments.fold(n.batch[n.folded:])
	n.folded = len(n.batch)
	if n.quantiles != nil {
		n.quantiles.add(n.batch)
		n.batch, n.folded = n.batch[:0], 0
	}
}

// sketch moves the numbers so far into a sketch. Later batches are full ones again.
func (n *numbers) sketch() {
	n.quantiles = &quantiles{size: n.size}
	n.moments.fold(n.batch[n.folded:])
	rest := n.batch
	for len(rest) >= n.size {
		n.quantiles.add(rest[:n.size])
		rest = rest[n.size:]
	}
	n.batch = append(make([]float64, 0, n.size), rest...)
	n.folded = len(n.batch)
}

func (n *numbers) report(c *Column) {
	n.moments.fold(n.batch[n.folded:])
	n.folded = len(n.batch)
	n.moments.report(c)
	q := n.quantiles
	if q == nil {
		q = &quantiles{}
	}
	list := q.list(n.batch)
	for p, to := range map[float64]**float64{0.25: &c.P25, 0.5: &c.Median, 0.75: &c.P75} {
		*to = finite(quantile(list, n.moments.n, p))
	}
	c.Histogram = histogram(list, n.moments.min, n.moments.max, n.moments.whole)
}

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
