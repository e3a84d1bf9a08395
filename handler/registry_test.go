package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
)

// fixed is a type whose Run gives what the test says.
type fixed struct {
	spec   task.TypeSpec
	result any
	err    error
}

func (f fixed) Spec() task.TypeSpec                    { return f.spec }
func (f fixed) Run(context.Context, Call) (any, error) { return f.result, f.err }

var (
	idA = strings.Repeat("a", 64)
	idB = strings.Repeat("b", 64)
	idC = strings.Repeat("c", 64)
)

const sampleSchema = `{
  "type":"object","additionalProperties":false,"required":["n"],
  "properties":{
    "n":{"type":"integer","minimum":1,"maximum":10},
    "rate":{"type":"number","exclusiveMinimum":0,"multipleOf":0.5,"default":1.5},
    "kind":{"type":"string","enum":["a","b"],"default":"a"},
    "on":{"type":"boolean"},
    "word":{"type":"string","minLength":1,"maxLength":3,"pattern":"^(x|$)"},
    "mail":{"type":"array","items":{"type":"string","format":"email"},"minItems":1,"maxItems":2,"uniqueItems":true},
    "file":{"type":"string","format":"daybook-file"},
    "files":{"type":"array","items":{"$ref":"#/$defs/file"}},
    "mixed":{"anyOf":[{"type":"string"},{"type":"null"}]},
    "deep":{"type":"object","additionalProperties":{"type":"object","properties":{"f/~":{"type":"string","format":"daybook-file"}}}},
    "free":true
  },
  "$defs":{"file":{"type":"string","format":"daybook-file"}}
}`

