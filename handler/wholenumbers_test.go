package handler

import (
	"context"
	"encoding/json"
	"testing"

	"daybook/task"
)

// schemaType is a type with a schema of its parameters.
type schemaType string

func (s schemaType) Spec() task.TypeSpec {
	return task.TypeSpec{Name: "T", ParametersSchema: json.RawMessage(s)}
}

func (schemaType) Run(context.Context, Call) (any, error) { return nil, nil }

func TestIntegersAreWholeWhereverTheSchemaSaysSo(t *testing.T) {
	for schema, texts := range map[string]map[string]string{
		`{"allOf":[{"properties":{"n":{"type":"integer"}}}]}`:                                                    {`{"n":1.0}`: `{"n":1}`},
		`{"properties":{"n":{"allOf":[{"type":"integer"},{"minimum":0}]}}}`:                                      {`{"n":1e3}`: `{"n":1000}`},
		`{"properties":{"n":{"anyOf":[{"type":"integer"},{"type":"string"}]}}}`:                                  {`{"n":2.50e1}`: `{"n":25}`, `{"n":"1.0"}`: `{"n":"1.0"}`},
		`{"properties":{"n":{"oneOf":[{"type":"integer","minimum":9},{"type":"number","maximum":8}]}}}`:          {`{"n":9.0}`: `{"n":9}`, `{"n":8.0}`: `{"n":8.0}`, `{"n":1.5}`: `{"n":1.5}`},
		`{"properties":{"l":{"prefixItems":[{"type":"integer"},{"type":"number"}],"items":{"type":"integer"}}}}`: {`{"l":[1.0,2.0,3.0]}`: `{"l":[1,2.0,3]}`},
		`{"additionalProperties":{"type":"integer"}}`:                                                            {`{"b":1.0,"a":2e0}`: `{"b":1,"a":2}`},
		`{"properties":{"x":{}},"unevaluatedProperties":{"type":"integer"}}`:                                     {`{"x":1.0,"a":2.0}`: `{"x":1.0,"a":2}`},
		`{"patternProperties":{"^n":{"type":"integer"}},"additionalProperties":{"type":"number"}}`:               {`{"n1":1.0,"m":1.0}`: `{"n1":1,"m":1.0}`},
		`{"$defs":{"tree":{"type":"object","properties":{"n":{"type":"integer"},"of":{"type":"array","items":{"$ref":"#/$defs/tree"}}}}},"$ref":"#/$defs/tree"}`: {
			`{"of":[{"n":1.0,"of":[{"n":2.0}]}],"n":0.0}`: `{"of":[{"n":1,"of":[{"n":2}]}],"n":0}`},
		`{"if":{"properties":{"k":{"const":"i"}}},"then":{"properties":{"n":{"type":"integer"}}},"else":{"properties":{"n":{"type":"number"}}}}`: {
			`{"k":"i","n":1.0}`: `{"k":"i","n":1}`, `{"k":"f","n":1.0}`: `{"k":"f","n":1.0}`},
		`{"properties":{"o":{"properties":{"n":{"type":"integer"}}},"n":{"type":"integer"}}}`: {
			`{"z<&>":"<b> & é\u00e9","o":{"y":1.0,"n":3.0,"a<":1.50},"n":-0.0}`: `{"z<&>":"<b> & é\u00e9","o":{"y":1.0,"n":3,"a<":1.50},"n":0}`},
		`{"properties":{"n":{"type":["integer","number"]}}}`: {`{"n":1.0}`: `{"n":1.0}`},
	} {
		r, err := NewRegistry(schemaType(schema))
		if err != nil {
			t.Fatal(err)
		}
		for text, want := range texts {
			got, _, bad, err := r.Prepare("T", []byte(text))
			if err != nil || bad != nil || string(got) != want {
				t.Errorf("%s\n    %s\ngot %s, %v, %v", schema, text, got, bad, err)
			}
		}
	}
}

func TestANullThatIsLeftOutChangesNothingElse(t *testing.T) {
	r, err := NewRegistry(schemaType(`{"properties":{"a":{"type":"string"},"b<":{"type":"string"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	got, _, _, _ := r.Prepare("T", []byte(`{"a":null,"b<":"<\u00e9>","z":1.50}`))
	if want := `{"b<":"<\u00e9>","z":1.50}`; string(got) != want {
		t.Errorf("got %s, not %s", got, want)
	}
}
