package table

import (
	"cmp"
	"math"
	"slices"
)

// quantiles is a sketch of many numbers that gives any quantile within a bound on its
// rank, whatever the order they come in (Munro and Paterson, "Selection and Sorting with
// Limited Storage", 1980). A buffer of size numbers at level h stands for size × 2^h of
// them; two of one level are merged and every other number goes to the level above,
// starting in turn with the first and the second. The rank is off by at most
// levels / (2 × size) of all: for 10⁹ numbers and size 2048 that is half a percent, and
// in practice a tenth of it.
//
// It was chosen over a t-digest because that has no such bound, and over sampling because
// it is the same in every run; it is faster than both here.
type quantiles struct {
	size   int
	levels [][]uint64 // sorted keys; nil = nothing at that level
	second []bool     // start with the second number next time
	spare  []uint64
	free   [][]uint64
}

// keyOf maps numbers to integers of the same order.
func keyOf(f float64) uint64 {
	u := math.Float64bits(f)
	if u>>63 == 1 {
		return ^u
	}
	return u | 1<<63
}

func valueOf(key uint64) float64 {
	if key>>63 == 1 {
		return math.Float64frombits(key &^ (1 << 63))
	}
	return math.Float64frombits(^key)
}

// add takes a batch of exactly size numbers.
func (q *quantiles) add(batch []float64) {
	buffer := q.buffer()
	for i, v := range batch {
		buffer[i] = keyOf(v)
	}
	if q.spare == nil {
		q.spare = make([]uint64, q.size)
	}
	sortKeys(buffer, q.spare)
	level := 0
	for ; level < len(q.levels) && q.levels[level] != nil; level++ {
		q.merge(level, buffer)
		q.free = append(q.free, q.levels[level])
		q.levels[level] = nil
	}
	if level == len(q.levels) {
		q.levels, q.second = append(q.levels, nil), append(q.second, false)
	}
	q.levels[level] = buffer
}

func (q *quantiles) buffer() []uint64 {
	if n := len(q.free); n > 0 {
		b := q.free[n-1]
		q.free = q.free[:n-1]
		return b
	}
	return make([]uint64, q.size)
}

// merge puts every other number of a level and buffer together into buffer.
func (q *quantiles) merge(level int, buffer []uint64) {
	a, b, out := q.levels[level], buffer, q.spare
	take := q.second[level]
	q.second[level] = !take
	i, j, n := 0, 0, 0
	for n < len(out) {
		var key uint64
		if j == len(b) || i < len(a) && a[i] <= b[j] {
			key = a[i]
			i++
		} else {
			key = b[j]
			j++
		}
		if take {
			out[n] = key
			n++
		}
		take = !take
		if i+j == len(a)+len(b) {
			break
		}
	}
	copy(buffer, out)
}

// weighted is a number that stands for several.
type weighted struct {
	value  float64
	weight int64
}

// list returns all numbers of the sketch with their weights, in order, and those of rest
// with weight 1.
func (q *quantiles) list(rest []float64) []weighted {
	list := inOrder(rest)
	for level, buffer := range q.levels {
		for _, key := range buffer {
			list = append(list, weighted{valueOf(key), 1 << level})
		}
	}
	sortWeighted(list)
	return list
}

// inOrder returns the numbers of the batches in order.
func inOrder(batches ...[]float64) []weighted {
	n := 0
	for _, batch := range batches {
		n += len(batch)
	}
	list := make([]weighted, 0, n)
	for _, batch := range batches {
		for _, v := range batch {
			list = append(list, weighted{v, 1})
		}
	}
	sortWeighted(list)
	return list
}

func sortWeighted(list []weighted) {
	slices.SortFunc(list, func(a, b weighted) int { return cmp.Compare(a.value, b.value) })
}

// quantile is the p-quantile of the numbers in list, in order: linear between neighbours,
// as type 7 of Hyndman and Fan ("Sample Quantiles in Statistical Packages", 1996), which
// spreadsheets, R and NumPy use.
func quantile(list []weighted, n int64, p float64) float64 {
	rank := p * float64(n-1)
	below := int64(rank)
	low := at(list, below)
	part := rank - float64(below)
	if part == 0 {
		return low
	}
	high := at(list, below+1)
	if low == high {
		return low
	}
	return float64(low*(1-part)) + float64(high*part)
}

// at returns the number of that rank, from 0.
func at(list []weighted, rank int64) float64 {
	for _, w := range list {
		if rank < w.weight {
			return w.value
		}
		rank -= w.weight
	}
	return list[len(list)-1].value
}

// sortKeys sorts by the bytes of the keys, the lowest first, and passes over those that
// are the same in all.
func sortKeys(keys, spare []uint64) {
	var counts [8][256]uint16
	for _, k := range keys {
		for b := range counts {
			counts[b][byte(k>>(8*b))]++
		}
	}
	from, to := keys, spare[:len(keys)]
	for b := range counts {
		count := &counts[b]
		shift := 8 * b
		if int(count[byte(from[0]>>shift)]) == len(keys) {
			continue
		}
		var place [256]uint16
		sum := uint16(0)
		for i, n := range count {
			place[i] = sum
			sum += n
		}
		for _, k := range from {
			p := &place[byte(k>>shift)]
			to[*p] = k
			*p++
		}
		from, to = to, from
	}
	if &from[0] != &keys[0] {
		copy(keys, from)
	}
}
