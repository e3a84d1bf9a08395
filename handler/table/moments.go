package table

import (
	"encoding/json"
	"math"
	"math/big"
	"math/bits"
)

// moments are the exact figures of a column of numbers.
type moments struct {
	n         int64
	min, max  float64
	sum, lost float64
	shift     float64 // the first number; mean counts from it, which keeps digits
	mean, m2  float64 // m2 is the sum of squared distances from the mean

	// While all numbers are integers:
	whole          bool
	wholeMin       int64
	wholeMax       int64
	wholeHi        int64 // with wholeLo the sum in 128 bits
	wholeLo        uint64
	wholeSeenFirst bool
}

// addWhole takes one integer.
func (m *moments) addWhole(n int64) {
	if !m.wholeSeenFirst {
		m.wholeSeenFirst, m.wholeMin, m.wholeMax = true, n, n
	}
	m.wholeMin, m.wholeMax = min(m.wholeMin, n), max(m.wholeMax, n)
	lo, carry := bits.Add64(m.wholeLo, uint64(n), 0)
	m.wholeLo = lo
	m.wholeHi += n>>63 + int64(carry)
}

// fold takes a batch. The sum is compensated (Neumaier, "Rundungsfehleranalyse einiger
// Verfahren zur Summation endlicher Summen", 1974, in the branchless form of Knuth's
// TwoSum). Mean and m2 of the batch come from two passes over it and are joined with
// those before by the formula of Chan, Golub and LeVeque ("Updating Formulae and a
// Pairwise Algorithm for Computing Sample Variances", 1979).
func (m *moments) fold(batch []float64) {
	if len(batch) == 0 {
		return
	}
	if m.n == 0 {
		m.min, m.max, m.shift = batch[0], batch[0], batch[0]
	}
	low, high, sum, lost, batchSum := m.min, m.max, m.sum, m.lost, 0.0
	for _, v := range batch {
		low, high = min(low, v), max(high, v)
		batchSum += v - m.shift
		t := sum + v
		part := t - sum
		lost += (sum - (t - part)) + (v - part)
		sum = t
	}
	m.min, m.max, m.sum, m.lost = low, high, sum, lost
	n, before := float64(len(batch)), float64(m.n)
	mean := batchSum / n
	var m2, rest float64
	for _, v := range batch {
		d := v - m.shift - mean
		m2 += float64(d * d) // not fused with the sum, so that every machine says the same
		rest += d
	}
	m2 -= rest * rest / n
	d := mean - m.mean
	m.mean += d * n / (before + n)
	m.m2 += m2 + d*d*before*n/(before+n)
	m.n += int64(len(batch))
}

func (m *moments) total() float64 {
	if t := m.sum + m.lost; !math.IsNaN(t) {
		return t
	}
	return m.sum
}

// report fills in what the moments say.
func (m *moments) report(c *Column) {
	if m.n == 0 {
		return
	}
	if m.n > 1 {
		c.StdDev = finite(math.Sqrt(max(m.m2, 0) / float64(m.n-1)))
	}
	if !m.whole {
		c.Min, c.Max = m.min, m.max
		if sum := finite(m.total()); sum != nil {
			c.Sum = *sum
		}
		c.Mean = finite(m.total() / float64(m.n))
		return
	}
	sum := new(big.Int).Lsh(big.NewInt(m.wholeHi), 64)
	sum.Add(sum, new(big.Int).SetUint64(m.wholeLo))
	c.Min, c.Max, c.Sum = m.wholeMin, m.wholeMax, json.Number(sum.String())
	mean, _ := new(big.Rat).SetFrac(sum, big.NewInt(m.n)).Float64()
	c.Mean = finite(mean)
}

// finite returns nil for what JSON cannot say.
func finite(f float64) *float64 {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil
	}
	return &f
}
