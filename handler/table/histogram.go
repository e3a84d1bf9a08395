package table

const maxBins = 20

// histogram counts numbers, given in order, in at most maxBins bins of one width from low
// to high. Integers of a small range have a bin each.
func histogram(list []weighted, low, high float64, whole bool) []Bin {
	bins := binsOf(low, high, whole)
	i := 0
	for _, w := range list {
		for i < len(bins)-1 && w.value >= bins[i].To {
			i++
		}
		bins[i].Count += w.weight
	}
	return bins
}

func binsOf(low, high float64, whole bool) []Bin {
	switch {
	case low == high:
		return []Bin{{From: low, To: high}}
	case whole:
		width := float64(int64((high-low)/maxBins) + 1)
		bins := make([]Bin, min(int((high-low)/width)+1, maxBins))
		for i := range bins {
			bins[i].From, bins[i].To = low+float64(i)*width, low+float64(i+1)*width
		}
		return bins
	}
	bins := make([]Bin, maxBins)
	from := low
	for i := range bins {
		share := float64(i+1) / maxBins
		to := float64(low*(1-share)) + float64(high*share) // so that it does not overflow
		bins[i].From, bins[i].To = from, to
		from = to
	}
	bins[maxBins-1].To = high
	return bins
}
