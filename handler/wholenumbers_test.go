package handler

import (
	"encoding/json"
	"testing"

	"daybook/task"
)

type whole struct{ Handler }

func (whole) Spec() task.TypeSpec {
	return task.TypeSpec{Name: "WHOLE", ParametersSchema: json.RawMessage(`{"type":"object","properties":{
		"n":{"type":"integer"},"x":{"type":"number"},"list":{"type":"array","items":{"type":["integer","null"]}},
		"in":{"type":"object","properties":{"m":{"type":"integer"}}}}}`)}
}

func TestIntegersAreWrittenAsIntegersWhicheverWayTheyCome(t *testing.T) {
	r, err := NewRegistry(whole{})
	if err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]string{
		`{"n":1000.0}`:                   `{"n":1000}`,
		`{"n":1e3,"x":1e3}`:              `{"n":1000,"x":1e3}`,
		`{"x":2.50,"n":-20.00e1}`:        `{"x":2.50,"n":-200}`,
		`{"n":9007199254740993.0}`:       `{"n":9007199254740993}`,
		`{"list":[1,2.0,null],"n":7}`:    `{"list":[1,2,null],"n":7}`,
		`{"in":{"m":5e0},"other":[1.0]}`: `{"in":{"m":5},"other":[1.0]}`,
		`{"n":12}`:                       `{"n":12}`,
	} {
		got, _, bad, err := r.Prepare("WHOLE", []byte(given))
		if err != nil || bad != nil || string(got) != want {
			t.Errorf("%s: %s, %v, %v; want %s", given, got, bad, err, want)
		}
	}
	if _, _, bad, err := r.Prepare("WHOLE", []byte(`{"n":1.5}`)); err != nil || len(bad) != 1 {
		t.Errorf("1.5 is no integer: %v, %v", bad, err)
	}
}
