package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRowsAreSplitWithMercy(t *testing.T) {
	tests := []struct {
		text string
		want [][]string
	}{
		{"a,b\nc,d", [][]string{{"a", "b"}, {"c", "d"}}},
		{"a,b\r\nc,d\r\n", [][]string{{"a", "b"}, {"c", "d"}}},
		{"\n\na\n\n", [][]string{{"a"}}},
		{",\n", [][]string{{"", ""}}},
		{`"a","b"`, [][]string{{"a", "b"}}},
		{"\"a\",\"b\"\r\n", [][]string{{"a", "b"}}},
		{`"a,b",c`, [][]string{{"a,b", "c"}}},
		{"\"a\nb\",c\nd,e", [][]string{{"a\nb", "c"}, {"d", "e"}}},
		{"\"a\r\nb\",c\r\n", [][]string{{"a\r\nb", "c"}}},
		{`"a ""b"" c",""""`, [][]string{{`a "b" c`, `"`}}},
		{`"",""` + "\n", [][]string{{"", ""}}},
		{` "a" , "b,c" `, [][]string{{"a", "b,c"}}},
		{`5" pipe,x`, [][]string{{`5" pipe`, "x"}}},
		{`"say "hi", now",x`, [][]string{{`say "hi`, ` now"`, "x"}}},
		{`"say "hi" now",x`, [][]string{{`say "hi" now`, "x"}}},
		{"\"open,x\nb,c", [][]string{{`"open`, "x"}, {"b", "c"}}},
		{"a,\"open\nb,\"c\"\nd,e", [][]string{{"a", "\"open"}, {"b", "c"}, {"d", "e"}}},
		{"\"a \"b\nc\",d", [][]string{{`"a "b`}, {`c"`, "d"}}},
		{"a,\"", [][]string{{"a", `"`}}},
		{"a,\"b\"\r", [][]string{{"a", "b"}}},
		{"a\rb\n", [][]string{{"a"}, {"b"}}},
		{"a\r\rb\r\n\r\nc\n\rd", [][]string{{"a"}, {"b"}, {"c"}, {"d"}}},
		{"a\n\uFEFFb\n\uFEFF\"c,d\"\n", [][]string{{"a"}, {"b"}, {"c,d"}}},
	}
	for _, test := range tests {
		got, err := readAll(test.text, 0)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", test.text, err, diff)
		}
		if got, _ := readAll(test.text, 1); cmp.Diff(test.want, got) != "" {
			t.Errorf("%q byte by byte: %q", test.text, got)
		}
	}
}

func TestARowLargerThanTheBufferIsRead(t *testing.T) {
	long := strings.Repeat("0123456789", 300_000)
	for _, text := range []string{long + ",b\nc,d\n", "\"" + long + "\n" + long + "\",b\nc,d\n"} {
		rows, err := readAll(text, 0)
		if err != nil || len(rows) != 2 || len(rows[0]) != 2 || len(rows[0][0]) < len(long) {
			t.Errorf("%d rows, %v", len(rows), err)
		}
	}
}

func TestAReaderThatGivesNothingIsGivenUp(t *testing.T) {
	r := newReader(nothing{}, 0, func() error { return nil })
	if _, err := r.next(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("%v", err)
	}
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

// FuzzReader compares with encoding/csv wherever that has no complaint, and looks that the
// size of the reads makes no difference.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "\"a\nb\",c\n", "\"\"\"\",\"x\"\r\n", "\"a\"b,c\n", ",\n,\n", "\"a\n\"b\n\",c\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\x00\uFEFF") {
			return
		}
		got, err := readAll(text, 0)
		if err != nil {
			t.Fatal(err)
		}
		small, err := readAll(text, 1)
		if err != nil || cmp.Diff(got, small) != "" {
			t.Fatalf("%q: %q, byte by byte %q, %v", text, got, small, err)
		}
		// encoding/csv keeps blanks before quotes, drops \r within quotes and at the end of
		// the text, and takes a line of \r for a row.
		if strings.ContainsAny(text, "\r \t") {
			return
		}
		reference := csv.NewReader(strings.NewReader(text))
		reference.FieldsPerRecord = -1
		want, err := reference.ReadAll()
		if err == nil && len(want)+len(got) > 0 && cmp.Diff(want, got) != "" {
			t.Fatalf("%q: got %q, want %q", text, got, want)
		}
	})
}

func TestWhatEncodingCSVWritesIsReadBack(t *testing.T) {
	fields := []string{"", "a", "a,b", "a\nb", `"`, `""`, `"a"`, " a ", "a\tb", "\n", "é", "a\"b\nc\"d"}
	var want [][]string
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	for i, a := range fields {
		for _, b := range fields[i:] {
			row := []string{"x", a, b}
			want = append(want, row)
			if err := w.Write(row); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.Flush()
	got, err := readAll(text.String(), 0)
	if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(got)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// readAll reads text with the given number of bytes in each read; 0 = all at once.
func readAll(text string, size int) (rows [][]string, err error) {
	var src io.Reader = strings.NewReader(text)
	if size > 0 {
		src = &slow{src, size}
	}
	r := newReader(src, 0, func() error { return nil })
	r.delimiter, r.quote = ",", '"'
	for {
		fields, err := r.next()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		row := make([]string, len(fields))
		for i, field := range fields {
			row[i] = string(field)
		}
		rows = append(rows, row)
	}
}

type slow struct {
	r    io.Reader
	size int
}

func (s *slow) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), s.size)]) }
