package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestCanonicalDropsSpaceAndKeepsSpelling(t *testing.T) {
	tests := map[string]string{
		`null`:                                   `null`,
		" { \"a\" :\t[ 1 , 2 ] ,\r\n\"b\":{ } }": `{"a":[1,2],"b":{}}`,
		`[1.0, 1e5, -0, 12345678901234567890]`:   `[1.0,1e5,-0,12345678901234567890]`,
		`"\u00e9 é \ud83d\ude00 \/ \\ \" <&>"`:   `"\u00e9 é \ud83d\ude00 \/ \\ \" <&>"`,
		` true `:                                 `true`,
		`{"a":1,"A":2,"":3," ":4}`:               `{"a":1,"A":2,"":3," ":4}`,
		"\"\uFFFD\"":                             "\"\uFFFD\"",
	}
	for src, want := range tests {
		got, err := Canonical([]byte("before"), []byte(src), 32)
		if err != nil || string(got) != "before"+want {
			t.Errorf("Canonical(%q) = %q, %v; want %q", src, got, err, want)
		}
	}
}

func TestCanonicalRefusesAndPointsAtTheFault(t *testing.T) {
	tests := []struct{ src, pointer, detail string }{
		{``, "", "empty"},
		{" \n", "", "empty"},
		{`{} x`, "", `'x' at byte 3, after the value`},
		{`{"a":{"b":{"c":1,"c":2}}}`, "/a/b/c", "duplicate key"},
		{`{"a":1,"\u0061":2}`, "/a", "duplicate key"},
		{`{"a/b~":[01]}`, "/a~1b~0", "unexpected '1'"},
		{"{\"a\":\"\xff\"}", "/a", "valid UTF-8"},
		{"\"\xed\xa0\x80\"", "", "valid UTF-8"},
		{"{\"\xff\":1}", "", "valid UTF-8"},
		{"[\"x\x00\"]", "/0", "NUL"},
		{`["\u0000"]`, "/0", "NUL"},
		{`["\ud800"]`, "/0", "lone surrogate"},
		{`["\ud800\u0041"]`, "/0", "lone surrogate"},
		{`["\ud800\ud800"]`, "/0", "lone surrogate"},
		{`["\udc00"]`, "/0", "lone surrogate"},
		{`["\ud800`, "/0", "lone surrogate"},
		{"[\"a\nb\"]", "/0", "unexpected"},
		{`["\x"]`, "/0", "after a backslash"},
		{`["\u12g4"]`, "/0", "after a backslash"},
		{`[1,]`, "/1", "unexpected ']'"},
		{`{"a":1,}`, "", "where a key should be"},
		{`{"a" 1}`, "/a", "where ':' should be"},
		{`[1 2]`, "", "where ',' or ']' should be"},
		{`{"a":1 "b":2}`, "", "where ',' or '}' should be"},
		{`[`, "/0", "end of text"},
		{`"abc`, "", "end of text"},
		{`"abc\`, "", "end of text"},
		{`nul`, "", "unexpected"},
		{`NaN`, "", "unexpected"},
		{`+1`, "", "unexpected"},
		{`-`, "", "in a number"},
		{`1.`, "", "in a number"},
		{`1e+`, "", "in a number"},
		{`.5`, "", "unexpected"},
		{`[[[[1]]]]`, "/0/0/0", "nested too deep: at most 3 levels"},
		{`{"a":{"b":{"c":{}}}}`, "/a/b/c", "nested too deep"},
	}
	for _, test := range tests {
		got, err := Canonical([]byte("x"), []byte(test.src), 3)
		var fault *Error
		if !errors.As(err, &fault) {
			t.Errorf("Canonical(%q) = %q, %v; want a *Error", test.src, got, err)
			continue
		}
		if string(got) != "x" || fault.Pointer != test.pointer || !strings.Contains(fault.Detail, test.detail) {
			t.Errorf("Canonical(%q) = %q, %q %q; want %q %q", test.src, got, fault.Pointer, fault.Detail, test.pointer, test.detail)
		}
	}
}

func TestCanonicalTakesDepthUpToTheLimit(t *testing.T) {
	src := strings.Repeat("[", 32) + strings.Repeat("]", 32)
	if _, err := Canonical(nil, []byte(src), 32); err != nil {
		t.Errorf("depth 32 of 32: %v", err)
	}
	if _, err := Canonical(nil, []byte("["+src+"]"), 32); err == nil {
		t.Error("depth 33 of 32 was taken")
	}
	if _, err := Canonical(nil, []byte("7"), 0); err != nil {
		t.Errorf("depth 0 of 0: %v", err)
	}
}

func TestCanonicalRefusesDeepNestingFast(t *testing.T) {
	src := bytes.Repeat([]byte("["), 10<<20)
	start := time.Now()
	if _, err := Canonical(nil, src, 32); err == nil {
		t.Error("10 MB of nesting was taken")
	}
	if took := time.Since(start); took > time.Minute { // a busy machine is no fault
		t.Errorf("it took %v", took)
	}
}

func TestCanonicalFindsADuplicateAmongManyKeys(t *testing.T) {
	var b strings.Builder
	b.WriteByte('{')
	const keys = 50_000
	for i := range keys {
		b.WriteString(`"key` + strconv.Itoa(i) + `":0,`)
	}
	unique := b.String() + `"last":1}`
	// Comparing each key with each other would take a hundred times as long, whatever else the
	// machine does meanwhile; one try in peace is enough.
	for try := 1; ; try++ {
		start := time.Now()
		if _, err := Canonical(nil, []byte(unique), 32); err != nil {
			t.Fatalf("unique keys: %v", err)
		}
		took := time.Since(start)
		start = time.Now()
		var all map[string]int
		if err := json.Unmarshal([]byte(unique), &all); err != nil {
			t.Fatal(err)
		}
		usual := time.Since(start)
		if took <= 10*usual {
			break
		}
		if try == 20 {
			t.Fatalf("%d keys took %v, encoding/json %v", keys, took, usual)
		}
	}
	for _, twice := range []string{"key0", "key5", "key11", "key12", "key13", "key49999"} {
		_, err := Canonical(nil, []byte(b.String()+`"`+twice+`":1}`), 32)
		var fault *Error
		if !errors.As(err, &fault) || fault.Pointer != "/"+twice {
			t.Errorf("%s twice: %v", twice, err)
		}
	}
}

func TestCanonicalAllocatesNothingForPlainInput(t *testing.T) {
	dst := make([]byte, 0, 1024)
	n := testing.AllocsPerRun(100, func() { dst, _ = Canonical(dst[:0], benchmarkJSON, 32) })
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzCanonical compares with encoding/json and a slow reference for what
// encoding/json lets pass.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[true,false,null,-1.5e+3]}`, ` [ ] `, `{"\u0061":1,"a":2}`, `"\ud83d\ude00"`, `"\ud83d"`,
		`{"a":{"a":{"a":{"a":{}}}}}`, "\"\xff\"", "\"\x00\"", `"\u0000"`, `1e`, `-`, `{"a"`, `[1,]`, "\"\\\\u0000\"",
	} {
		f.Add([]byte(seed))
	}
	const depth = 4
	f.Fuzz(func(t *testing.T, src []byte) {
		got, err := Canonical(nil, src, depth)
		want, wantOK := referenceJSON(src, depth)
		if (err == nil) != wantOK {
			t.Fatalf("Canonical(%q) = %v; the reference says %v", src, err, wantOK)
		}
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("Canonical(%q) = %q; want %q", src, got, want)
		}
		if err == nil {
			again, err := Canonical(nil, got, depth)
			if err != nil || !bytes.Equal(again, got) {
				t.Fatalf("canonical %q is not canonical: %q, %v", got, again, err)
			}
		}
	})
}