func sample(t *testing.T) *Registry {
	t.Helper()
	r, err := NewRegistry(fixed{spec: task.TypeSpec{Name: "SAMPLE", ParametersSchema: json.RawMessage(sampleSchema)}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatIsWrongIsSaidAtItsPlaceInPlainEnglish(t *testing.T) {
	r := sample(t)
	tests := []struct{ parameters, pointer, detail string }{
		{``, "/n", "is required"},
		{`{}`, "/n", "is required"},
		{`[]`, "", "must be an object"},
		{`null`, "", "must be an object"},
		{`{"n":0}`, "/n", "must be at least 1"},
		{`{"n":11}`, "/n", "must be at most 10"},
		{`{"n":1.5}`, "/n", "must be an integer"},
		{`{"n":"1"}`, "/n", "must be an integer"},
		{`{"n":null}`, "/n", "must be an integer"},
		{`{"n":1e999999999}`, "/n", "must be a number of at most 400 digits, within ±1e308"},
		{`{"n":-1e999}`, "/n", "must be a number of at most 400 digits, within ±1e308"},
		{`{"n":1e-999999}`, "/n", "must be a number of at most 400 digits, within ±1e308"},
		{`{"n":1,"free":[{"a":` + strings.Repeat("9", 401) + `}]}`, "/free/0/a", "must be a number of at most 400 digits, within ±1e308"},
		{`{"n":1,"rate":0}`, "/rate", "must be more than 0"},
		{`{"n":1,"rate":0.7}`, "/rate", "must be a multiple of 0.5"},
		{`{"n":1,"kind":"c"}`, "/kind", `must be one of "a", "b"`},
		{`{"n":1,"on":1}`, "/on", "must be true or false"},
		{`{"n":1,"word":""}`, "/word", "must not be empty"},
		{`{"n":1,"word":"xyzz"}`, "/word", "must have at most 3 characters"},
		{`{"n":1,"word":"y"}`, "/word", "must match the pattern ^(x|$)"},
		{`{"n":1,"mail":[]}`, "/mail", "must have at least 1 item"},
		{`{"n":1,"mail":["a@b.c","a@b.c"]}`, "/mail", "must not repeat: items 0 and 1 are equal"},
		{`{"n":1,"mail":["a@b.c","b@b.c","c@b.c"]}`, "/mail", "must have at most 2 items"},
		{`{"n":1,"mail":["a@b.c","nobody"]}`, "/mail/1", "must be an e-mail address"},
		{`{"n":1,"file":"abc"}`, "/file", "must be the id of a file, 64 lower-case hex digits"},
		{`{"n":1,"file":"` + strings.ToUpper(idA) + `"}`, "/file", "must be the id of a file, 64 lower-case hex digits"},
		{`{"n":1,"files":["` + idA + `","x"]}`, "/files/1", "must be the id of a file, 64 lower-case hex digits"},
		{`{"n":1,"mixed":5}`, "/mixed", "must be a string or null"},
		{`{"n":1,"what/~":5}`, "/what~1~0", "unknown field"},
		{`{"n":1,"deep":{"k":{"f/~":"x"}}}`, "/deep/k/f~1~0", "must be the id of a file, 64 lower-case hex digits"},
	}
	for _, test := range tests {
		prepared, ids, fields, err := r.Prepare("SAMPLE", []byte(test.parameters))
		want := []task.FieldError{{Pointer: "/parameters" + test.pointer, Detail: test.detail}}
		if diff := cmp.Diff(want, fields); diff != "" || err != nil || prepared != nil || ids != nil {
			t.Errorf("Prepare(%.80s) = %s, %v, %v (-want +got):\n%s", test.parameters, prepared, ids, err, diff)
		}
	}
}

func TestAllThatIsWrongIsListedInOrderUpToALimit(t *testing.T) {
	r := sample(t)
	_, _, fields, _ := r.Prepare("SAMPLE", []byte(`{"zz":1,"kind":"c","n":0,"aa":2}`))
	var pointers []string
	for _, f := range fields {
		pointers = append(pointers, f.Pointer)
	}
	want := []string{"/parameters/aa", "/parameters/kind", "/parameters/n", "/parameters/zz"}
	if diff := cmp.Diff(want, pointers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var many strings.Builder
	for i := range 500 {
		fmt.Fprintf(&many, `,"x%d":1`, i)
	}
	_, _, fields, _ = r.Prepare("SAMPLE", []byte(`{"n":1`+many.String()+`}`))
	if len(fields) != maxFieldErrors {
		t.Errorf("%d field errors", len(fields))
	}
}

func TestDefaultsAreAppendedAndFilesListed(t *testing.T) {
	r := sample(t)
	tests := []struct {
		parameters, prepared string
		ids                  []string
	}{
		{`{"n":1}`, `{"n":1,"kind":"a","rate":1.5}`, nil},
		{`{"n":1.0,"kind":"b"}`, `{"n":1,"kind":"b","rate":1.5}`, nil},
		{`{"rate":2.50,"kind":"\u0061","n":10}`, `{"rate":2.50,"kind":"\u0061","n":10}`, nil},
		{`{"n":1,"kind":"a","rate":1,"file":"` + idA + `","files":["` + idB + `","` + idA + `"],"deep":{"x":{"f/~":"` + idC + `"}},"free":"` + strings.Repeat("d", 64) + `"}`,
			"", []string{idC, idA, idB}},
	}
	for _, test := range tests {
		prepared, ids, fields, err := r.Prepare("SAMPLE", []byte(test.parameters))
		if test.prepared == "" {
			test.prepared = test.parameters
		}
		if err != nil || fields != nil || string(prepared) != test.prepared {
			t.Errorf("Prepare(%s) = %s, %v, %v; want %s", test.parameters, prepared, fields, err, test.prepared)
		}
		if diff := cmp.Diff(test.ids, ids); diff != "" {
			t.Errorf("Prepare(%s): files (-want +got):\n%s", test.parameters, diff)
		}
	}
}

func TestTypesThatCannotBeRegisteredAreRefused(t *testing.T) {
	spec := func(name, schema, defaults string) fixed {
		return fixed{spec: task.TypeSpec{Name: name, ParametersSchema: json.RawMessage(schema), Defaults: json.RawMessage(defaults)}}
	}
	tests := map[string][]Handler{
		"its name must be 1 to 64": {spec("no spaces", `{}`, ``)},
		"already":                  {spec("A", `{}`, ``), spec("A", `{}`, ``)},
		"compile the schema":       {spec("A", `{"type":"nothing"}`, ``)},
		"read the schema":          {spec("A", `{`, ``)},
		"not an object":            {spec("A", `[]`, ``)},
		"default of \"n\"":         {spec("A", `{"properties":{"n":{"type":"integer","default":"x"}}}`, ``)},
		"is not in the schema":     {spec("A", `{"properties":{}}`, `{"n":1}`)},
		"they are not an object":   {spec("A", `{"properties":{}}`, `[1]`)},
		"compile the schema of i":  {spec("A", `{"$ref":"file:///etc/passwd"}`, ``)},
	}
	for want, handlers := range tests {
		if _, err := NewRegistry(handlers...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("NewRegistry = %v; want %q", err, want)
		}
	}
}

func TestTheRegistryKnowsAndListsItsTypes(t *testing.T) {
	r, err := NewRegistry(fixed{spec: task.TypeSpec{Name: "B"}}, fixed{spec: task.TypeSpec{Name: "A"}})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Knows("A") || r.Knows("C") {
		t.Error("Knows is wrong")
	}
	if specs := r.Specs(); len(specs) != 2 || specs[0].Name != "A" || specs[1].Name != "B" {
		t.Errorf("Specs = %+v", specs)
	}
	if _, _, _, err := r.Prepare("C", []byte("{}")); !errors.Is(err, ErrUnknownType) {
		t.Errorf("Prepare: %v", err)
	}
	if _, err := r.Run(context.Background(), "C", Call{}); !errors.Is(err, ErrUnknownType) {
		t.Errorf("Run: %v", err)
	}
	if _, _, fields, _ := r.Prepare("A", []byte(`{"x":1}`)); len(fields) != 1 {
		t.Errorf("a type without schema took a parameter: %v", fields)
	}
	if err := r.Add(fixed{spec: task.TypeSpec{Name: "C"}}); err != nil || !r.Knows("C") {
		t.Errorf("Add: %v", err)
	}
}

type withFiles struct{ ID string }

func (w withFiles) Files() []string { return []string{w.ID, w.ID} }

func TestResultsBecomeJSONWithTheirFiles(t *testing.T) {
	resultSchema := `{"properties":{"images":{"type":"array","items":{"properties":{"file":{"format":"daybook-file"}}}}}}`
	broken := errors.New("broken")
	tests := []struct {
		name      string
		result    any
		err       error
		want      string
		ids       []string
		wantErr   string
		permanent bool
	}{
		{name: "nothing"},
		{name: "an error", err: broken, wantErr: "broken"},
		{name: "raw", result: json.RawMessage(`{"a": 1.0}`), want: `{"a": 1.0}`},
		{name: "text is not escaped", result: map[string]string{"a": "<b>&"}, want: `{"a":"<b>&"}`},
		{name: "no JSON", result: math.NaN(), wantErr: "unsupported value", permanent: true},
		{name: "files by schema", result: map[string]any{"images": []any{map[string]any{"file": idB}, map[string]any{"file": idA}, map[string]any{"error": "x"}}},
			want: `{"images":[{"file":"` + idB + `"},{"file":"` + idA + `"},{"error":"x"}]}`, ids: []string{idB, idA}},
		{name: "files by method", result: withFiles{idA}, want: `{"ID":"` + idA + `"}`, ids: []string{idA}},
		{name: "no id", result: withFiles{"x"}, wantErr: `"x", which is no id of a file`, permanent: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := NewRegistry(fixed{task.TypeSpec{Name: "A", ResultSchema: json.RawMessage(resultSchema)}, test.result, test.err})
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Run(context.Background(), "A", Call{})
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) || IsPermanent(err) != test.permanent {
					t.Errorf("error %v, permanent %v", err, IsPermanent(err))
				}
				return
			}
			if err != nil || string(got.JSON) != test.want || cmp.Diff(test.ids, got.Files) != "" {
				t.Errorf("Run = %.100s, %v, %v; want %.100s, %v", got.JSON, got.Files, err, test.want, test.ids)
			}
		})
	}
}

func TestFilesAreFoundWhereverTheSchemaAllowsThem(t *testing.T) {
	const id = `{"type":"string","format":"daybook-file"}`
	tests := map[string]struct {
		schema, value string
		want          []string
	}{
		"properties":           {`{"properties":{"a":` + id + `}}`, `{"a":"` + idA + `","b":"` + idB + `"}`, []string{idA}},
		"additionalProperties": {`{"properties":{"a":{}},"additionalProperties":` + id + `}`, `{"a":"` + idA + `","b":"` + idB + `"}`, []string{idB}},
		"items":                {`{"properties":{"a":{"items":` + id + `}}}`, `{"a":["` + idB + `","` + idA + `"]}`, []string{idB, idA}},
		"prefixItems":          {`{"properties":{"a":{"prefixItems":[{},` + id + `],"items":{}}}}`, `{"a":["` + idA + `","` + idB + `","` + idC + `"]}`, []string{idB}},
		"anyOf":                {`{"properties":{"a":{"anyOf":[{"type":"null"},` + id + `]}}}`, `{"a":"` + idC + `"}`, []string{idC}},
		"allOf and $ref":       {`{"allOf":[{"properties":{"a":{"$ref":"#/$defs/f"}}}],"$defs":{"f":` + id + `}}`, `{"a":"` + idC + `"}`, []string{idC}},
		"recursive":            {`{"properties":{"a":{"$ref":"#"},"f":` + id + `}}`, `{"f":"` + idA + `","a":{"f":"` + idB + `","a":{"f":"` + idC + `"}}}`, []string{idC, idB, idA}},
		"nowhere":              {`{"properties":{"a":{"type":"string"}}}`, `{"a":"` + idA + `"}`, nil},
	}
	for name, test := range tests {
		r, err := NewRegistry(fixed{spec: task.TypeSpec{Name: "A", ParametersSchema: json.RawMessage(test.schema)}})
		if err != nil {
			t.Fatal(name, err)
		}
		_, ids, fields, err := r.Prepare("A", []byte(test.value))
		if diff := cmp.Diff(test.want, ids); diff != "" || fields != nil || err != nil {
			t.Errorf("%s: %v, %v (-want +got):\n%s", name, fields, err, diff)
		}
	}
}

// orderSchema has all that the quick check knows.
const orderSchema = `{
	"type": "object", "additionalProperties": false, "required": ["id", "lines"],
	"properties": {
		"id": {"type": "string", "minLength": 2, "maxLength": 5},
		"name": {"type": ["string", "null"]},
		"state": {"type": "string", "enum": ["new", "größer"]},
		"lines": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"$ref": "#/$defs/line"}},
		"extra": {"type": "object", "additionalProperties": {"type": "boolean"}},
		"weight": {"type": "number", "minimum": 0.5, "maximum": 99.5, "default": 1},
		"any": {}
	},
	"$defs": {"line": {
		"type": "object", "required": ["sku"],
		"properties": {"sku": {"type": "string"}, "count": {"type": "integer", "minimum": 1, "default": 1}, "part": {"$ref": "#/$defs/line"}}
	}}
}`

// quickTypes are the types that the quick check is held against: SLEEP and that of orders.
func quickTypes(tb testing.TB) []*registered {
	tb.Helper()
	order, err := register(fixed{spec: task.TypeSpec{Name: "ORDER", ParametersSchema: json.RawMessage(orderSchema)}})
	if err != nil {
		tb.Fatal(err)
	}
	return []*registered{(*sleepRegistry(tb).types.Load())["SLEEP"], order}
}

func TestTheQuickCheckKnowsPlainParameters(t *testing.T) {
	order := quickTypes(t)[1]
	tests := map[string]bool{
		`{"id":"a1","lines":[{"sku":"x"}]}`:                                                             true,
		`{"id":"größe","lines":[{"sku":"\"","count":2},{"sku":"é"}],"state":"größer"}`:                  true,
		`{"id":"a1","lines":[{"sku":"x","more":[1,{"a":[]}]}],"name":null,"extra":{},"any":{"a":null}}`: true,
		`{"id":"a1","lines":[{"sku":"x"}],"extra":{"a":true,"b":false},"weight":0.5,"any":[-1.5,"x"]}`:  true,
		`{"lines":[{"sku":"x"}]}`:                              false, // id is missing
		`{"id":"a","lines":[{"sku":"x"}]}`:                     false, // too short
		`{"id":"grö\u00dfe","lines":[{"sku":"x"}]}`:            false, // spelled so that its length is not plain
		`{"id":"größer","lines":[{"sku":"x"}]}`:                false, // too long
		`{"id":"a1","lines":[]}`:                               false,
		`{"id":"a1","lines":[{}]}`:                             false,
		`{"id":"a1","lines":[{"sku":"x","count":1.5}]}`:        false,
		`{"id":"a1","lines":[{"sku":"x"}],"state":"old"}`:      false,
		`{"id":"a1","lines":[{"sku":"x"}],"state":"ne\u0077"}`: false,
		`{"id":"a1","lines":[{"sku":"x"}],"extra":{"a":1}}`:    false,
		`{"id":"a1","lines":[{"sku":"x"}],"weight":99.6}`:      false,
		`{"id":"a1","lines":[{"sku":"x"}],"what":1}`:           false,
		`{"id":"a1","lines":[{"sku":"x","part":{"sku":"y"}}]}`: false, // a schema in itself is not plain
	}
	for text, want := range tests {
		if _, ok := order.quick.accepts([]byte(text)); ok != want {
			t.Errorf("%s: %v, want %v", text, ok, want)
		}
	}
}

// FuzzQuickCheck holds the quick check against the schema: what the one accepts the
// other must accept, with the same defaults.
func FuzzQuickCheck(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"seconds":0}`, `{"seconds":1.5,"fail_rate":0.25}`, `{"seconds":86400.1}`, `{"seconds":86400.00000000000001}`, `{"result":{"a":[1,"x",null,true,{}]}}`,
		`{"seconds":-1}`, `{"fail_rate":1e0}`, `{"result":"é"}`, `{"what":1}`, `{"seconds":-0}`, `{"seconds":00}`, `{"result":[[]],"seconds":2}`,
		`{"id":"a1","lines":[{"sku":"x"}]}`, `{"id":"größe","lines":[{"sku":"\"","count":2},{"sku":"é","part":null}],"state":"größer"}`,
		`{"id":"a1","lines":[{"sku":"x","more":[1,{"a":[]}]}],"name":null,"extra":{},"any":{"a":null}}`, `{"id":"a\u00df","lines":[{"sku":"x"}],"extra":{"a":true,"b":false},"weight":0.5}`,
	} {
		f.Add(seed)
	}
	types := quickTypes(f)
	f.Fuzz(func(t *testing.T, text string) {
		canonical, err := jsontext.Canonical(nil, []byte(text), maxDepth)
		if err != nil {
			return
		}
		for _, one := range types {
			seen, ok := one.quick.accepts(canonical)
			if !ok {
				continue
			}
			quick := one.appendDefaults(canonical, func(i int) bool { return seen&one.quick.defaults[i] == 0 })
			slow, files, bad := one.check(canonical)
			if bad != nil || string(quick) != string(slow) || files != nil {
				t.Fatalf("%s: quick %s, by the schema %s, %v", canonical, quick, slow, bad)
			}
		}
	})
}

func BenchmarkPrepare(b *testing.B) {
	r := sleepRegistry(b)
	for name, parameters := range map[string]string{
		"empty": `{}`, "one number": `{"seconds":0.5}`, "by the schema": `{"seconds":5e-1}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, fields, err := r.Prepare("SLEEP", []byte(parameters)); fields != nil || err != nil {
					b.Fatal(fields, err)
				}
			}
		})
	}
}

