package table

const maxBins = 20

// histogram counts numbers, given in order, in at most maxBins bins of one width from low
// to high. Integers of a small range have a bin each.
func histogram(list []weighted, low, high float64, whole bool) []Bin {
	bins := maxBins
	width := high/maxBins - low/maxBins // so that it does not overflow
	switch {
	case low == high:
		bins, width = 1, 0
	case whole && high-low < maxBins:
		bins, width = int(high-low)+1, 1
	case whole:
		width = float64(int64(width) + 1)
		bins = min(int((high-low)/width)+1, maxBins)
	}
	out := make([]Bin, bins)
	for i := range out {
		out[i].From, out[i].To = low+float64(i)*width, low+float64(i+1)*width
	}
	if last := &out[bins-1]; !whole || bins == 1 {
		last.To = high
	}
	i := 0
	for _, w := range list {
		for i < bins-1 && w.value >= out[i].To {
			i++
		}
		out[i].Count += w.weight
	}
	return out
}
