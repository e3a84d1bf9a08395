package table

import "math"

// times gathers what is said of a column of moments, for each way to write them that all
// values so far keep to.
type times struct {
	alive    [len(timeFormats)]bool
	min, max [len(timeFormats)]int64
}

// newTimes returns one for the ways that are left when the order of dates is given.
func newTimes(order string) *times {
	t := &times{}
	for way := range timeFormats {
		name, ordered := dateOrders[way]
		t.alive[way] = order == "" || !ordered || name == order
		t.min[way], t.max[way] = math.MaxInt64, math.MinInt64
	}
	return t
}

// add reports whether there is a way left that reads all values.
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

// order returns the way that reads all values, the preferred one if that does, and whether
// others differ from it in the order of day, month and year only.
func (t *times) order(preferred int) (way int, ambiguous bool) {
	way, alive := -1, 0
	for i := range timeFormats {
		if !t.alive[i] {
			continue
		}
		if _, ordered := dateOrders[i]; ordered {
			alive++
		}
		if way < 0 || i == preferred {
			way = i
		}
	}
	return way, alive > 1
}
