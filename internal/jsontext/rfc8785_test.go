package jsontext

import (
	"math/big"
	"regexp"
	"testing"
)

// Every line is one value in several spellings.
var spellings = [][]string{
	{`{"a":"é"}`, `{"a":"\u00e9"}`, `{"\u0061":"\u00E9"}`},
	{`{"a":"/"}`, `{"a":"\/"}`},
	{`{"a":"\n\u001f\"\\"}`, `{"a":"\u000a\u001F\u0022\u005c"}`},
	{`{"a":1,"b":[2]}`, `{ "b" : [ 2.0 ], "a" : 1e0 }`, `{"a":10e-1,"b":[0.2E+1]}`},
	{`{"a":-0}`, `{"a":0}`, `{"a":0.00e9}`, `{"a":-0.0}`},
	{`{"a":1e21}`, `{"a":1000000000000000000000}`, `{"a":1.0E+21}`},
	{`{"a":1e-7}`, `{"a":0.0000001}`},
	{`{"a":9007199254740993}`, `{"a":9007199254740993.0}`, `{"a":9007199254740993e0}`},
	{`{"a":9007199254740992}`, `{"a":9.007199254740992e15}`},
	{`{"a":1e400}`, `{"a":10e399}`},
	{`{"a":0.1}`, `{"a":1e-1}`, `{"a":0.10}`},
	{`{"a":"1"}`}, {`{"a":[]}`}, {`{"a":{}}`}, {`{"a":null}`}, {`{}`}, {`{"a":true}`},
	{`{"\ud83d\ude00":1,"\uffee":2}`, `{"\uffee":2,"\ud83d\ude00":1}`},
}

func TestOneValueHasOneTextHoweverItIsSpelled(t *testing.T) {
	texts := make(map[string]string)
	for _, same := range spellings {
		var first string
		for i, spelled := range same {
			canonical, err := Canonical(nil, []byte(spelled), 32)
			if err != nil {
				t.Fatalf("%s: %v", spelled, err)
			}
			text := string(AppendRFC8785(nil, canonical))
			if i == 0 {
				first = text
				if other, taken := texts[text]; taken {
					t.Errorf("%s has the text of %s", spelled, other)
				}
				texts[text] = spelled
			} else if text != first {
				t.Errorf("%s and %s have different texts", spelled, same[0])
			}
		}
	}
}

// The examples of RFC 8785, section 3.2.2 to 3.2.4 and appendix B, but for numbers that a
// float64 does not hold: those keep their digits.
func TestTheTextThatIsHashedIsThatOfRFC8785(t *testing.T) {
	for in, want := range map[string]string{
		`{"numbers":[333333333.3333333,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`:                                         `{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
		`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`: "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}",
		`5e-324`: `5e-324`, `1.7976931348623157e308`: `1.7976931348623157e+308`, `9007199254740992`: `9007199254740992`,
		`295147905179352830000`: `295147905179352830000`, `9.999999999999997e22`: `9.999999999999997e+22`, `1e23`: `1e+23`,
		`999999999999999700000`: `999999999999999700000`, `1e21`: `1e+21`, `0.000001`: `0.000001`, `1e-6`: `0.000001`,
	} {
		canonical, err := Canonical(nil, []byte(in), 32)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(AppendRFC8785(nil, canonical)); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

// A number never becomes another one.
func FuzzANormalNumberIsTheSameNumber(f *testing.F) {
	for _, text := range []string{"0", "-0.0", "1.50", "9007199254740993", "1e21", "123e-7", "0.1000000000000000055511151231257827", "5e-324", "1e400", "33.5E+3"} {
		f.Add(text)
	}
	number := regexp.MustCompile(`^-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?$`)
	f.Fuzz(func(t *testing.T, text string) {
		if !number.MatchString(text) {
			return
		}
		normal := string(appendNormalNumber(nil, text))
		before, _ := new(big.Rat).SetString(text)
		after, ok := new(big.Rat).SetString(normal)
		if !ok || before.Cmp(after) != 0 {
			t.Fatalf("%s became %s", text, normal)
		}
		if again := string(appendNormalNumber(nil, normal)); again != normal {
			t.Fatalf("%s became %s and then %s", text, normal, again)
		}
	})
}
