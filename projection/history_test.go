package projection

import (
	"math"
	"testing"
)

func TestADistanceThatDoesNotFitIsKeptApart(t *testing.T) {
	var h history
	distances := []int64{0, 1, math.MaxUint32 - 1, math.MaxUint32, math.MaxUint32 + 1, 1 << 40}
	for i, distance := range distances {
		h.add(int64(i)+1, distance)
	}
	for i, distance := range distances {
		want := int64(i) + 1 - distance
		if distance == 0 {
			want = 0
		}
		if got := h.before(int64(i) + 1); got != want {
			t.Errorf("distance %d leads to %d, want %d", distance, got, want)
		}
	}
	if len(h.far) != 3 {
		t.Errorf("%d kept apart", len(h.far))
	}
}
