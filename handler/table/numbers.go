package table

// numbers gathers what is said of a column of numbers. They are kept as keys (see keys.go),
// so that integers keep all their digits.
type numbers struct {
	whole     bool  // all so far are integers of 64 bits; keys are of integers then
	big       bool  // an integer beyond 64 bits came
	part      bool  // a number came that is not written as an integer
	decimals  uint8 // the most that a number has
	moments   moments
	batch     []uint64   // the latest keys, not yet in moments; its capacity is full
	full      [][]uint64 // all batches before, while quantiles is nil
	quantiles *quantiles // has all batches before
}

func newNumbers(size int) *numbers {
	return &numbers{whole: true, batch: make([]uint64, 0, size)}
}

func (n *numbers) add(p parsed) {
	switch {
	case !n.whole:
		n.batch = append(n.batch, floatKey(p.f))
	case p.whole:
		n.batch = append(n.batch, wholeKey(p.i))
	default:
		n.toFloats()
		n.batch = append(n.batch, floatKey(p.f))
	}
	n.decimals = max(n.decimals, p.decimals)
	if !p.whole {
		n.big, n.part = n.big || p.big, n.part || !p.big
	}
	if len(n.batch) == cap(n.batch) {
		n.fold()
		if n.quantiles != nil {
			n.quantiles.add(n.batch)
			n.batch = n.batch[:0]
			return
		}
		n.full = append(n.full, n.batch)
		n.batch = make([]uint64, 0, cap(n.batch))
	}
}

// fold adds the batch to the moments.
func (n *numbers) fold() {
	if n.whole {
		n.moments.foldWhole(n.batch)
	} else {
		n.moments.foldFloats(n.batch)
	}
}

// toFloats goes over to keys of floating point numbers. Their order stays.
func (n *numbers) toFloats() {
	n.whole = false
	n.moments.toFloats()
	toFloatKeys(n.batch)
	for _, batch := range n.full {
		toFloatKeys(batch)
	}
	if n.quantiles != nil {
		for _, level := range n.quantiles.levels {
			toFloatKeys(level)
		}
	}
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

// exact reports whether list returns all numbers.
func (n *numbers) exact() bool { return n.quantiles == nil }

// report fills in what is said of numbers alone. Few different values, each counted, say
// more than a sketch of them.
func (n *numbers) report(r *Column, counted *frequencies, f numberFormat, bins int) {
	n.fold()
	n.moments.report(r, n.whole, n.decimals)
	var list []weighted
	if n.exact() {
		list = n.list()
	} else if few, ok := counted.numbers(f, n.whole); ok {
		list = few
	} else {
		list, r.Exact = n.list(), false
	}
	if n.whole {
		r.P25 = wholeQuartile(list, n.moments.n, 1)
		r.Median = wholeQuartile(list, n.moments.n, 2)
		r.P75 = wholeQuartile(list, n.moments.n, 3)
		r.Histogram = wholeHistogram(list, n.moments.wholeMin, n.moments.wholeMax, bins)
		return
	}
	r.P25 = floatNumber(quantile(list, n.moments.n, 0.25))
	r.Median = floatNumber(quantile(list, n.moments.n, 0.5))
	r.P75 = floatNumber(quantile(list, n.moments.n, 0.75))
	r.Histogram = histogram(list, n.moments.min, n.moments.max, bins)
}
