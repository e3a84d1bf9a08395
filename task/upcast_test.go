package task

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEachSchemaVersionHasItsUpcast(t *testing.T) {
	for _, kind := range EventTypes() {
		added := 0
		for i, later := range versions[kind] {
			added += later.adds
			if later.upcast == nil {
				t.Errorf("task/upcast.go: v %d of %s has no upcast. Give it a function that makes its data from that of v %d, "+
					"or addition, if its fields at zero mean what v %d meant", i+2, kind, i+1, i+1)
			}
		}
		if added > len(fieldsOf[kind]) {
			t.Errorf("task/upcast.go: the versions of %s add %d fields, it has %d", kind, added, len(fieldsOf[kind]))
		}
	}
}

// meanings are what data of an earlier version means, where its upcast is no addition. Add those of
// a new upcast; what is here stays true for ever.
var meanings = []struct {
	kind EventType
	v    int // the upcast to the version after it
	data string
	want Data
}{
	{EventSubmitted, 4, `{"task_type":"T","files":["f1"],"file_names":["a.csv"]}`,
		Data{TaskType: "T", Files: []string{"f1"}, FileNames: []string{"a.csv"}, Subject: "a.csv"}},
	{EventSubmitted, 4, `{"task_type":"T","files":["f1","f2","f3"],"file_names":["ä.csv","","c.csv"]}`,
		Data{TaskType: "T", Files: []string{"f1", "f2", "f3"}, FileNames: []string{"ä.csv", "", "c.csv"}, Subject: "ä.csv and 2 more"}},
	{EventSubmitted, 4, `{"task_type":"T","files":["f1","f2"],"file_names":["","b.csv"]}`,
		Data{TaskType: "T", Files: []string{"f1", "f2"}, FileNames: []string{"", "b.csv"}}},
	{EventSubmitted, 4, `{"task_type":"T"}`, Data{TaskType: "T"}},
}

func TestAnEarlierVersionIsReadWithTheMeaningThatItHad(t *testing.T) {
	var dec Decoder
	tested := map[[2]int]bool{}
	for _, m := range meanings {
		tested[[2]int{int(m.kind), m.v}] = true
		var got Data
		if err := dec.Decode(&got, m.kind, m.v, []byte(m.data)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m.want, got); diff != "" {
			t.Errorf("%s v %d: %s (-want +got):\n%s", m.kind, m.v, m.data, diff)
		}
		if again := AppendDataOf(nil, m.kind, m.v, &got); string(again) != m.data {
			t.Errorf("%s v %d: %s is written as %s", m.kind, m.v, m.data, again)
		}
	}
	isAddition := func(f func(*Data)) bool { return reflect.ValueOf(f).Pointer() == reflect.ValueOf(addition).Pointer() }
	for _, kind := range EventTypes() {
		for i, later := range versions[kind] {
			if later.upcast != nil && !isAddition(later.upcast) && !tested[[2]int{int(kind), i + 1}] {
				t.Errorf("task/upcast_test.go: the upcast of %s from v %d to v %d has no line in meanings", kind, i+1, i+2)
			}
		}
	}
}

// Every version is read with the fields that it had, and a later field in it is refused.
func TestAnEarlierVersionHasTheFieldsOfThen(t *testing.T) {
	var dec Decoder
	full := fullData()
	for _, kind := range EventTypes() {
		for v := 1; v < kind.SchemaVersion(); v++ {
			if now, then := FieldNames(kind, kind.SchemaVersion()), FieldNames(kind, v); len(then) >= len(now) {
				t.Errorf("%s v %d has all fields of v %d", kind, v, kind.SchemaVersion())
			}
			want := pick(fieldsIn(kind, v), full)
			for _, later := range versions[kind][v-1:] {
				later.upcast(&want)
			}
			var got Data
			if err := dec.Decode(&got, kind, v, AppendDataOf(nil, kind, v, &full)); err != nil || !cmp.Equal(got, want) {
				t.Errorf("%s v %d: %v\n%s", kind, v, err, cmp.Diff(want, got))
			}
			if err := dec.Decode(&got, kind, v, AppendData(nil, kind, &full)); !errors.Is(err, ErrData) {
				t.Errorf("%s v %d with later fields: %v", kind, v, err)
			}
		}
	}
}

// An event has the first version that says all of its facts: older programs read it, and newer ones know what it means.
func TestAnEventHasTheFirstVersionThatSaysItsFacts(t *testing.T) {
	var dec Decoder
	full := fullData()
	isAddition := func(f func(*Data)) bool { return reflect.ValueOf(f).Pointer() == reflect.ValueOf(addition).Pointer() }
	for _, kind := range EventTypes() {
		first := 1
		for i, later := range versions[kind] {
			if !isAddition(later.upcast) {
				first = i + 2
			}
		}
		if want := max(additive[kind], 1); first != want {
			t.Errorf("task/upcast.go: additive of %s must be %d, not %d", kind, first, want)
		}
		if v := versionOf(kind, &Data{}); v != first {
			t.Errorf("%s without facts has v %d, not %d", kind, v, first)
		}
		for v := first; v <= kind.SchemaVersion(); v++ {
			d := pick(fieldsIn(kind, v), full)
			if got := versionOf(kind, &d); got != v {
				t.Errorf("%s with the fields of v %d has v %d", kind, v, got)
			}
			var read Data
			if err := dec.Decode(&read, kind, v, AppendData(nil, kind, &d)); err != nil || !cmp.Equal(read, d) {
				t.Errorf("%s v %d: %v\n%s", kind, v, err, cmp.Diff(d, read))
			}
		}
		for i, f := range fieldsOf[kind] { // one field alone has the version that added it
			d := pick(fieldsOf[kind][i:i+1], full)
			want := first
			for v := first; len(fieldsIn(kind, v)) <= i; v++ {
				want = v + 1
			}
			if got := versionOf(kind, &d); got != want {
				t.Errorf("%s with %s alone has v %d, not %d", kind, f.name, got, want)
			}
		}
	}
}

func versionOf(t EventType, d *Data) int {
	_, v := AppendVersion(nil, t, d)
	return v
}
