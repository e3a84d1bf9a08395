package textindex

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// small limits make segments of a few documents, so that there are many merges.
var small = limits{docs: 40, bytes: 1 << 20, pairs: 60, words: 50, text: 300, fan: 3, heavy: 4}

// aWord draws from a small vocabulary, so that documents share words. Some words are long or rare.
func aWord(t *rapid.T) string {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"order", "orders", "or", "e", "mail", "émigré", "ÉMIGRÉ", "東京", "京都", "Straße", "K", "true", "null",
			strings.Repeat("long", 20), strings.Repeat("long", 16), "a\u0301b", "x\"y", "line\nbreak", "ſ", "S"}),
		rapid.StringMatching(`[a-c0-2]{1,4}`),
		rapid.StringMatching(`[0-9a-f]{8}`),
	).Draw(t, "word")
}

func aText(t *rapid.T) []byte {
	words := rapid.SliceOfN(rapid.Custom(aWord), 0, 6).Draw(t, "words")
	text, err := json.Marshal(map[string]any{"v": strings.Join(words, " "), "n": rapid.IntRange(0, 999).Draw(t, "n")})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// model has all documents that were added.
type model struct {
	newest map[int64][][]byte
	ever   map[int64][][][]byte
}

func (m *model) add(docs []Doc) {
	for _, d := range docs {
		if d.Erased {
			delete(m.newest, d.Number)
			delete(m.ever, d.Number)
			continue
		}
		m.newest[d.Number] = d.Texts
		m.ever[d.Number] = append(m.ever[d.Number], d.Texts)
	}
}

// find returns the numbers that must be found, and those that may be found.
func (m *model) find(q Query, before int64) (must, may []int64) {
	for n, texts := range m.newest {
		if n >= before {
			continue
		}
		if q.Matches(texts...) {
			must = append(must, n)
		}
		for _, texts := range m.ever[n] {
			if q.Matches(texts...) {
				may = append(may, n)
				break
			}
		}
	}
	slices.Sort(must)
	slices.Sort(may)
	return must, may
}

func TestAnIndexFindsWhatAScanOfAllTextsFinds(t *testing.T) {
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		path := filepath.Join(dir, fmt.Sprint(runs))
		start := func() *Index {
			x, err := open(path, "log", small)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		x := start()
		defer func() { x.Close(); Remove(path) }()
		m := model{map[int64][][]byte{}, map[int64][][][]byte{}}
		through := int64(0)
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if x.Through() != through {
					t.Fatalf("through %d, want %d", x.Through(), through)
				}
			},
			"add": func(t *rapid.T) {
				docs := make([]Doc, rapid.IntRange(0, 30).Draw(t, "docs"))
				for i := range docs {
					through++
					docs[i] = Doc{Number: max(1, 3*through+rapid.Int64Range(-60, 5).Draw(t, "number"))}
					for range rapid.IntRange(0, 2).Draw(t, "texts") {
						docs[i].Texts = append(docs[i].Texts, aText(t))
					}
				}
				if err := x.Add(context.Background(), docs, through); err != nil {
					t.Fatal(err)
				}
				m.add(docs)
			},
			"erase": func(t *rapid.T) {
				through++
				docs := make([]Doc, rapid.IntRange(1, 30).Draw(t, "erased"))
				for i := range docs {
					docs[i] = Doc{Number: rapid.Int64Range(1, 3*through).Draw(t, "number"), Erased: true}
				}
				if err := x.Add(context.Background(), docs, through); err != nil {
					t.Fatal(err)
				}
				m.add(docs)
			},
			"cancelled": func(t *rapid.T) {
				ctx, cancel := context.WithCancel(context.Background())
				cancel()
				if err := x.Add(ctx, []Doc{{Number: 1, Texts: [][]byte{aText(t)}}}, 9999); err == nil {
					t.Fatal("Add succeeded although its context was cancelled")
				}
			},
			"reopen": func(t *rapid.T) {
				if err := x.Close(); err != nil {
					t.Fatal(err)
				}
				x = start()
			},
			"search": func(t *rapid.T) { check(t, x, m) },
		})
		check(t, x, m)
		whole(t, x)
	})
}

