package handler

import (
	"encoding/json"
	"strings"
	"testing"

	"daybook/task"
)

func TestADeclaredTypeIsCheckedByItsSchemas(t *testing.T) {
	r, err := NewRegistry(NewSleep(never))
	if err != nil {
		t.Fatal(err)
	}
	r.Reserve("SLEEP")
	declare := func(name, parameters, result string) {
		t.Helper()
		if err := r.Declare(task.TypeSpec{Name: name, ParametersSchema: json.RawMessage(parameters), ResultSchema: json.RawMessage(result)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Offer([]string{"resize"}); err != nil {
		t.Fatal(err)
	}
	declare("resize", `{"type":"object","required":["width"],"properties":{"width":{"type":"integer","minimum":1},"fit":{"default":"contain"}}}`,
		`{"type":"object","required":["bytes"],"properties":{"bytes":{"type":"integer"}}}`)
	declare("SLEEP", `{"type":"object","required":["other"]}`, "")
	for _, test := range []struct{ name, parameters, want, bad string }{
		{"resize", `{"width":2}`, `{"width":2,"fit":"contain"}`, ""},
		{"resize", `{}`, "", "/parameters/width is required"},
		{"resize", `{"width":0}`, "", "/parameters/width must be at least 1"},
		{"SLEEP", `{"seconds":0,"fail_rate":0}`, `{"seconds":0,"fail_rate":0}`, ""},
	} {
		prepared, _, bad, err := r.Prepare(test.name, []byte(test.parameters))
		if string(prepared) != test.want || said(bad) != test.bad || err != nil {
			t.Errorf("%s %s: %s, %q, %v", test.name, test.parameters, prepared, said(bad), err)
		}
	}
	for result, want := range map[string]string{
		`{"bytes":1}`: "", `{}`: "/result/bytes is required", `{"bytes":"1"}`: "/result/bytes must be an integer",
		`[]`: "/result must be an object", "": "/result must be an object",
	} {
		var text []byte
		if result != "" {
			text = []byte(result)
		}
		if got := said(r.CheckResult("resize", text)); got != want {
			t.Errorf("result %s: %q", result, got)
		}
	}
	if r.CheckResult("none", []byte("1")) != nil || r.Runs("resize") || !r.Runs("SLEEP") {
		t.Error("who runs what")
	}
	declare("resize", "", "")
	if prepared, _, bad, _ := r.Prepare("resize", []byte(`{"width":"any"}`)); string(prepared) != `{"width":"any"}` || bad != nil || r.CheckResult("resize", nil) != nil {
		t.Errorf("declared anew without schemas: %s, %v", prepared, bad)
	}
}

// said joins errors.
func said(bad []task.FieldError) string {
	var lines []string
	for _, f := range bad {
		lines = append(lines, f.Pointer+" "+f.Detail)
	}
	return strings.Join(lines, "; ")
}

func TestASchemaThatIsNoneIsRefusedWithThePlace(t *testing.T) {
	for schema, want := range map[string]string{
		`{"type":"object","properties":{"a":{"type":"integer","minimum":1}},"$schema":"https://json-schema.org/draft/2020-12/schema"}`: "",
		`{"$defs":{"a/b":{"type":"number"}},"properties":{"x":{"$ref":"#/$defs/a~1b"}}}`:                                               "",
		`{"type":"objekt"}`:                                     "/parameters_schema/type must be one of",
		`{"properties":{"a":{"minimum":"1"}}}`:                  "/parameters_schema/properties/a/minimum must be a number",
		`{"properties":{"a":{"type":"strin"}}}`:                 "/parameters_schema/properties/a/type must be",
		`{"properties":{"a~b":{"required":"c"}}}`:               "/parameters_schema/properties/a~0b/required must be an array",
		`{"properties":[]}`:                                     "/parameters_schema/properties must be an object",
		`{"properties":{"a":{"pattern":"(?=b)"}}}`:              "/parameters_schema/properties/a/pattern must be a regular expression",
		`{"properties":{"a":{"$ref":"#/$defs/none"}}}`:          "/parameters_schema must have what its $ref names: there is no /$defs/none",
		`{"$ref":"https://example.com/s.json"}`:                 "/parameters_schema must not refer to other documents: https://example.com/s.json is not loaded",
		`{"$ref":"file:///etc/passwd"}`:                         "/parameters_schema must not refer to other documents",
		`{"$schema":"https://example.com/draft"}`:               "/parameters_schema/$schema must be https://json-schema.org/draft/2020-12/schema",
		`{"properties":{"a":{"type":"integer","default":"x"}}}`: "/parameters_schema/properties/a/default must be an integer",
		`[]`:   "/parameters_schema must be a JSON Schema 2020-12",
		`true`: "/parameters_schema must be a JSON Schema 2020-12",
	} {
		if got := said(new(Registry).CheckDeclared(task.TypeSpec{Name: "t", ParametersSchema: json.RawMessage(schema)})); !strings.HasPrefix(got, want) || want == "" && got != "" || strings.Contains(got, "daybook:") {
			t.Errorf("%s:\n got %s\nwant %s", schema, got, want)
		}
	}
	if got := said(new(Registry).CheckDeclared(task.TypeSpec{Name: "t", ResultSchema: json.RawMessage(`{"type":7}`)})); !strings.HasPrefix(got, "/result_schema/type ") {
		t.Error(got)
	}
}
