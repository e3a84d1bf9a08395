package table

import (
	"cmp"
	"math"
	"slices"
)

// A key is a number as an unsigned integer: keys are in the order of their numbers. A
// column has keys of integers or keys of floating point numbers, never both.

const signBit = 1 << 63

func wholeKey(i int64) uint64 { return uint64(i) ^ signBit }

func wholeOf(key uint64) int64 { return int64(key ^ signBit) }

func floatKey(f float64) uint64 {
	u := math.Float64bits(f)
	if u&signBit != 0 {
		return ^u
	}
	return u | signBit
}

func floatOf(key uint64) float64 {
	if key&signBit != 0 {
		return math.Float64frombits(key &^ signBit)
	}
	return math.Float64frombits(^key)
}

// toFloatKeys turns keys of integers into keys of floating point numbers.
func toFloatKeys(keys []uint64) {
	for i, key := range keys {
		keys[i] = floatKey(float64(wholeOf(key)))
	}
}

// weighted is the key of a number that stands for several.
type weighted struct {
	key    uint64
	weight int64
}

// inOrder returns the numbers of the batches in order.
func inOrder(batches ...[]uint64) []weighted {
	n := 0
	for _, batch := range batches {
		n += len(batch)
	}
	list := make([]weighted, 0, n)
	for _, batch := range batches {
		for _, key := range batch {
			list = append(list, weighted{key, 1})
		}
	}
	sortWeighted(list)
	return list
}

func sortWeighted(list []weighted) {
	slices.SortFunc(list, func(a, b weighted) int { return cmp.Compare(a.key, b.key) })
}

// keyAt returns the key of that rank, from 0.
func keyAt(list []weighted, rank int64) uint64 {
	for _, w := range list {
		if rank < w.weight {
			return w.key
		}
		rank -= w.weight
	}
	return list[len(list)-1].key
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