// check compares searches, page by page, with the model.
func check(t *rapid.T, x *Index, m model) {
	words := rapid.SliceOfN(rapid.Custom(aWord), 1, 3).Draw(t, "query")
	for i := range words {
		r := []rune(words[i])
		words[i] = string(r[:rapid.IntRange(1, len(r)).Draw(t, "cut")])
	}
	q := ParseQuery(strings.Join(words, " "))
	before := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(1, 300)).Draw(t, "before")
	limit := rapid.IntRange(1, 20).Draw(t, "limit")
	bound := before
	if before == 0 {
		bound = math.MaxInt64
	}
	must, may := m.find(q, bound)
	got := pages(t, x, q, before, limit)
	for _, n := range must {
		if _, ok := slices.BinarySearch(got, n); !ok {
			t.Fatalf("%q: %d not found; got %v, must %v", words, n, got, must)
		}
	}
	for _, n := range got {
		if _, ok := slices.BinarySearch(may, n); !ok {
			t.Fatalf("%q: %d found, which does not match; got %v, may %v", words, n, got, may)
		}
	}
}

// whole checks that the file has exactly the rows of its segments.
func whole(t *rapid.T, x *Index) {
	for sql, want := range map[string]int64{
		"SELECT ifnull(sum(docs), 0) FROM segments":                                                 x.Docs(),
		"SELECT count(*) - (SELECT ifnull(sum(blocks), 0) FROM segments) FROM blocks":               0,
		"SELECT count(*) - (SELECT ifnull(sum(blocks), 0) FROM segments) FROM words":                0,
		"SELECT count(*) - (SELECT ifnull(sum((docs+1023)/1024), 0) FROM segments) FROM numbers":    0,
		"SELECT count(*) FROM places WHERE id >> 20 NOT IN (SELECT id FROM segments)":               0,
		"SELECT count(*) FROM prefixes WHERE segment NOT IN (SELECT id FROM segments)":              0,
		"SELECT count(*) FROM prefixes WHERE segment << 20 | places NOT IN (SELECT id FROM places)": 0,
	} {
		if got, err := x.w.c.Number(sql); err != nil || got != want {
			t.Fatalf("%s: %d, %v, want %d", sql, got, err, want)
		}
	}
	if got := len(x.w.state.open); got > 8*small.fan {
		t.Fatalf("%d segments wait for a merge", got)
	}
}

// pages returns all numbers of all pages, ascending.
func pages(t *rapid.T, x *Index, q Query, before int64, limit int) (all []int64) {
	for {
		page, err := x.Search(context.Background(), q, before, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > limit {
			t.Fatalf("%d numbers, want at most %d", len(page), limit)
		}
		for _, n := range page {
			if before != 0 && n >= before || len(all) > 0 && n >= all[len(all)-1] {
				t.Fatalf("%d after %v, before %d", n, all, before)
			}
			all = append(all, n)
		}
		if len(page) < limit {
			slices.Reverse(all)
			return all
		}
		before = page[len(page)-1]
	}
}

func TestAQueryMatchesIfEveryWordIsAPrefixOfAWord(t *testing.T) {
	texts := [][]byte{[]byte(`{"to":"Anna.Berg@example.com","order":"A-1002","ok":true,"note":"Gr\u00fc\u00dfe\naus \ud83d\ude00 東京タワー","n":-12.5e3}`), []byte(`"K\u212a ΣΑΣ"`)}
	for query, want := range map[string]bool{
		"": false, " .,-": false, "anna": true, "ANNA berg": true, "annaberg": false, "nna": false,
		"order 100": true, "order 101": false, "grüsse": false, "GRÜSSE": false, "grüß": true, "aus": true, "naus": false,
		"京": true, "東京": true, "タワ": true, "kk": true, "σας": true, "ΣΑΣ anna": true, "12": true, "5e3": true, "true": true, "u00fc": false,
	} {
		if got := ParseQuery(query).Matches(texts...); got != want {
			t.Errorf("%q: got %v, want %v", query, got, want)
		}
	}
}

func TestAQueryDropsPrefixesOfItsOtherWords(t *testing.T) {
	got := ParseQuery(`Or order "ORDERS", x\nb der`).words
	if diff := cmp.Diff([]string{"orders", "der", "nb", "x"}, got); diff != "" {
		t.Error(diff)
	}
}
