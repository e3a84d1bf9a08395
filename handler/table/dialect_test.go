package table

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/htmlindex"
)

// randomTable is a table in a random dialect that leaves no doubt: every text that needs
// quotes has them, and numbers show what the columns are.
type randomTable struct {
	marks
	rowEnd string
	above  []string
	rows   [][]string // the header is the first
}

func newRandomTable(random *rand.Rand) randomTable {
	t := randomTable{rowEnd: []string{"\n", "\r\n", "\r"}[random.IntN(3)]}
	t.delimiter = []string{",", ";", "\t", "|"}[random.IntN(4)]
	t.quote = []byte{'"', '"', '\''}[random.IntN(3)]
	if random.IntN(3) == 0 {
		t.escape = '\\'
	}
	if random.IntN(3) == 0 {
		t.above = append(t.above, "Measured in spring")
		if random.IntN(2) == 0 {
			t.above = append(t.above, "")
		}
	}
	columns := 2 + random.IntN(6)
	header := make([]string, columns)
	for i := range header {
		header[i] = fmt.Sprintf("name %d", i)
	}
	t.rows = append(t.rows, header)
	words := []string{"a", "b c", "d" + t.delimiter + "e", "f" + t.rowEnd + "g", "say " + string(rune(t.quote)) + "h" + string(rune(t.quote)) + t.delimiter + " i", "é", "x-y", ""}
	for range 5 + random.IntN(60) {
		row := make([]string, columns)
		for i := range row {
			switch {
			case i == 0 || i%3 == 2:
				row[i] = fmt.Sprint(random.IntN(1000))
			case i%3 == 1:
				row[i] = words[random.IntN(len(words))]
			default:
				row[i] = fmt.Sprintf("2025-%02d-%02d", 1+random.IntN(12), 1+random.IntN(28))
			}
		}
		t.rows = append(t.rows, row)
	}
	// One field shows the quotes, and how they stand in quotes.
	q := string(rune(t.quote))
	t.rows[1][1] = "one " + q + "two" + q + t.delimiter + " three"
	return t
}

// text writes the table.
func (t randomTable) text() string {
	var b strings.Builder
	for _, line := range t.above {
		b.WriteString(line + t.rowEnd)
	}
	q := string(rune(t.quote))
	for _, row := range t.rows {
		for i, field := range row {
			if i > 0 {
				b.WriteString(t.delimiter)
			}
			if !strings.ContainsAny(field, t.delimiter+q+"\r\n") {
				b.WriteString(field)
				continue
			}
			within := q + q
			if t.escape != 0 {
				within = string(rune(t.escape)) + q
			}
			b.WriteString(q + strings.ReplaceAll(field, q, within) + q)
		}
		b.WriteString(t.rowEnd)
	}
	return b.String()
}

// TestRandomTablesAreReadBack writes tables in random dialects and reads the same fields.
func TestRandomTablesAreReadBack(t *testing.T) {
	for seed := range uint64(400) {
		table := newRandomTable(rand.New(rand.NewPCG(seed, 1)))
		readsBack(t, table, fmt.Sprint("seed ", seed))
	}
}

// FuzzDialect does the same with any seed.
func FuzzDialect(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		readsBack(t, newRandomTable(rand.New(rand.NewPCG(a, b))), fmt.Sprint("seed ", a, " ", b))
	})
}

func readsBack(t *testing.T, table randomTable, name string) {
	t.Helper()
	text := table.text()
	d := detect([]byte(text), true, Options{})
	if d.delimiter != table.delimiter || d.quote != table.quote || d.escape != table.escape ||
		d.skip != len(table.above) || !d.header || d.width != len(table.rows[0]) {
		t.Fatalf("%s: detected %+v of\n%s", name, d, text)
	}
	r := newReader(strings.NewReader(text), 0, func() error { return nil })
	r.marks = d.marks
	if err := r.skip(d.skip); err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for {
		fields, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		row := make([]string, len(fields))
		for i, field := range fields {
			row[i] = string(field)
		}
		rows = append(rows, row)
	}
	if diff := cmp.Diff(table.rows, rows); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", name, diff)
	}
}

