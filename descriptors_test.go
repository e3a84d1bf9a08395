package daybook

import (
	"math"
	"testing"
)

func TestConnectionsAndStreamsLeaveFilesForTheRest(t *testing.T) {
	for _, c := range []struct {
		files                int64
		concurrency          int
		connections, streams int
	}{
		{32, 8, 4, 2}, {64, 8, 8, 4}, {256, 8, 192, 96}, {1024, 8, 960, 480}, {65536, 8, 49104, 10_000}, {math.MaxInt64, 8, math.MaxInt32, 10_000},
	} {
		n := Connections(c.files, c.concurrency)
		if s := streamsFor(n, math.MaxInt64); n != c.connections || s != c.streams {
			t.Errorf("%d files: %d connections and %d streams, not %d and %d", c.files, n, s, c.connections, c.streams)
		}
	}
	if n := streamsFor(50_000, 256<<20); n != 1024 {
		t.Error("in 256 MiB:", n, "streams")
	}
}
