package textindex

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// wordsOf returns the words that the scanner finds in texts.
func wordsOf(texts ...[]byte) (all []string) {
	var s scanner
	s.scan(texts)
	for word := s.next(); word != nil; word = s.next() {
		all = append(all, string(word))
	}
	return all
}

// reference finds the words of a text with encoding/json.
func reference(t *testing.T, text []byte) (all []string) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		switch v := token.(type) {
		case string:
			all = append(all, plain(v)...)
		case json.Number:
			all = append(all, plain(v.String())...)
		case bool:
			all = append(all, map[bool]string{true: "true", false: "false"}[v])
		case nil:
			all = append(all, "null")
		}
	}
}

// plain splits a decoded text into words.
func plain(text string) (all []string) {
	word, alone := []rune(nil), false
	end := func() {
		if len(word) > 0 {
			cut := string(word)
			for len(cut) > maxWord {
				_, size := utf8.DecodeLastRuneInString(cut)
				cut = cut[:len(cut)-size]
			}
			all = append(all, cut)
		}
		word, alone = nil, false
	}
	for _, r := range text {
		switch {
		case unicode.IsMark(r):
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end()
			continue
		case eastAsian(r):
			end()
			alone = true
		case alone:
			end()
		}
		word = append(word, foldRune(r))
	}
	end()
	return all
}

func FuzzTheWordsOfAJSONTextAreThoseOfItsValues(f *testing.F) {
	for _, text := range []string{
		`{"to":"Anna.Berg@example.com","n":-12.50e+3,"ok":[true,false,null]}`,
		`"\u00fc\u0041b\nc\"d\\e\/f \ud83d\ude00g \ud800x \udc00y \ud800\ud83d\ude00z \ud835\udc00"`,
		`"東京タワー が か` + "\u3099" + `a 한국어 e` + "\u0301" + ` ` + "\u0301" + `x"`,
		`"` + strings.Repeat("ä", 40) + `x ` + strings.Repeat("a", 63) + `äb"`, "\"\xffa\xc3b\"", `"İıKſß 京é京a"`, `"` + strings.Repeat("a", 62) + `กä"`, "\"\u1c89\ua7dc\"",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := wordsOf(text)
		for _, word := range got {
			if len(word) == 0 || len(word) > maxWord || !utf8.ValidString(word) {
				t.Fatalf("word %q of %q", word, text)
			}
			if again := ParseQuery(word).words; len(word) < maxWord-utf8.UTFMax && (len(again) != 1 || again[0] != word) {
				t.Fatalf("%q as a query is %q", word, again)
			}
		}
		if !json.Valid(text) || len(text) > maxText {
			return
		}
		if diff := cmp.Diff(reference(t, text), got); diff != "" {
			t.Fatalf("%q: %s", text, diff)
		}
	})
}

func TestOnlyTheBeginningOfALongTextIsIndexed(t *testing.T) {
	text := []byte(`"` + strings.Repeat("a ", maxText/2) + `beyond"`)
	for _, c := range []struct {
		texts [][]byte
		want  bool
	}{
		{[][]byte{text}, false},
		{[][]byte{text, []byte(`"beyond"`)}, true},
		{[][]byte{text, text, text, []byte(`"beyond"`)}, true},
		{[][]byte{text, text, text, text, []byte(`"beyond"`)}, false},
	} {
		if got := ParseQuery("beyond").Matches(c.texts...); got != c.want {
			t.Errorf("%d texts: got %v, want %v", len(c.texts), got, c.want)
		}
	}
}

func TestALongWordIsCutBetweenCharacters(t *testing.T) {
	long := strings.Repeat("a", 63)
	if diff := cmp.Diff([]string{long, "b"}, wordsOf([]byte(long+"äxyz b"))); diff != "" {
		t.Error(diff)
	}
	if !ParseQuery(long + "äx").Matches([]byte(`"` + long + `äy"`)) {
		t.Error("two words with the same beginning do not match")
	}
}
