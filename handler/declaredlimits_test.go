package handler

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"daybook/task"
)

// branching is a schema with so many levels of two alternatives that are the same.
func branching(levels int) string {
	var b strings.Builder
	b.WriteString(`{"$defs":{"d0":{"type":"string"}`)
	for i := 1; i <= levels; i++ {
		fmt.Fprintf(&b, `,"d%d":{"anyOf":[{"$ref":"#/$defs/d%[2]d"},{"$ref":"#/$defs/d%[2]d"}]}`, i, i-1)
	}
	fmt.Fprintf(&b, `},"properties":{"a":{"$ref":"#/$defs/d%d"}}}`, levels)
	return b.String()
}

// many repeats a text, with the number of each in it.
func many(n int, format string) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(format, i))
	}
	return strings.Join(list, ",")
}

func TestASchemaThatCostsTooMuchIsRefused(t *testing.T) {
	large := strings.Repeat("(a{1,1000})", 100)
	for name, test := range map[string]struct{ schema, want string }{
		"alternatives":           {branching(39), "/parameters_schema/properties/a must have fewer alternatives"},
		"few alternatives":       {branching(5), ""},
		"large pattern":          {`{"properties":{"a":{"pattern":"` + large + `"}}}`, "/parameters_schema/properties/a/pattern must be a shorter regular expression, of at most"},
		"large key pattern":      {`{"patternProperties":{"` + large + `":{}}}`, "/parameters_schema/patternProperties/" + large + " must be a shorter"},
		"many middling ones":     {`{"properties":{` + many(60, `"a%d":{"pattern":"a{1,1000}"}`) + `}}`, "/parameters_schema/properties/a"},
		"many small ones":        {`{"properties":{` + many(501, `"a%d":{"pattern":"a"}`) + `}}`, "/parameters_schema/properties/a"},
		"usual patterns":         {`{"properties":{` + many(100, `"a%d":{"pattern":"^[a-z0-9-]{1,63}$"}`) + `}}`, ""},
		"a pattern of 1,000":     {`{"properties":{"a":{"pattern":"^.{1,1000}$"}}}`, ""},
		"a property of the name": {`{"properties":{"pattern":{"type":"string","default":"("},"patternProperties":{"type":"object"},"$schema":{"type":"string"}}}`, ""},
		"many subschemas":        {`{"allOf":[` + many(5001, `{"minProperties":%d}`) + `]}`, "/parameters_schema must be smaller"},
		"large enum":             {`{"properties":{"a":{"enum":[` + many(6000, `"a%d"`) + `]}}}`, ""},
		"huge number":            {`{"properties":{"a":{"minimum":1e999999999}}}`, "/parameters_schema/properties/a/minimum must be a number"},
	} {
		if got := said(new(Registry).CheckDeclared(task.TypeSpec{Name: "t", ParametersSchema: json.RawMessage(test.schema)})); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
}

func TestASchemaThatNothingFitsIsRefused(t *testing.T) {
	for schema, want := range map[string]string{
		`{"type":"string"}`:          `/parameters_schema/type must be "object"`,
		`{"type":["array","null"]}`:  `/parameters_schema/type must be "object"`,
		`{"type":["object","null"]}`: "",
		`{"type":"objekt"}`:          `/parameters_schema/type must be one of "array", "boolean"`,
		`{"$ref":"#"}`:               "/parameters_schema must not refer to itself for the same value",
		`{"allOf":[{"$ref":"#"}]}`:   "/parameters_schema must not refer to itself for the same value",
		`{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"not":{"$ref":"#/$defs/a"}}},"properties":{"x":{"$ref":"#/$defs/a"}}}`:                        "/parameters_schema/$defs/a must not refer to itself",
		`{"properties":{"a":{"$ref":"#"}},"additionalProperties":{"$ref":"#"}}`:                                                                "",
		`{"$schema":"http://json-schema.org/draft-07/schema#"}`:                                                                                "/parameters_schema/$schema must be https://json-schema.org/draft/2020-12/schema",
		`{"$schema":"https://json-schema.org/draft/2020-12/schema#","type":"object"}`:                                                          "",
		`{"properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":{"$id":"b","$schema":"http://json-schema.org/draft-07/schema#","items":[{}]}}}`: "/parameters_schema/$defs/a must be of the draft 2020-12",
	} {
		if got := said(new(Registry).CheckDeclared(task.TypeSpec{Name: "t", ParametersSchema: json.RawMessage(schema)})); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s:\n got %s\nwant %s", schema, got, want)
		}
	}
	if got := said(new(Registry).CheckDeclared(task.TypeSpec{Name: "t", ResultSchema: json.RawMessage(`{"type":"string"}`)})); got != "" {
		t.Error("a result may be a string:", got)
	}
}

