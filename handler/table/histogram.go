package table

import (
	"encoding/json"
	"math/big"
	"strconv"
)

// wholeHistogram counts integers, given in order, in at most most bins of one width, an
// integer too, from low on. Integers of a small range have a bin each.
func wholeHistogram(list []weighted, low, high int64, most int) []Bin {
	span := uint64(high) - uint64(low)
	if span == 0 {
		edge := json.Number(strconv.FormatInt(low, 10))
		return []Bin{{From: edge, To: edge, Count: sumOf(list)}}
	}
	width := span/uint64(most) + 1
	bins := make([]Bin, span/width+1)
	edge, step := big.NewInt(low), new(big.Int).SetUint64(width)
	for i := range bins {
		bins[i].From = json.Number(edge.String())
		bins[i].To = json.Number(edge.Add(edge, step).String())
	}
	for _, w := range list {
		bins[(w.key-wholeKey(low))/width].Count += w.weight
	}
	return bins
}

// histogram counts numbers, given in order, in that many bins of one width from low to high.
func histogram(list []weighted, low, high float64, most int) []Bin {
	if low == high {
		edge := *floatNumber(low)
		return []Bin{{From: edge, To: edge, Count: sumOf(list)}}
	}
	bins := make([]Bin, most)
	from, i := low, 0
	for b := range bins {
		share := float64(b+1) / float64(most)
		to := float64(low*(1-share)) + float64(high*share) // so that it does not overflow
		last := b == most-1
		if last {
			to = high
		}
		bins[b].From, bins[b].To = *floatNumber(from), *floatNumber(to)
		for ; i < len(list) && (last || floatOf(list[i].key) < to); i++ {
			bins[b].Count += list[i].weight
		}
		from = to
	}
	return bins
}

func sumOf(list []weighted) (n int64) {
	for _, w := range list {
		n += w.weight
	}
	return n
}
