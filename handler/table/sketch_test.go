package table

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
)

func TestQuantilesStayWithinTheirBoundInAnyOrder(t *testing.T) {
	const n, size = 500_000, 256
	random := rand.New(rand.NewPCG(1, 2))
	orders := map[string]func(i int) float64{
		"up":        func(i int) float64 { return float64(i) },
		"down":      func(i int) float64 { return float64(-i) },
		"random":    func(int) float64 { return random.NormFloat64() },
		"two sides": func(i int) float64 { return float64(i) * float64(1-2*(i%2)) },
		"sawtooth":  func(i int) float64 { return float64(i % 1000) },
		"few":       func(i int) float64 { return float64(i * i % 7) },
		"all equal": func(int) float64 { return 3 },
		"runs":      func(i int) float64 { return float64(i / 10_000 % 13) },
	}
	for name, order := range orders {
		all := make([]float64, n)
		keys := make([]uint64, n)
		q := &quantiles{size: size}
		for i := range all {
			all[i] = order(i)
			keys[i] = floatKey(all[i])
		}
		for i := 0; i+size <= n; i += size {
			q.add(keys[i : i+size])
		}
		list := q.list(keys[n-n%size:])
		total := int64(0)
		for _, w := range list {
			total += w.weight
		}
		if total != n {
			t.Fatalf("%s: weights of %d numbers add up to %d", name, n, total)
		}
		slices.Sort(all)
		bound := float64(len(q.levels)) / (2 * size)
		for p := 0.01; p < 1; p += 0.01 {
			v := quantile(list, n, p)
			low := float64(sort.SearchFloat64s(all, v)) / n
			high := float64(sort.SearchFloat64s(all, math.Nextafter(v, math.Inf(1)))) / n
			if p < low-bound || p > high+bound {
				t.Errorf("%s: the %.2f-quantile %v has rank %.4f … %.4f, bound %.4f", name, p, v, low, high, bound)
			}
			// Starting in turn with the first and the second number leaves no drift.
			if drift := bound / 10; name == "up" && (p < low-drift || p > high+drift) {
				t.Errorf("%s: the %.2f-quantile has drifted to %.4f … %.4f", name, p, low, high)
			}
		}
	}
}

func TestKeysSortAsNumbers(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	numbers := []float64{0, -1, 1, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 1e-300, -1e-300}
	for range 2000 {
		numbers = append(numbers, random.NormFloat64()*math.Pow(10, float64(random.IntN(40)-20)))
	}
	keys := make([]uint64, len(numbers))
	for i, f := range numbers {
		keys[i] = floatKey(f)
	}
	sortKeys(keys, make([]uint64, len(keys)))
	slices.Sort(numbers)
	for i, key := range keys {
		if floatOf(key) != numbers[i] {
			t.Fatalf("number %d is %v, want %v", i, floatOf(key), numbers[i])
		}
	}
}

func TestDistinctValuesAreCountedWithinOnePerCent(t *testing.T) {
	for _, n := range []int{1, 10, 6000, 99_000, 150_000, 1_000_000} {
		f := newFrequencies(sizesFor(1))
		for i := range 2 * n {
			if i == ExactRows {
				f.restrict(sizesFor(1).slots)
			}
			b := []byte(strconv.Itoa(i % n * 7919))
			f.add(hashOf(b), b)
		}
		got := f.distinct()
		if off := math.Abs(float64(got)/float64(n) - 1); f.exact() && got != int64(n) || off > 0.01 {
			t.Errorf("%d of %d different values (exact: %v)", got, n, f.exact())
		}
		if n <= 6000 && !f.exact() {
			t.Errorf("%d different values are not counted exactly", n)
		}
	}
}

// TestFrequentValuesAreFound has values that come often among many that come once, from the
// first row on, from the middle on, and in the last part only.
func TestFrequentValuesAreFound(t *testing.T) {
	f := newFrequencies(sizesFor(1))
	const n = 1_000_000
	truth := map[string]int64{}
	for i := range n {
		if i == ExactRows {
			f.restrict(sizesFor(1).slots)
		}
		var value string
		switch {
		case i%10 == 0:
			value = "tenth"
		case i%50 == 1:
			value = "fiftieth"
		case i > n/2 && i%20 == 2:
			value = "later"
		case i > n-50_000 && i%2 == 0:
			value = "last"
		default:
			value = "once " + strconv.Itoa(i)
		}
		truth[value]++
		f.add(hashOf([]byte(value)), []byte(value))
	}
	top := f.top(10)
	var names []string
	for _, v := range top {
		names = append(names, v.Value)
		low, high := truth[v.Value]-int64(f.floor), truth[v.Value]
		if v.Count < low || v.Count > high {
			t.Errorf("%s came %d times, counted %d, floor %d", v.Value, truth[v.Value], v.Count, f.floor)
		}
	}
	if strings.Join(names, ",") != "tenth,later,fiftieth,last" || top[0].Count != truth["tenth"] {
		t.Errorf("top: %v, floor %d", top, f.floor)
	}
	if f.floor > n/1000 {
		t.Errorf("a value may have come %d times unseen", f.floor)
	}
}

