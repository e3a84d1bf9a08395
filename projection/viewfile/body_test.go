package viewfile

import (
	"reflect"
	"testing"

	"daybook/task"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var bodyGroups = []Group{{"A", "a"}, {"B", "b"}, {"C", "c"}}

// drawFields fills every field there is, those of structs too, so that a field that is
// new is in it without being named.
func drawFields(t *rapid.T, v reflect.Value, name string) {
	if rapid.IntRange(0, 2).Draw(t, name+" is zero") == 0 {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.OneOf(rapid.Int64(), rapid.Int64Range(-300, 300), rapid.SampledFrom([]int64{3, 10_000, 2_000_000, 600_000_000})).Draw(t, name))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Uint8().Draw(t, name)))
	case reflect.Uint32:
		v.SetUint(uint64(rapid.Uint32().Draw(t, name)))
	case reflect.String:
		v.SetString(rapid.String().Draw(t, name))
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(rapid.Uint8().Draw(t, name)))
		}
	case reflect.Slice:
		n := rapid.IntRange(1, 4).Draw(t, name+" length")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			drawFields(t, v.Index(i), name)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		drawFields(t, v.Elem(), name)
	case reflect.Struct:
		for i := range v.NumField() {
			drawFields(t, v.Field(i), name+"."+v.Type().Field(i).Name)
		}
	default:
		t.Fatalf("%s is of a kind that is not drawn: %v", name, v.Kind())
	}
}

func TestABodyHoldsEveryFieldOfARow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want, got Row
		drawFields(t, reflect.ValueOf(&want).Elem(), "Row")
		want.Group %= uint32(len(bodyGroups))
		want.Task.Type, want.Task.Queue = bodyGroups[want.Group].Type, bodyGroups[want.Group].Queue
		body := appendBody(nil, &want)
		if err := decodeBody(&got, want.Task.SubmitSeq, want.Task.ID[:], body, bodyGroups); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("-want +got\n%s", d)
		}
		for i := range body {
			if err := decodeBody(&got, want.Task.SubmitSeq, want.Task.ID[:], body[:i], bodyGroups); err == nil {
				t.Fatalf("the first %d of %d bytes are taken for a body", i, len(body))
			}
		}
	})
}

func TestAUsualBodyIsSmall(t *testing.T) {
	total := 0
	for i := range 1000 {
		var r Row
		makeRow(&r, 1_000_000+i)
		total += len(appendBody(nil, &r))
	}
	if mean := total / 1000; mean > 60 {
		t.Errorf("want at most 60 bytes, got %d", mean)
	}
}

func FuzzDecodeBody(f *testing.F) {
	for i := range 20 {
		var r Row
		makeRow(&r, i)
		f.Add(r.Task.SubmitSeq, appendBody(nil, &r))
	}
	f.Add(int64(1), []byte{bodyVersion, 0})
	f.Fuzz(func(t *testing.T, seq int64, body []byte) {
		var r, again Row
		id := make([]byte, 16)
		if decodeBody(&r, seq, id, body, benchGroups) != nil {
			return
		}
		if err := decodeBody(&again, seq, id, appendBody(nil, &r), benchGroups); err != nil {
			t.Fatal(err)
		}
		if len(r.Task.Tags) == 0 {
			r.Task.Tags = nil
		}
		if len(r.Events) == 0 {
			r.Events = nil
		}
		if d := cmp.Diff(r, again); d != "" {
			t.Fatalf("-first +again\n%s", d)
		}
	})
}

func FuzzDecodeBlock(f *testing.F) {
	var c columns
	c.encode([]entry{{at: 1, facet: 3, run: 7, last: 9}, {at: 500, facet: 300, last: 600}}, termAll, 0)
	f.Add(c.seqs, c.facets, c.runs, c.lasts)
	f.Fuzz(func(t *testing.T, seqs, facets, runs, lasts []byte) {
		c := columns{seqs: seqs, facets: facets, runs: runs, lasts: lasts}
		var s set
		m := match{facets: []bool{false, true}, byRun: true, maxRun: 99}
		_ = fill(&s, &c, &m, false)
		entries, err := c.decode(nil, termAll, 0)
		if err != nil {
			return
		}
		var again columns
		again.encode(entries, termAll, 0)
		got, err := again.decode(nil, termAll, 0)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(entries, got, cmp.AllowUnexported(entry{})); d != "" {
			t.Fatalf("-first +again\n%s", d)
		}
	})
}

func TestBucketsRiseWithTheRunTime(t *testing.T) {
	last := 0
	for run := task.Micros(-3); run < 1<<62; run += max(run/9, 1) {
		b := bucketOf(run)
		if b < last || b >= runBuckets {
			t.Fatalf("bucket %d of %d follows %d", b, run, last)
		}
		last = b
	}
	rapid.Check(t, func(t *rapid.T) {
		run := task.Micros(rapid.Int64().Draw(t, "run"))
		code := runCode(&task.Task{StartedAt: 5, CompletedAt: 5 + run})
		if got := runOf(code); run != -1<<63 && (code == 0 || got != run) {
			t.Fatalf("run time %d becomes %d", run, got)
		}
	})
}

func BenchmarkBody(b *testing.B) {
	var r, got Row
	makeRow(&r, 1_000_000)
	var body []byte
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			body = appendBody(body[:0], &r)
		}
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if err := decodeBody(&got, r.Task.SubmitSeq, r.Task.ID[:], body, benchGroups); err != nil {
				b.Fatal(err)
			}
		}
	})
}