func referenceJSON(src []byte, depth int) ([]byte, bool) {
	if !json.Valid(src) || !utf8.Valid(src) || badEscape(string(src)) {
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader(src))
	if !referenceValue(decoder, depth) {
		return nil, false
	}
	var compact bytes.Buffer
	if json.Compact(&compact, src) != nil {
		return nil, false
	}
	return compact.Bytes(), true
}

func referenceValue(decoder *json.Decoder, depth int) bool {
	decoder.UseNumber()
	token, err := decoder.Token()
	if err != nil {
		return err == io.EOF
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return true
	}
	if depth == 0 {
		return false
	}
	keys := map[string]bool{}
	for decoder.More() {
		if delim == '{' {
			key, err := decoder.Token()
			if err != nil || keys[key.(string)] {
				return false
			}
			keys[key.(string)] = true
		}
		if !referenceValue(decoder, depth-1) {
			return false
		}
	}
	_, err = decoder.Token()
	return err == nil
}

// badEscape looks through valid JSON for NUL and lone surrogates in escapes.
func badEscape(s string) bool {
	high := false
	for s != "" {
		if !strings.HasPrefix(s, `\`) {
			if high {
				return true
			}
			s = s[1:]
			continue
		}
		if s[1] != 'u' {
			if high {
				return true
			}
			s = s[2:]
			continue
		}
		n, _ := strconv.ParseUint(s[2:6], 16, 16)
		s = s[6:]
		low := 0xDC00 <= n && n <= 0xDFFF
		if n == 0 || low != high {
			return true
		}
		high = 0xD800 <= n && n <= 0xDBFF
	}
	return high
}

var benchmarkJSON = []byte(`{"file":"0a9e2c1f5b7d4e8096aa31c2d5f4b6e7","rows":100000,"seed":42,"processing_time":2.5,` +
	`"delimiter":";","has_header":true,"tags":["one","two","three"],"nested":{"a":1,"b":null},"note":"plain"}`)

func BenchmarkCanonical(b *testing.B) {
	b.SetBytes(int64(len(benchmarkJSON)))
	b.ReportAllocs()
	dst := make([]byte, 0, 1024)
	for b.Loop() {
		dst, _ = Canonical(dst[:0], benchmarkJSON, 32)
	}
}