type counts struct{ done, failed int64 }

func (c counts) Outcome() (string, bool) {
	return Outcome(Count(c.done, "picture"), c.failed, "failed")
}

func TestResultsSayWhatCameOfTheTask(t *testing.T) {
	tests := map[string]struct {
		result any
		text   string
		all    bool
	}{
		"all":           {counts{1, 0}, "1 picture", true},
		"some":          {counts{2, 1}, "2 pictures, 1 failed", false},
		"none":          {counts{0, 3}, "0 pictures, 3 failed", false},
		"does not say":  {map[string]any{"a": 1}, "", true},
		"gives nothing": {nil, "", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := NewRegistry(fixed{task.TypeSpec{Name: "A"}, test.result, nil})
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Run(t.Context(), "A", Call{})
			if err != nil || got.Outcome != test.text || got.Partial == test.all {
				t.Errorf("%q, partial %v, %v", got.Outcome, got.Partial, err)
			}
		})
	}
}

func TestADefaultIsNotAddedWhereAnotherParameterMakesItMeaningless(t *testing.T) {
	r, err := NewRegistry(fixed{spec: task.TypeSpec{Name: "A", ParametersSchema: json.RawMessage(`{"properties":{
		"file":{"type":"string"},"seed":{"type":"integer","default":1,"x-default-unless":"file"}}}`)}})
	if err != nil {
		t.Fatal(err)
	}
	for parameters, want := range map[string]string{
		`{}`:                    `{"seed":1}`,
		`{"file":"a"}`:          `{"file":"a"}`,
		`{"file":"a","seed":7}`: `{"file":"a","seed":7}`,
	} {
		prepared, _, fields, err := r.Prepare("A", []byte(parameters))
		if err != nil || fields != nil || string(prepared) != want {
			t.Errorf("%s becomes %s, %v, %v; want %s", parameters, prepared, fields, err, want)
		}
	}
}

