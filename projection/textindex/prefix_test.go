package textindex

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestEveryPrefixOfManyWordsIsWrittenOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfDistinct(rapid.StringMatching(`[ab]{1,6}`), rapid.ID[string]).Draw(t, "words")
		slices.Sort(words)
		heavy := rapid.IntRange(2, 6).Draw(t, "heavy")
		got, want := map[string][]uint16{}, map[string][]uint16{}
		tr := tree{heavy: heavy, write: func(prefix []byte, of *bitmap) error {
			got[string(prefix)] = of.appendTo(nil)
			return nil
		}}
		docs := map[string][]uint16{}
		for _, word := range words {
			docs[word] = rapid.SliceOfNDistinct(rapid.Uint16(), 1, 4, rapid.ID[uint16]).Draw(t, "docs")
			slices.Sort(docs[word])
			if err := tr.put([]byte(word), docs[word]); err != nil {
				t.Fatal(err)
			}
			if rapid.IntRange(0, 5).Draw(t, "count") == 0 {
				tr.count()
			}
		}
		if err := tr.put(nil, nil); err != nil {
			t.Fatal(err)
		}
		for _, word := range words {
			for n := 1; n <= len(word); n++ {
				var all []uint16
				under, longest := 0, word
				for _, other := range words {
					if strings.HasPrefix(other, word[:n]) {
						under++
						all = append(all, docs[other]...)
						longest = longest[:common([]byte(longest), []byte(other))]
					}
				}
				if under >= heavy {
					slices.Sort(all)
					want[longest] = slices.Compact(all)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%v: %s", words, diff)
		}
	})
}

func TestPlacesOfAnyDensityAreReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		docs := rapid.SampledFrom([]int{1, 2, 63, 64, 65, 100, 3000, 65_535, 65_536}).Draw(t, "docs")
		step := rapid.SampledFrom([]int{1, 2, 7, 9, 200, 4000}).Draw(t, "step")
		without := rapid.Bool().Draw(t, "without")
		from := rapid.IntRange(0, docs-1).Draw(t, "from")
		var places []uint16
		for p := range docs {
			if in := p >= from && (p-from)%step == 0; in != without {
				places = append(places, uint16(p))
			}
		}
		if len(places) == 0 {
			return
		}
		body, f := appendPlaces(nil, places, docs)
		if size := (docs + 7) / 8; len(body) > max(size, maxNear) {
			t.Errorf("%d bytes for %d of %d", len(body), len(places), docs)
		}
		got, err := readPlaces(nil, f, body, docs)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(places, got); diff != "" {
			t.Fatalf("form %d: %s", f, diff)
		}
		var b bitmap
		if err := b.add(f, body, docs); err != nil {
			t.Fatal(err)
		}
		if b.count() != len(places) || b.below(docs) != int(places[len(places)-1]) {
			t.Errorf("%d places, the last %d", b.count(), b.below(docs))
		}
		if f != formAll && f != formHoles { // a smaller segment does not have all of these places
			if _, err := readPlaces(nil, f, body, int(places[len(places)-1])); err == nil {
				t.Errorf("form %d: places beyond the segment were read", f)
			}
		}
	})
}