// TestADialectThatIsGivenIsUsed has tables that would be read in another way without the
// option.
func TestADialectThatIsGivenIsUsed(t *testing.T) {
	some := func(s string) *string { return &s }
	none, three, no := 0, 3, false
	tests := map[string]struct {
		text string
		o    Options
		want string // the first row's values as they come first in the columns
		rows int64
	}{
		"delimiter of several bytes": {"a§b\n1,0§x\n2,0§y\n", Options{Delimiter: some("§")}, "1 x", 2},
		"delimiter of one byte":      {"a:b\n1:x;y\n2:z;w\n", Options{Delimiter: some(":")}, "1 x;y", 2},
		"blanks":                     {"name   n\nx  1\nyy 2\n", Options{Delimiter: some(" ")}, "x 1", 2},
		"no delimiter":               {"a,b\n1,2\n3,4\n", Options{Delimiter: some("")}, "1.2", 2},
		"no quote":                   {"a,b\n\"x\",1\n\"y\",2\n", Options{Quote: some("")}, "\"x\" 1", 2},
		"another quote":              {"a,b\n$x,y$,1\n$z$,2\n", Options{Quote: some("$")}, "x,y 1", 2},
		"another escape":             {"a,b\n\"x^\",y\",1\n\"z\",2\n", Options{Escape: some("^")}, "x\",y 1", 2},
		"doubled quotes":             {"a,b\n\"x\\\",1\n\"z\"\"\",2\n", Options{Escape: some("\"")}, "x\\ 1", 2},
		"a comment":                  {"a,b\n%x,y\n1,2\n", Options{Comment: some("%")}, "1 2", 1},
		"no comment":                 {"#a,b\n#x,y\n1,2\n", Options{Comment: some("")}, "#x 2", 2},
		"lines above":                {"a,b\n1,2\n3,4\nc,d\n5,6\n", Options{SkipLines: &three}, "5 6", 1},
		"no lines above":             {"# x\na,b\n1,2\n", Options{SkipLines: &none}, "1 2", 1},
		"no header":                  {"a,b\n1,2\n", Options{Header: &no}, "1 2", 2},
		"nulls":                      {"a,b\n-,NA\n-,NA\n", Options{Nulls: []string{"-"}}, " NA", 2},
		"decimal comma":              {"a;b\n1,234;x\n2,5;y\n", Options{Decimal: ","}, "1.234 x", 2},
		"thousands":                  {"a;b\n1,234;x\n2,500;y\n", Options{Thousands: some(",")}, "1234 x", 2},
		"thousands of a point":       {"a;b\n1.234;x\n2.500;y\n", Options{Thousands: some(".")}, "1234 x", 2},
		"day first":                  {"a,b\n01/02/2024,x\n03/04/2024,y\n", Options{DateOrder: "DMY"}, "2024-02-01T00:00:00Z x", 2},
		"year first":                 {"a,b\n01/02/03,x\n03/04/05,y\n", Options{DateOrder: "YMD"}, "2001-02-03T00:00:00Z x", 2},
	}
	for name, test := range tests {
		r := analyse(t, test.text, test.o)
		var got []string
		for _, c := range r.Columns {
			value := "" // the smallest is the first in all of them
			if c.Min != nil {
				value = fmt.Sprint(c.Min)
			}
			got = append(got, value)
		}
		if test.o.SkipLines != nil && r.Dialect.SkipLines != *test.o.SkipLines {
			t.Errorf("%s: %d lines skipped", name, r.Dialect.SkipLines)
		}
		if strings.Join(got, " ") != test.want || r.ProcessedRows != test.rows || len(r.Warnings) > 0 {
			t.Errorf("%s: %q, %d rows, %q", name, got, r.ProcessedRows, r.Warnings)
		}
	}
}

// TestADetectedDialectCanBeGiven reads every kind again with what was detected.
func TestADetectedDialectCanBeGiven(t *testing.T) {
	for _, kind := range kinds(t) {
		r := analyse(t, kind.text, Options{})
		d := r.Dialect
		o := Options{
			Delimiter: &d.Delimiter, Quote: &d.Quote, Escape: &d.Escape, Comment: &d.Comment, SkipLines: &d.SkipLines, Header: &d.HasHeader,
			Encoding: d.Encoding, Decimal: d.Decimal, Thousands: &d.Thousands, Nulls: d.Nulls,
		}
		if d.DateOrder != nil {
			o.DateOrder = *d.DateOrder
		}
		again := analyse(t, kind.text, o)
		r.Warnings, again.Warnings = nil, nil
		if diff := cmp.Diff(inShort(r), inShort(again)); diff != "" {
			t.Errorf("%s (-detected +given):\n%s", kind.name, diff)
		}
	}
}