// evenTexts is a type with a format.
type evenTexts struct{ fixed }

func (evenTexts) Formats() []Format {
	return []Format{{Name: "even", Valid: func(text string) bool { return len(text)%2 == 0 }, Detail: "must be even"}}
}

func TestATypeAddsFormatsOfItsOwn(t *testing.T) {
	r, err := NewRegistry(evenTexts{fixed{spec: task.TypeSpec{Name: "A", ParametersSchema: json.RawMessage(`{"properties":{"a":{"format":"even"}}}`)}}})
	if err != nil {
		t.Fatal(err)
	}
	for text, bad := range map[string][]task.FieldError{
		`{"a":"xx"}`: nil, `{"a":5}`: nil, `{"a":"x"}`: {{Pointer: "/parameters/a", Detail: "must be even"}},
	} {
		if _, _, fields, err := r.Prepare("A", []byte(text)); err != nil || cmp.Diff(bad, fields) != "" {
			t.Errorf("%s: %v, %v", text, fields, err)
		}
	}
}

// null is how many clients send a parameter that they leave open.
func TestANullWhereTheSchemaHasADefaultIsAnAbsentParameter(t *testing.T) {
	r := sample(t)
	got, _, bad, err := r.Prepare("SAMPLE", []byte(`{"rate":null,"n":9007199254740993e0,"kind":null}`))
	if err != nil || len(bad) == 0 { // n is too large: the others must not be among what is wrong
		t.Fatalf("%s %v %v", got, bad, err)
	}
	for _, field := range bad {
		if strings.Contains(field.Pointer, "rate") || strings.Contains(field.Pointer, "kind") {
			t.Errorf("%s %s", field.Pointer, field.Detail)
		}
	}
	got, _, bad, err = r.Prepare("SAMPLE", []byte(`{"rate":null,"n":5,"mixed":null,"kind":null}`))
	if want := `{"n":5,"mixed":null,"kind":"a","rate":1.5}`; err != nil || bad != nil || string(got) != want {
		t.Errorf("got %s %v %v, want %s", got, bad, err, want)
	}
	if _, _, bad, _ = r.Prepare("SAMPLE", []byte(`{"n":null}`)); bad == nil {
		t.Error("null is taken where there is no default")
	}
}

func TestParametersAreCheckedAroundWhatIsNotKnownYet(t *testing.T) {
	r := sample(t)
	prepared, bad, err := r.PrepareAround("SAMPLE", []byte(`{"n":{"$from":"x"},"files":[{"$from":"x"}]}`), []string{"/n", "/files/0"})
	if want := `{"n":{"$from":"x"},"files":[{"$from":"x"}],"kind":"a","rate":1.5}`; err != nil || len(bad) != 0 || string(prepared) != want {
		t.Errorf("%s %v %v", prepared, bad, err)
	}
	_, bad, _ = r.PrepareAround("SAMPLE", []byte(`{"n":{"$from":"x"},"word":{"$from":"x"},"kind":"c"}`), []string{"/n"})
	var places []string
	for _, f := range bad {
		places = append(places, f.Pointer)
	}
	if got := strings.Join(places, " "); got != "/parameters/kind /parameters/word" {
		t.Errorf("wrong are %s", got)
	}
}
