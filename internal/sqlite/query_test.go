package sqlite

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestAQueryGivesWhatWasInserted(t *testing.T) {
	c := open(t)
	r := insert(t, c)
	type stored struct {
		n          int64
		text, blob string
	}
	want := []stored{{-1 << 62, "", "x\x00y"}, {-5, "ü\n", ""}, {0, strings.Repeat("long", 50_000), "z"}}
	for i := range int64(100) {
		want = append(want, stored{i + 1, fmt.Sprint("row ", i), strings.Repeat("b", int(i))})
	}
	for _, s := range want {
		if n, err := r.Insert(row(nil, s.n, s.text, s.blob)); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	q, err := c.PrepareQuery("SELECT n, text, blob FROM rows WHERE n >= ?1 + 0 AND n <= ?2 + 0 ORDER BY n", "itb")
	must(t, err)
	for _, room := range []int{0, 1, 100, 1 << 20} {
		got, err := q.Append(append(make([]byte, 0, room), "kept"[:min(room, 4)]...), -1<<63, 99)
		must(t, err)
		values := ValuesOf(bytes.TrimPrefix(got, []byte("kept"[:min(room, 4)])))
		for i, s := range want {
			if s.n > 99 {
				break
			}
			if n, text, blob := values.Number(), values.Bytes(), values.Bytes(); n != s.n || string(text) != s.text || string(blob) != s.blob {
				t.Fatalf("room %d, row %d: %d, %.10q, %.10q; want %d, %.10q, %.10q", room, i, n, text, blob, s.n, s.text, s.blob)
			}
		}
		if values.More() || !values.Whole() {
			t.Errorf("room %d: more %v, whole %v", room, values.More(), values.Whole())
		}
	}
	if none, err := q.Append(nil, 1000, 2000); len(none) != 0 || err != nil {
		t.Errorf("no rows: %q, %v", none, err)
	}
}

func TestAQueryThatFailsSaysWhyAndTheNextOneWorks(t *testing.T) {
	c := open(t)
	must(t, c.Do(`INSERT INTO rows VALUES (1, '[]', NULL), (2, 'no JSON', NULL)`))
	q, err := c.PrepareQuery("SELECT n, json(text) FROM rows WHERE n <= ?1 + 0 ORDER BY n", "it")
	must(t, err)
	if _, err := q.Append(nil, 2); err == nil || !strings.Contains(err.Error(), "malformed JSON") {
		t.Error(err)
	}
	got, err := q.Append(nil, 1)
	values := ValuesOf(got)
	if n, text := values.Number(), values.Bytes(); n != 1 || string(text) != "[]" || values.More() || err != nil {
		t.Errorf("%d, %q, %v", n, text, err)
	}
	if _, err := q.Append(nil, 1, 2); err == nil {
		t.Error("a parameter too many was taken")
	}
	if _, err := c.PrepareQuery("SELECT what FROM rows", "i"); err == nil || !strings.Contains(err.Error(), "what") {
		t.Error(err)
	}
}

func TestValuesThatAreCutAreNotWhole(t *testing.T) {
	whole := row(nil, 7, "text", "blob")
	for cut := range len(whole) {
		values := ValuesOf(whole[:cut])
		values.Number()
		values.Bytes()
		values.Bytes()
		if values.Whole() || values.More() {
			t.Errorf("%d bytes of %d are whole", cut, len(whole))
		}
	}
	values := ValuesOf(AppendBytes(nil, []byte("1")))
	if n := values.Number(); n != 0 || values.Whole() {
		t.Error("a number of one byte was taken")
	}
}

func TestAQueryThatHasEnoughReadsNoFurther(t *testing.T) {
	c := open(t)
	q, err := c.PrepareQuery("SELECT value, upper(?1) FROM json_each(?1)", "it")
	must(t, err)
	const text = "[1,2,3,4]"
	one := len(AppendBytes(AppendNumber(nil, 1), []byte(text)))
	for enough, want := range map[int]int64{1: 1, one: 1, one + 1: 2, 4 * one: 4, 1 << 20: 4} {
		for _, room := range []int{0, one, 100 * one} {
			got, err := q.AppendSome(append(make([]byte, 0, room), "kept"...), enough, text)
			must(t, err)
			values, n := ValuesOf(bytes.TrimPrefix(got, []byte("kept"))), int64(0)
			for ; values.More(); n++ {
				if value, all := values.Number(), values.Bytes(); value != n+1 || string(all) != text {
					t.Errorf("enough %d, room %d: row %d is %d, %q", enough, room, n, value, all)
				}
			}
			if n != want || !values.Whole() {
				t.Errorf("enough %d, room %d: %d rows, want %d", enough, room, n, want)
			}
		}
	}
	for _, numbers := range [][]int64{nil, {-1 << 63}, {0, 1<<63 - 1, -7}} {
		got, err := q.AppendSome(nil, 1<<20, Array(numbers))
		must(t, err)
		for values, n := ValuesOf(got), 0; n < len(numbers) || values.More(); n++ {
			if value := values.Number(); n == len(numbers) || value != numbers[n] {
				t.Fatalf("%v: %d is %d", numbers, n, value)
			}
			values.Bytes()
		}
	}
	if _, err := q.AppendSome(nil, 1, "no JSON"); err == nil || !strings.Contains(err.Error(), "malformed JSON") {
		t.Error(err)
	}
	if got, err := q.AppendSome(nil, 1, ""); len(got) != 0 || err == nil {
		t.Errorf("%q, %v", got, err)
	}
}
