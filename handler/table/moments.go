package table

import (
	"encoding/json"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// moments are the exact figures of a column of numbers: of integers in integers, until
// toFloats, and of floating point numbers from then on.
type moments struct {
	n        int64
	mean, m2 float64 // of the distances from shift; m2 is the sum of squared distances from the mean

	wholeMin, wholeMax, wholeShift int64
	wholeHi                        int64 // with wholeLo the sum in 128 bits
	wholeLo                        uint64

	min, max  float64
	sum, lost float64
	shift     float64 // the first number; mean counts from it, which keeps digits
}

// foldWhole adds a batch of keys of integers.
func (m *moments) foldWhole(batch []uint64) {
	if len(batch) == 0 {
		return
	}
	if m.n == 0 {
		first := wholeOf(batch[0])
		m.wholeMin, m.wholeMax, m.wholeShift = first, first, first
	}
	low, high, hi, lo, shift, batchSum := m.wholeMin, m.wholeMax, m.wholeHi, m.wholeLo, m.wholeShift, 0.0
	for _, key := range batch {
		v := wholeOf(key)
		low, high = min(low, v), max(high, v)
		var carry uint64
		lo, carry = bits.Add64(lo, uint64(v), 0)
		hi += v>>63 + int64(carry)
		batchSum += distance(v, shift)
	}
	m.wholeMin, m.wholeMax, m.wholeHi, m.wholeLo = low, high, hi, lo
	mean := batchSum / float64(len(batch))
	var m2, rest float64
	for _, key := range batch {
		d := distance(wholeOf(key), shift) - mean
		m2 += float64(d * d)
		rest += d
	}
	m.join(len(batch), mean, m2, rest)
}

// distance is v − from, rounded once at most.
func distance(v, from int64) float64 {
	d := v - from
	if (v^from)&(v^d) < 0 { // beyond 64 bits
		return float64(v) - float64(from)
	}
	return float64(d)
}

// foldFloats adds a batch of keys of floating point numbers. The sum is compensated
// (Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen",
// 1974, in the branchless form of Knuth's TwoSum). Mean and m2 of the batch come from two
// passes over it.
func (m *moments) foldFloats(batch []uint64) {
	if len(batch) == 0 {
		return
	}
	if m.n == 0 {
		first := floatOf(batch[0])
		m.min, m.max, m.shift = first, first, first
	}
	low, high, sum, lost, batchSum := m.min, m.max, m.sum, m.lost, 0.0
	for _, key := range batch {
		v := floatOf(key)
		low, high = min(low, v), max(high, v)
		batchSum += v - m.shift
		t := sum + v
		part := t - sum
		lost += (sum - (t - part)) + (v - part)
		sum = t
	}
	m.min, m.max, m.sum, m.lost = low, high, sum, lost
	mean := batchSum / float64(len(batch))
	var m2, rest float64
	for _, key := range batch {
		d := floatOf(key) - m.shift - mean
		m2 += float64(d * d) // not fused with the sum, so that every machine says the same
		rest += d
	}
	m.join(len(batch), mean, m2, rest)
}

// join adds mean and m2 of a batch by the formula of Chan, Golub and LeVeque ("Updating
// Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979).
func (m *moments) join(count int, mean, m2, rest float64) {
	n, before := float64(count), float64(m.n)
	m2 -= rest * rest / n
	d := mean - m.mean
	m.mean += d * n / (before + n)
	m.m2 += m2 + d*d*before*n/(before+n)
	m.n += int64(count)
}

// toFloats goes over from integers to floating point numbers.
func (m *moments) toFloats() {
	m.min, m.max, m.shift = float64(m.wholeMin), float64(m.wholeMax), float64(m.wholeShift)
	sum := new(big.Float).SetInt(m.wholeSum())
	m.sum, _ = sum.Float64()
	m.lost, _ = sum.Sub(sum, big.NewFloat(m.sum)).Float64()
}

func (m *moments) wholeSum() *big.Int {
	sum := new(big.Int).Lsh(big.NewInt(m.wholeHi), 64)
	return sum.Add(sum, new(big.Int).SetUint64(m.wholeLo))
}

func (m *moments) total() float64 {
	if t := m.sum + m.lost; !math.IsNaN(t) {
		return t
	}
	return m.sum
}

// decimalTotal is the sum of numbers that have at most that many decimals. The sum of the
// numbers as they are written has no more; where the errors of all are together below half
// of its last place, rounding there takes them away: -12.30 + 5.00 is -7.3.
func (m *moments) decimalTotal(decimals uint8) float64 {
	const unit = 0x1p-52 // twice the relative error of a number
	total := m.total()
	if int(decimals) >= len(exactPowers) {
		return total
	}
	largest := max(math.Abs(m.min), math.Abs(m.max))
	if lost := (float64(m.n)*largest + math.Abs(total)) * unit; !(lost*exactPowers[decimals] < 0.5) {
		return total
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(total, 'f', int(decimals), 64), 64)
	if err != nil {
		return total
	}
	return rounded + 0 // no negative zero
}

// report fills in what the moments say of numbers that have at most that many decimals.
func (m *moments) report(c *Column, whole bool, decimals uint8) {
	if m.n > 1 {
		c.StdDev = finite(math.Sqrt(max(m.m2, 0) / float64(m.n-1)))
	}
	if whole {
		sum := m.wholeSum()
		c.Min, c.Max, c.Sum = m.wholeMin, m.wholeMax, json.Number(sum.String())
		c.Mean = ratNumber(new(big.Rat).SetFrac(sum, big.NewInt(m.n)))
		return
	}
	c.Min, c.Max = m.min, m.max
	total := m.decimalTotal(decimals)
	if sum := finite(total); sum != nil {
		c.Sum = *sum
	}
	c.Mean = floatNumber(total / float64(m.n))
}

// finite returns nil for what JSON cannot say.
func finite(f float64) *float64 {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil
	}
	return &f
}

// floatNumber is f in JSON, nil for what JSON cannot say.
func floatNumber(f float64) *json.Number {
	text, err := json.Marshal(f)
	if err != nil {
		return nil
	}
	n := json.Number(text)
	return &n
}

// ratNumber is r in JSON: what float64 says of it, unless that would lose digits before the
// point; then these digits and up to three after it.
func ratNumber(r *big.Rat) *json.Number {
	const exact = 1 << 53 // integers up to here are exact in float64
	f, _ := r.Float64()
	if math.Abs(f) < exact {
		return floatNumber(f)
	}
	n := json.Number(strings.TrimRight(strings.TrimRight(r.FloatString(3), "0"), "."))
	return &n
}