// TestCountsAreBounded holds the table to its promise for every value, by a stream in
// which few values come often, many now and then.
func TestCountsAreBounded(t *testing.T) {
	f := newFrequencies(sizes{slots: 512, precision: 12, shown: 64})
	f.restrict(512)
	zipf := rand.NewZipf(rand.New(rand.NewPCG(7, 8)), 1.1, 20, 1_000_000)
	truth := map[uint64]uint32{}
	for range 300_000 {
		b := []byte(strconv.FormatUint(zipf.Uint64(), 10))
		truth[hashOf(b)]++
		f.add(hashOf(b), b)
	}
	counted := map[uint64]int{}
	for i, s := range f.slots {
		if s.hash != 0 {
			counted[s.hash] = i
		}
	}
	if f.floor < 10 || len(counted) < 50 {
		t.Fatalf("floor %d, %d values: the table was not pressed", f.floor, len(counted))
	}
	for hash, n := range truth {
		i, ok := counted[hash]
		if !ok && n > f.floor {
			t.Errorf("a value that came %d times is not there; floor %d", n, f.floor)
		}
		if ok && (f.slots[i].count > n || f.atMost(i) < n) {
			t.Errorf("a value that came %d times is said to have come %d to %d times", n, f.slots[i].count, f.atMost(i))
		}
	}
}

func TestTheTableOfValuesStaysWithinItsSize(t *testing.T) {
	for _, s := range []sizes{sizesFor(1), sizesFor(1000)} {
		f := newFrequencies(s)
		f.restrict(s.slots)
		for i := range 200_000 {
			b := []byte(fmt.Sprint("value ", i/2)) // each twice, so that its text is kept
			f.add(hashOf(b), b)
		}
		if len(f.slots) != s.slots || f.used > room(s.slots) || len(f.texts) > s.slots {
			t.Errorf("%d slots, %d used, %d texts of %d", len(f.slots), f.used, len(f.texts), s.slots)
		}
	}
}

func TestHistogramsCoverTheRange(t *testing.T) {
	tests := []struct {
		values []float64
		whole  []int64
		bins   int
		counts []int64
	}{
		{whole: []int64{5}, bins: 1, counts: []int64{1}},
		{values: []float64{5, 5}, bins: 1, counts: []int64{2}},
		{whole: []int64{1, 2, 2, 4}, bins: 4, counts: []int64{1, 2, 0, 1}},
		{whole: []int64{0, 19}, bins: 20},
		{whole: []int64{0, 20}, bins: 11},
		{values: []float64{0, 0.5, 1}, bins: 20},
		{values: []float64{-1e308, 1e308}, bins: 20},
		{whole: []int64{math.MinInt64, math.MaxInt64}, bins: 20},
		{whole: []int64{math.MaxInt64 - 1, math.MaxInt64}, bins: 2, counts: []int64{1, 1}},
		{whole: []int64{1541815603606036480, 1541815603606036487, 1541815603606036489}, bins: 10},
	}
	for _, test := range tests {
		var bins []Bin
		if test.whole != nil {
			var keys []uint64
			for _, i := range test.whole {
				keys = append(keys, wholeKey(i))
			}
			bins = wholeHistogram(inOrder(keys), test.whole[0], test.whole[len(test.whole)-1], 20)
		} else {
			var keys []uint64
			for _, f := range test.values {
				keys = append(keys, floatKey(f))
			}
			bins = histogram(inOrder(keys), test.values[0], test.values[len(test.values)-1], 20)
		}
		var counts []int64
		total := int64(0)
		for i, b := range bins {
			counts = append(counts, b.Count)
			total += b.Count
			from, ok := new(big.Rat).SetString(string(b.From))
			to, ok2 := new(big.Rat).SetString(string(b.To))
			if !ok || !ok2 || len(bins) > 1 && to.Cmp(from) <= 0 || i > 0 && b.From != bins[i-1].To {
				t.Errorf("%v%v: bin %d is %v", test.values, test.whole, i, b)
			}
		}
		if len(bins) != test.bins || total != int64(len(test.values)+len(test.whole)) || test.counts != nil && !slices.Equal(counts, test.counts) {
			t.Errorf("%v%v: %v", test.values, test.whole, bins)
		}
	}
}

func TestMomentsAgreeWithTheDefinitionFarFromZero(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	const n, offset = 100_000, 1e9
	all, keys := make([]float64, n), make([]uint64, n)
	m := moments{}
	sum := 0.0
	for i := range all {
		all[i] = offset + random.NormFloat64()
		keys[i] = floatKey(all[i])
		sum += all[i] - offset
	}
	for from := 0; from < n; from += 777 {
		m.foldFloats(keys[from:min(from+777, n)])
	}
	squares := 0.0
	for _, v := range all {
		squares += (v - offset - sum/n) * (v - offset - sum/n)
	}
	want := math.Sqrt(squares / (n - 1))
	if got := math.Sqrt(m.m2 / (n - 1)); math.Abs(got/want-1) > 1e-12 {
		t.Errorf("stddev %v, want %v", got, want)
	}
}