// A value whose check branches at each of its levels is refused after a bounded number of steps; one that is as deep,
// by a schema that does not branch, is not.
func TestTheCheckOfAValueTakesABoundedNumberOfSteps(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 29) + "1" + strings.Repeat("}", 29)
	list := "[" + many(2000, `[%d]`) + "]"
	for name, test := range map[string]struct{ schema, value, want string }{
		"log of another version": {branching(39), `{"a":1}`, "steps"},
		"tree of alternatives":   {`{"anyOf":[{"properties":{"a":{"$ref":"#"}}},{"properties":{"a":{"$ref":"#"}}},{"type":"integer"}],"type":["object","string"]}`, deep, "steps"},
		"under not":              {`{"not":{"$ref":"#/$defs/d"},"$defs":{"d":{"type":["object","string"],"properties":{"a":{"$ref":"#/$defs/d"}},"patternProperties":{"a":{"$ref":"#/$defs/d"},"a|b":{"$ref":"#/$defs/d"}}}}}`, deep, "steps"},
		"enum of a long list":    {`{"properties":{"a":{"items":{"items":{"enum":[` + many(20000, `-%d`) + `]}}}}}`, `{"a":` + list + `}`, "steps"},
		"tree":                   {`{"type":["object","integer"],"properties":{"a":{"$ref":"#"}},"additionalProperties":false}`, deep, ""},
		"long list":              {`{"properties":{"a":{"items":{"anyOf":[{"type":"string"},{"items":{"type":"integer"}}]}}}}`, `{"a":` + list + `}`, ""},
	} {
		r, _ := NewRegistry()
		spec := task.TypeSpec{Name: "t", ParametersSchema: json.RawMessage(test.schema), ResultSchema: json.RawMessage(test.schema)}
		if err := r.Declare(spec); err != nil {
			t.Fatal(name, err)
		}
		_, _, bad, err := r.Prepare("t", []byte(test.value))
		result := said(r.CheckResult("t", []byte(test.value)))
		if got := said(bad); err != nil || !strings.Contains(got, test.want) || test.want == "" && got+result != "" || !strings.Contains(result, test.want) {
			t.Errorf("%s: %.200q, %.200q, %v", name, got, result, err)
		}
		if _, _, bad, _ := r.Prepare("t", []byte(`{"b":"1"}`)); strings.Contains(said(bad), "steps") {
			t.Errorf("%s: the next check has no steps: %s", name, said(bad))
		}
	}
}

func TestAValueThatIsARegularExpressionIsSmall(t *testing.T) {
	r, _ := NewRegistry()
	if err := r.Declare(task.TypeSpec{Name: "t", ParametersSchema: json.RawMessage(`{"properties":{"a":{"format":"regex"}}}`)}); err != nil {
		t.Fatal(err)
	}
	_, _, bad, _ := r.Prepare("t", []byte(`{"a":"`+strings.Repeat("(a{1,1000})", 100)+`"}`))
	if got := said(bad); !strings.HasPrefix(got, "/parameters/a must be a shorter regular expression") {
		t.Error(got)
	}
	if _, _, bad, _ = r.Prepare("t", []byte(`{"a":"^a+$"}`)); bad != nil {
		t.Error(said(bad))
	}
}
