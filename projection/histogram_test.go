package projection

import (
	"math"
	"slices"
	"testing"

	"daybook/task"

	"pgregory.net/rapid"
)

func TestABucketStandsForItsSpansWithinAThirtySecond(t *testing.T) {
	previous := -1
	for shift := range topBit {
		for _, add := range []int64{0, 1, 1 << shift / 3, 1 << shift / 2, 1<<shift - 1} {
			span := task.Micros(int64(1)<<shift + add)
			bucket := bucketOf(span)
			if bucket < 0 || bucket >= bucketCount {
				t.Fatalf("%d in bucket %d", span, bucket)
			}
			if miss := math.Abs(float64(middleOf(bucket)-span)) / float64(span); miss > 1.0/32 {
				t.Errorf("%d stands for %d: %.1f %% off", middleOf(bucket), span, 100*miss)
			}
			if bucketOf(middleOf(bucket)) != bucket {
				t.Errorf("the middle of bucket %d lies in %d", bucket, bucketOf(middleOf(bucket)))
			}
		}
	}
	for span := task.Micros(-3); span < 100_000; span++ {
		if b := bucketOf(span); b < previous {
			t.Fatalf("%d in bucket %d after %d", span, b, previous)
		} else {
			previous = b
		}
	}
	if bucketOf(math.MaxInt64) != bucketCount-1 || bucketOf(math.MinInt64) != 0 {
		t.Error("spans beyond the ends have no bucket")
	}
}

func TestPercentilesAreNearThoseOfAllValues(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, 1<<41), 1, 300).Draw(rt, "values")
		var one, two, all histogram
		for i, value := range values {
			if i%2 == 0 {
				one.add(task.Micros(value))
			} else {
				two.add(task.Micros(value))
			}
		}
		all.merge(&one)
		all.merge(&two)
		slices.Sort(values)
		got := all.percentiles()
		if got.Count != int64(len(values)) {
			rt.Fatalf("count %d of %d", got.Count, len(values))
		}
		for _, p := range []struct {
			percent int
			got     task.Micros
		}{{50, got.P50}, {95, got.P95}, {99, got.P99}} {
			want := values[(len(values)*p.percent+99)/100-1]
			if math.Abs(float64(p.got)-float64(want)) > float64(want)/20 {
				rt.Fatalf("p%d is %d, want %d within 5 %%", p.percent, p.got, want)
			}
		}
	})
}
