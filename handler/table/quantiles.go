package table

import (
	"encoding/json"
	"math/big"
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

// add takes a batch of exactly size keys.
func (q *quantiles) add(batch []uint64) {
	buffer := q.buffer()
	copy(buffer, batch)
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

// list returns all numbers of the sketch with their weights, in order, and those of rest
// with weight 1.
func (q *quantiles) list(rest []uint64) []weighted {
	list := inOrder(rest)
	for level, buffer := range q.levels {
		for _, key := range buffer {
			list = append(list, weighted{key, 1 << level})
		}
	}
	sortWeighted(list)
	return list
}

// quantile is the p-quantile of the numbers in list, in order: linear between neighbours,
// as type 7 of Hyndman and Fan ("Sample Quantiles in Statistical Packages", 1996), which
// spreadsheets, R and NumPy use.
func quantile(list []weighted, n int64, p float64) float64 {
	rank := p * float64(n-1)
	below := int64(rank)
	low := floatOf(keyAt(list, below))
	part := rank - float64(below)
	if part == 0 {
		return low
	}
	high := floatOf(keyAt(list, below+1))
	if low == high {
		return low
	}
	return float64(low*(1-part)) + float64(high*part)
}

// wholeQuartile is the k-th quartile of integers, exact: k of 4 as quantile says.
func wholeQuartile(list []weighted, n, k int64) *json.Number {
	below, part := k*(n-1)/4, k*(n-1)%4
	low := big.NewInt(wholeOf(keyAt(list, below)))
	if part == 0 {
		return ratNumber(new(big.Rat).SetInt(low))
	}
	high := big.NewInt(wholeOf(keyAt(list, below+1)))
	high.Sub(high, low).Mul(high, big.NewInt(part))
	return ratNumber(new(big.Rat).SetFrac(low.Lsh(low, 2).Add(low, high), big.NewInt(4)))
}
