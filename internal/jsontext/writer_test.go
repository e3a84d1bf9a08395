package jsontext

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheWriterPutsCommasBetweenValues(t *testing.T) {
	w := Writer("before ")
	w.Object()
	w.Key("null").Null()
	w.Key("raw").Raw([]byte(`{"a":[1]}`))
	w.Key("no_raw").Raw(nil)
	w.StringKey("\"k\"").String("brace {")
	w.QuotedKey([]byte(`"\u0041"`)).Bool(true)
	w.Key("empty").Object()
	w.EndObject()
	w.Key("items").Array()
	w.Item().Int(-7)
	w.Item().Array()
	w.EndArray()
	w.Item().Object()
	w.Key("hex").Hex([]byte{0, 0xAB})
	w.EndObject()
	w.EndArray()
	w.Key("strings").Strings([]string{"[", "<é>"})
	w.Key("escaped").EscapedString("<é\u2028>")
	w.Key("seconds").Seconds(1_500_000)
	w.Key("percent").Hundredths(3310)
	w.Key("none").OptionalSeconds(0)
	w.Key("no_text").OptionalString("")
	w.Key("never").OptionalTime(0)
	w.Key("at").OptionalTime(1_000_000)
	w.Key("id").Quoted([]byte("01J"))
	w.EndObject()
	want := `before {"null":null,"raw":{"a":[1]},"no_raw":null,"\"k\"":"brace {","\u0041":true,"empty":{},` +
		`"items":[-7,[],{"hex":"00ab"}],"strings":["[","<é>"],"escaped":"\u003cé\u2028\u003e","seconds":1.5,"percent":33.1,` +
		`"none":null,"no_text":null,"never":null,"at":"1970-01-01T00:00:01.000000Z","id":"01J"}`
	if string(w) != want {
		t.Errorf("got  %s\nwant %s", w, want)
	}
	if text := strings.TrimPrefix(want, "before "); !json.Valid([]byte(text)) {
		t.Errorf("not JSON: %s", text)
	}
}

func TestTimesHaveSixDecimals(t *testing.T) {
	for _, at := range []int64{0, 1, 999_999, 1_000_000, 1795521600000001, 253402300799999999, -1, -1_000_000} {
		want := time.UnixMicro(at).UTC().Format("2006-01-02T15:04:05.000000Z")
		if got := string(AppendTime(nil, at)); got != want {
			t.Errorf("%d is %s, want %s", at, got, want)
		}
	}
}

// rewrite writes canonical text with the Writer, from what the iterators find in it.
func rewrite(w *Writer, value []byte) {
	switch {
	case IsObject(value):
		w.Object()
		for key, inner := range Members(value) {
			rewrite(w.StringKey(string(key)), inner)
		}
		w.EndObject()
	case IsArray(value):
		w.Array()
		for item := range Items(value) {
			rewrite(w.Item(), item)
		}
		w.EndArray()
	case value[0] == '"':
		w.String(Unquote(value))
	default:
		w.Raw(value)
	}
}

func FuzzWhatIsReadAndWrittenAgainIsTheSameForEncodingJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\u00e9\n"},null,[]],"\u0062":{},"c":"{[\\\"]}"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for key, value := range Members(text) { // of any text: no panic
			_ = append(append(Writer(nil), key...), Unquote(value)...)
		}
		for item := range Items(text) {
			_, _ = PointerTo(item, "x")
		}
		clean, err := Canonical(nil, text, 32)
		if err != nil {
			return
		}
		var w Writer
		rewrite(&w, clean)
		var got, want any
		if err := decode(w, &got); err != nil {
			t.Fatalf("%q was written as %q: %v", clean, w, err)
		}
		if err := decode(clean, &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q was written as %q:\n%s", clean, w, diff)
		}
	})
}

func FuzzEscapedStringsAreThoseOfEncodingJSON(f *testing.F) {
	f.Add("plain", "<é>\u2028\xff")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, s := range []string{a, b, a + b} {
			if want, _ := json.Marshal(s); !bytes.Equal(AppendEscapedString(nil, s), want) {
				t.Errorf("%q is %s, want %s", s, AppendEscapedString(nil, s), want)
			}
		}
	})
}

func decode(text []byte, into *any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}
