package task

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestTheFullWaitGrowsAsItsKindSays(t *testing.T) {
	for _, test := range []struct {
		kind BackoffKind
		want []Micros // seconds after failures 1, 2, 3 …
	}{
		{Exponential, []Micros{2, 4, 8, 16, 32, 60, 60}},
		{Linear, []Micros{2, 4, 6, 8, 10, 12, 14}},
		{Constant, []Micros{2, 2, 2, 2, 2, 2, 2}},
	} {
		b := Backoff{Kind: test.kind, Base: 2 * Second, Max: 60 * Second, NoJitter: true}
		for i, want := range test.want {
			if got := b.Delay(i+1, math.MaxUint64); got != want*Second {
				t.Errorf("%s after failure %d: %s, want %s", test.kind, i+1, got.Duration(), (want * Second).Duration())
			}
		}
	}
}

// The waits of old events are in the log, but a replayed decision must give them again.
func TestAWaitIsTheSameForEver(t *testing.T) {
	for _, test := range []struct {
		n    int
		seed uint64
		want Micros
	}{
		{1, 0, 0}, {1, math.MaxUint64, 2_000_000}, {1, 1 << 63, 1_000_000}, {2, 1 << 62, 1_000_000},
		{3, 0x9E3779B97F4A7C15, 4_944_272}, {10, 0x9E3779B97F4A7C15, 370_820_393}, {1000, 0x9E3779B97F4A7C15, 370_820_393},
	} {
		if got := DefaultBackoff.Delay(test.n, test.seed); got != test.want {
			t.Errorf("after failure %d with seed %#x: %d, want %d", test.n, test.seed, got, test.want)
		}
	}
}

func TestAWaitStaysInItsBounds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := Backoff{
			Kind:     BackoffKind(rapid.IntRange(0, int(backoffKindCount)-1).Draw(rt, "kind")),
			Base:     Micros(rapid.Int64Range(0, int64(MaxBackoffBase)).Draw(rt, "base")),
			NoJitter: rapid.Bool().Draw(rt, "no jitter"),
		}
		b.Max = Micros(rapid.Int64Range(int64(b.Base), int64(MaxBackoffMax)).Draw(rt, "max"))
		n := rapid.OneOf(rapid.IntRange(1, MaxMaxAttempts), rapid.SampledFrom([]int{1, 1000, math.MaxInt32, math.MaxInt64})).Draw(rt, "n")
		seed := rapid.Uint64().Draw(rt, "seed")
		full := b
		full.NoJitter = true
		most := full.Delay(n, 0)
		if got := b.Delay(n, seed); got < 0 || got > most || most > b.Max || b.NoJitter && got != most {
			rt.Fatalf("%+v after failure %d: %d of at most %d", b, n, got, most)
		}
		if n > 1 && full.Delay(n-1, 0) > most {
			rt.Fatalf("%+v: the wait went down at failure %d", b, n)
		}
		if b.Delay(n, math.MaxUint64) != most {
			rt.Fatalf("%+v: the full wait is never drawn", b)
		}
	})
}

func TestTheJitterIsEven(t *testing.T) {
	const draws, parts = 40_000, 8
	var n [parts]int
	seed := uint64(1)
	for range draws {
		seed = seed*6364136223846793005 + 1442695040888963407
		wait := DefaultBackoff.Delay(4, seed) // 0 … 16 s
		n[min(wait*parts/(16*Second), parts-1)]++
	}
	for i, count := range n {
		if count < draws/parts*9/10 || count > draws/parts*11/10 {
			t.Errorf("part %d of %d has %d of %d draws", i+1, parts, count, draws)
		}
	}
}
