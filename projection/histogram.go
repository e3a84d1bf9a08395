package projection

import (
	"math/bits"

	"daybook/task"
)

// Buckets are exact below 16 µs; above, each octave has 16 of equal width, so the
// middle of a bucket is at most 1/32 (3.2 %) away from any span in it. Spans of 2^42 µs
// (50 days) and more share the last one.
const (
	subBits     = 4
	subBuckets  = 1 << subBits
	topBit      = 42
	bucketCount = (topBit - subBits + 1) * subBuckets
)

// histogram counts spans.
type histogram struct {
	n           [bucketCount]uint32
	count       int64
	first, last int // buckets in use; meaningful when count > 0
}

// bucketOf returns the bucket of a span in microseconds; below 0 counts as 0.
func bucketOf(span task.Micros) int {
	s := uint64(min(max(span, 0), 1<<topBit-1))
	if s < subBuckets {
		return int(s)
	}
	octave := bits.Len64(s) - subBits // from 1
	return octave*subBuckets + int(s>>(octave-1))&(subBuckets-1)
}

// middleOf returns the span that stands for all in a bucket.
func middleOf(bucket int) task.Micros {
	if bucket < subBuckets {
		return task.Micros(bucket)
	}
	shift := bucket/subBuckets - 1
	low := int64(subBuckets+bucket%subBuckets) << shift
	return task.Micros(low + int64(1)<<shift/2)
}

func (h *histogram) add(span task.Micros) {
	b := bucketOf(span)
	if h.count == 0 {
		h.first, h.last = b, b
	}
	h.first, h.last = min(h.first, b), max(h.last, b)
	h.n[b]++
	h.count++
}

// merge adds what other has counted.
func (h *histogram) merge(other *histogram) {
	if other.count == 0 {
		return
	}
	if h.count == 0 {
		h.first, h.last = other.first, other.last
	}
	h.first, h.last = min(h.first, other.first), max(h.last, other.last)
	for b := other.first; b <= other.last; b++ {
		h.n[b] += other.n[b]
	}
	h.count += other.count
}

// percentiles are nearest-rank: the smallest span that p per cent do not exceed.
func (h *histogram) percentiles() Percentiles {
	p := Percentiles{Count: h.count}
	if h.count == 0 {
		return p
	}
	rank := func(percent int64) int64 { return (h.count*percent + 99) / 100 }
	var seen int64
	for b := h.first; b <= h.last; b++ {
		before := seen
		seen += int64(h.n[b])
		for _, want := range []struct {
			rank int64
			to   *task.Micros
		}{{rank(50), &p.P50}, {rank(95), &p.P95}, {rank(99), &p.P99}} {
			if before < want.rank && want.rank <= seen {
				*want.to = middleOf(b)
			}
		}
	}
	return p
}