func TestEncodingsAreReadByName(t *testing.T) {
	for label, word := range map[string]string{
		"windows-1251": "Привет", "koi8-r": "Привет", "shift_jis": "日本語", "euc-jp": "日本語", "gbk": "中文", "gb18030": "中文", "big5": "中文",
		"euc-kr": "한국어", "iso-8859-2": "źdźbło", "utf-16le": "Привет", "utf-16be": "Привет", "utf-8": "Привет",
		"Latin1": "Grüße", "windows-1252": "Grüße", "macintosh": "Grüße",
	} {
		e, err := htmlindex.Get(label)
		if err != nil {
			t.Fatal(err)
		}
		text, err := e.NewEncoder().String("word,n\n" + word + ",1\n")
		if err != nil {
			t.Fatal(label, err)
		}
		r := analyse(t, text, Options{Encoding: label})
		name, err := htmlindex.Name(e)
		if err != nil || r.Columns[0].Min != word || r.Encoding != name || r.Dialect.Encoding != name || len(r.Warnings) > 0 {
			t.Errorf("%s: %v in %s, %q", label, r.Columns[0].Min, r.Encoding, r.Warnings)
		}
	}
	if _, err := Analyse(strings.NewReader("a\n1\n"), Options{Encoding: "klingon"}); !errors.Is(err, ErrUnknownEncoding) {
		t.Errorf("%v", err)
	}
}

// TestWhatWasReadIsWhatIsSaid has text whose first byte that is not ASCII comes at any place.
func TestWhatWasReadIsWhatIsSaid(t *testing.T) {
	for _, before := range []int{0, 1, 1000, 70_000, 300_000} {
		head := "n,word\n" + strings.Repeat("1,plain\n", before)
		for encoding, tail := range map[string]string{"utf-8": "2,é\n3,ü\n", "windows-1252": "2,\xe9\n3,\xfc\n"} {
			r := analyse(t, head+tail, Options{Chunk: 4096})
			var words []string
			for _, v := range r.Columns[1].Top {
				words = append(words, v.Value)
			}
			if r.Encoding != encoding || r.Columns[1].Max != "ü" || r.Columns[1].Distinct != min(int64(before), 1)+2 {
				t.Errorf("%d rows before: %s, %q, max %v", before, r.Encoding, words, r.Columns[1].Max)
			}
		}
	}
	r := analyse(t, "n,word\n1,日本\x93語\n", Options{Encoding: "utf-8"})
	if r.Columns[1].Min != "日本“語" || len(r.Warnings) != 1 {
		t.Errorf("%v, %q", r.Columns[1].Min, r.Warnings)
	}
	r = analyse(t, "n,word\n1,a\xffb\n", Options{Encoding: "shift_jis"})
	if r.Columns[1].Min != "a\uFFFDb" || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "1 character was unreadable as shift_jis") {
		t.Errorf("%v, %q", r.Columns[1].Min, r.Warnings)
	}
	r = analyse(t, "\uFEFFn,word\n1,é\n", Options{Encoding: "windows-1252"})
	if r.Columns[1].Min != "é" || r.Encoding != "utf-8" || len(r.Warnings) != 1 {
		t.Errorf("%v, %s, %q", r.Columns[1].Min, r.Encoding, r.Warnings)
	}
}

// TestGzipIsRead unpacks several members, and refuses what is damaged, twice packed or
// made to fill the disk.
func TestGzipIsRead(t *testing.T) {
	two := packed("a,b\n1,2\n") + packed("3,4\n")
	r := analyse(t, two, Options{})
	if r.TotalRows != 2 || r.Compression != "gzip" || r.Columns[0].Max != int64(3) {
		t.Errorf("%+v", r)
	}
	zeros := strings.Repeat("\x00", 10_000)
	for _, text := range []string{two + zeros, packed("a,b\n1,2\n") + zeros + packed("3,4\n") + "\x00"} {
		if r := analyse(t, text, Options{}); r.TotalRows != 2 || len(r.Warnings) > 0 {
			t.Errorf("with zeros: %+v", r)
		}
	}
	for name, test := range map[string]struct {
		text string
		want error
		says string
	}{
		"rubbish":  {two + "\x00rubbish that is no gzip", ErrDamaged, "upload it again"},
		"cut":      {two[:len(two)-5], ErrDamaged, "its end is missing"},
		"changed":  {strings.Replace(two, two[len(two)-8:len(two)-4], "\x01\x02\x03\x04", 1), ErrDamaged, "checksum"},
		"no gzip":  {"\x1f\x8b\x08\xff\xff", ErrDamaged, "upload it again"},
		"twice":    {packed(two), ErrNotText, "gzip twice"},
		"archive":  {packed("name" + strings.Repeat("\x00", 253) + "ustar"), ErrNotText, "tar archive"},
		"a bomb":   {packed(strings.Repeat("0123456,\n", 1<<18)), ErrBomb, "MiB"},
		"a binary": {packed("\x89PNG\r\n\x1a\n"), ErrNotText, "PNG"},
	} {
		_, err := Analyse(strings.NewReader(test.text), Options{unpackFree: 1 << 20})
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("broken")
	src := io.MultiReader(strings.NewReader(two[:30]), errorReader{broken})
	if _, err := Analyse(src, Options{}); !errors.Is(err, broken) {
		t.Errorf("a source that breaks: %v", err)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func packed(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}
