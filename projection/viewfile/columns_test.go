package viewfile

import (
	"reflect"
	"testing"

	"daybook/internal/sqlite"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var someGroups = []Group{{"A", "a"}, {"B", "b"}, {"C", "c"}}

// drawFields sets every field by reflection, also in nested structs, so that it includes new fields.
func drawFields(t *rapid.T, v reflect.Value, name string) {
	if rapid.IntRange(0, 2).Draw(t, name+" is zero") == 0 {
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.OneOf(rapid.Int64(), rapid.Int64Range(-300, 300), rapid.SampledFrom([]int64{3, 10_000, 2_000_000, 600_000_000})).Draw(t, name))
	case reflect.Int32:
		v.SetInt(int64(rapid.Int32().Draw(t, name)))
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
		t.Fatalf("%s has a kind that drawFields lacks: %v", name, v.Kind())
	}
}

func TestEveryFieldOfARowIsInAColumn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want, got Row
		drawFields(t, reflect.ValueOf(&want).Elem(), "Row")
		want.Group %= uint32(len(someGroups))
		want.Task.Type, want.Task.Queue = someGroups[want.Group].Type, someGroups[want.Group].Queue
		if want.Task.Kin != nil && *want.Task.Kin == (task.Kin{}) {
			want.Task.Kin = nil
		}
		if x := want.Task.Extras; x != nil {
			want.Task.SetExtras(*x)
		}
		if want.Task.Notes != nil && *want.Task.Notes == (task.Notes{}) {
			want.Task.Notes = nil
		}
		if want.Task.Links != nil && cmp.Equal(*want.Task.Links, task.Links{}) {
			want.Task.Links = nil
		}
		if want.Task.Held() == (task.Holder{}) {
			want.Task.Holder = nil
		}
		b := live.appendRow(nil, &want)
		values := sqlite.ValuesOf(b)
		if err := live.readRow(&got, &values, someGroups); err != nil || values.More() {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("-want +got\n%s", d)
		}
		for i := range b {
			values := sqlite.ValuesOf(b[:i])
			if err := live.readRow(&got, &values, someGroups); err == nil {
				t.Fatalf("the first %d of %d bytes are read as a row", i, len(b))
			}
		}
	})
}

func TestClassesIncreaseWithTheRunTime(t *testing.T) {
	last := int64(0)
	for run := int64(-3); run < 1<<62; run += max(run/9, 1) {
		class := classOf(run)
		if class < last || class >= runClasses {
			t.Fatalf("class %d of %d follows %d", class, run, last)
		}
		last = class
	}
}

func BenchmarkRow(b *testing.B) {
	var r, got Row
	makeRow(&r, 1_000_000)
	var row []byte
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			row = live.appendRow(row[:0], &r)
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			values := sqlite.ValuesOf(row)
			if err := live.readRow(&got, &values, benchGroups); err != nil {
				b.Fatal(err)
			}
		}
	})
}
