package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestReportsOfTheFixtures compares with testdata/NAME.golden.json, whose figures were
// checked by hand.
func TestReportsOfTheFixtures(t *testing.T) {
	for _, name := range fixtures(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := indented(t, analyse(t, string(text), Options{}))
			golden := name + ".golden.json"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheReportDoesNotDependOnHowTheTextArrives(t *testing.T) {
	for _, name := range fixtures(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want := indented(t, analyse(t, string(text), Options{}))
		for way, r := range map[string]io.Reader{
			"byte by byte": iotest.OneByteReader(bytes.NewReader(text)),
			"halves":       iotest.HalfReader(bytes.NewReader(text)),
			"with EOF":     iotest.DataErrReader(bytes.NewReader(text)),
		} {
			report, err := Analyse(r, Options{Chunk: 1})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(indented(t, report))); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", name, way, diff)
			}
		}
	}
}

func TestNothingIsAnEmptyReport(t *testing.T) {
	for _, text := range []string{"", "\n", "\r\n\n", "\xEF\xBB\xBF", "\xFF\xFE"} {
		r := analyse(t, text, Options{})
		if r.TotalRows != 0 || len(r.Columns) != 0 || r.HasHeader || r.Statistics.Column != nil {
			t.Errorf("Analyse(%q) = %+v", text, r)
		}
	}
}

func TestOptionsBeatDetection(t *testing.T) {
	yes, no, comma, semicolon := true, false, ",", ";"
	tests := []struct {
		o     Options
		names []string
		rows  int64
	}{
		{Options{Delimiter: &comma}, []string{"a;b", "c"}, 2},
		{Options{Delimiter: &comma, Header: &no}, []string{"column_1", "column_2"}, 3},
		{Options{Delimiter: &semicolon, Header: &yes}, []string{"a", "b,c"}, 2},
	}
	for _, test := range tests {
		r := analyse(t, "a;b,c\n1;2,3\n4;5,6\n", test.o)
		var names []string
		for _, c := range r.Columns {
			names = append(names, c.Name)
		}
		if diff := cmp.Diff(test.names, names); diff != "" || r.TotalRows != test.rows {
			t.Errorf("%+v: %d rows, names (-want +got):\n%s", test.o, r.TotalRows, diff)
		}
	}
}

func TestWhatIsNoTextIsRefused(t *testing.T) {
	tests := map[string]string{
		"PK\x03\x04 and so on":                 "ZIP",
		"\x89PNG\r\n\x1A\n":                    "PNG",
		"\x28\xB5\x2F\xFD":                     "zstd",
		"SQLite format 3\x00":                  "SQLite",
		"%PDF-1.7":                             "PDF",
		"a,b\n1,\x00\n":                        "NUL byte at position 6",
		strings.Repeat("\x00\x01\x02abc", 1e5): "NUL byte at position 0",
	}
	for text, want := range tests {
		_, err := Analyse(strings.NewReader(text), Options{})
		if !errors.Is(err, ErrNotText) || !strings.Contains(err.Error(), want) {
			t.Errorf("Analyse(%.20q) = %v; want %q", text, err, want)
		}
	}
}

func TestWhatIsWrittenByOtherRulesIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"<!DOCTYPE html>\n<html>":        "an HTML page",
		"\uFEFF\n<HTML lang=en>":         "an HTML page",
		"<?xml version=\"1.0\"?>\n<a/>":  "XML",
		"{\"a\":1,\"b\":2}\n{\"a\":3}\n": "JSON",
		"[\n  {\n":                       "JSON",
		"[{\"a\":1,":                     "JSON",
		"{\n  \"a\": [":                  "JSON",
	} {
		_, err := Analyse(strings.NewReader(text), Options{})
		if !errors.Is(err, ErrNoTable) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"[id],name\n1,x\n", "{a},b\n1,2\n", "[1],[2]\n[3],[4]\n", "<a>,b\n1,2\n", "{\n1\n"} {
		analyse(t, text, Options{})
	}
}

func TestTooManyColumnsAreRefused(t *testing.T) {
	row := strings.Repeat("x,", MaxColumns-1) + "x"
	analyse(t, row, Options{})
	if _, err := Analyse(strings.NewReader(row+",x"), Options{}); !errors.Is(err, ErrTooWide) {
		t.Errorf("one column more: %v", err)
	}
}

// TestARowOfDelimitersTakesLittleMemory has rows whose fields would take 24 times their size.
func TestARowOfDelimitersTakesLittleMemory(t *testing.T) {
	for _, text := range []string{strings.Repeat(",", 6<<20), "a,b\n1,2\n" + strings.Repeat("x,", 3<<20) + "\"\"\n3,4\n" + strings.Repeat(" ", 3<<20) + "\n"} {
		before := allocated()
		r, err := Analyse(strings.NewReader(text), Options{})
		if err == nil && (r.BadRows != 1 || r.FirstBadRows[0] != BadRow{3, "more than 8192 fields where the table has 2 columns"}) || err != nil && !errors.Is(err, ErrTooWide) {
			t.Errorf("%.10q: %+v, %v", text, r, err)
		}
		if took := allocated() - before; took > 200<<20 {
			t.Errorf("%.10q: %d MiB", text, took>>20)
		}
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestErrorsOfReadingAndOfProgressEndTheWork(t *testing.T) {
	broken := errors.New("broken")
	r := io.MultiReader(strings.NewReader("a,b\n1,2\n"), iotest.ErrReader(broken))
	if _, err := Analyse(r, Options{}); !errors.Is(err, broken) {
		t.Errorf("reading: %v", err)
	}
	enough := errors.New("enough")
	calls := 0
	_, err := Analyse(strings.NewReader(strings.Repeat("1,2\n", 1e6)), Options{Progress: func(bytes, rows int64) error {
		if calls++; bytes > 2e6 {
			return enough
		}
		return nil
	}})
	if !errors.Is(err, enough) || calls > 20 {
		t.Errorf("progress: %v after %d calls", err, calls)
	}
}

func TestProgressEndsAtTheLastByteAndRow(t *testing.T) {
	text := strings.Repeat("1,2\n", 1e5)
	var bytes, rows int64
	r := analyse(t, text, Options{Chunk: 4096, Progress: func(b, r int64) error {
		if b < bytes || r < rows {
			t.Errorf("progress went back: %d bytes, %d rows after %d, %d", b, r, bytes, rows)
		}
		bytes, rows = b, r
		return nil
	}})
	if bytes != int64(len(text)) || rows < r.TotalRows-2000 {
		t.Errorf("ended at %d bytes, %d rows", bytes, rows)
	}
}

func TestAColumnMayTurnIntoTextAtAnyRow(t *testing.T) {
	const rows = 150_000
	for _, at := range []int{1, 5000, 100_001, rows} {
		var b strings.Builder
		b.WriteString("n,when,yes\n")
		for i := 1; i <= rows; i++ {
			if i == at {
				b.WriteString("oops,never,perhaps\n")
			} else {
				fmt.Fprintf(&b, "%d,2026-01-%02d,true\n", i, i%28+1)
			}
		}
		r := analyse(t, b.String(), Options{})
		for i, want := range [][2]string{{"1", "oops"}, {"2026-01-01", "never"}, {"perhaps", "true"}} {
			c := r.Columns[i]
			if at == 1 && i == 0 {
				want[0] = "10"
			}
			if c.Type != "string" || c.Min != want[0] || c.Max != want[1] || c.Sum != nil || c.Histogram != nil || c.Count != rows {
				t.Errorf("text at row %d: %+v", at, c)
			}
		}
		if top := r.Columns[1].Top[0].Count; top < 5357 {
			t.Errorf("text at row %d: the top day came %d times", at, top)
		}
	}
}

func TestIntegersTurnIntoNumbersAtAnyRow(t *testing.T) {
	r := analyse(t, "n\n1\n2\n3\n0.5\n4\n", Options{})
	c := r.Columns[0]
	if c.Type != "number" || c.Sum != 10.5 || c.Min != 0.5 || c.Max != 4.0 || *c.Median != "2" || *c.Mean != "2.1" {
		t.Errorf("%+v", c)
	}
}

func TestSumsOfIntegersAreExactBeyond64Bits(t *testing.T) {
	for value, want := range map[string]string{
		"9223372036854775807":  "9223372036854775807000",
		"-9223372036854775808": "-9223372036854775808000",
		"9007199254740993":     "9007199254740993000",
	} {
		c := analyse(t, strings.Repeat(value+"\n", 1000), Options{}).Columns[0]
		if c.Type != "integer" || fmt.Sprint(c.Sum) != want || fmt.Sprint(c.Min) != value {
			t.Errorf("1000 × %s: %+v", value, c)
		}
	}
}

func TestSumsOfNumbersAreCompensated(t *testing.T) {
	c := analyse(t, "n\n1e16\n"+strings.Repeat("1.0\n", 1000)+"-1e16\n", Options{}).Columns[0]
	if c.Sum != 1000.0 {
		t.Errorf("sum %v, want 1000", c.Sum)
	}
}

func TestRowsThatCannotBeReadMayComeFirst(t *testing.T) {
	good := strings.Repeat("1,2\n", 100)
	for _, text := range []string{"\x00\n" + good, "\x00\n\na,b\n" + good, "a b,c\n\x00\n\nx,y\n" + good} {
		r := analyse(t, text, Options{})
		if r.ProcessedRows < 100 || r.Columns[0].Max != int64(1) && r.Columns[0].Type != "string" || r.ProcessedRows+r.BadRows != r.TotalRows {
			t.Errorf("%.10q: %+v", text, r)
		}
	}
	analyse(t, "\f\n\v 1\n\u00a0\n", Options{})
	blank := " "
	analyse(t, "\f\n\v 1\n\u00a0\n\"\t\" \n", Options{Delimiter: &blank})
}

func TestALineThatIsTooLongIsABadRow(t *testing.T) {
	long, comma := strings.Repeat("x", MaxRow+1), ","
	for _, line := range []string{long + ",2", `1,"` + long + `"`, `1,"` + strings.Repeat("x\n", MaxRow/2)} {
		r := analyse(t, "a,b\n1,2\n"+line+"\n3,4\n", Options{Delimiter: &comma})
		if r.ProcessedRows < 2 || r.BadRows+r.ShortRows < 1 || r.ProcessedRows+r.BadRows != r.TotalRows {
			t.Errorf("%.10q…: %d rows, %d bad", line, r.TotalRows, r.BadRows)
		}
	}
}

func TestALongFieldIsReadWhole(t *testing.T) {
	value := strings.Repeat("long ", 1<<20)
	r := analyse(t, "a,b\n1,\""+value+"\"\n2,x\n", Options{})
	if r.BadRows != 0 || r.Columns[1].Distinct != 2 || len(r.Columns[1].Top[0].Value) > 300 {
		t.Errorf("%d bad rows, %d distinct, top %.30q", r.BadRows, r.Columns[1].Distinct, r.Columns[1].Top[0].Value)
	}
}

// FuzzAnalyse looks for panics and for figures that contradict each other.
func FuzzAnalyse(f *testing.F) {
	for _, name := range fixtures(f) {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Analyse(bytes.NewReader(text), Options{})
		if err != nil {
			if !errors.Is(err, ErrNotText) && !errors.Is(err, ErrNoTable) && !errors.Is(err, ErrTooWide) && !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
		if r.ProcessedRows+r.BadRows != r.TotalRows {
			t.Fatalf("%d rows: %d and %d bad", r.TotalRows, r.ProcessedRows, r.BadRows)
		}
		for _, c := range r.Columns {
			checkColumn(t, r, c)
		}
	})
}

func checkColumn(t *testing.T, r *Report, c Column) {
	t.Helper()
	if c.Count+c.Nulls != r.ProcessedRows || c.Distinct > c.Count || (c.Count > 0) != (c.Distinct > 0) {
		t.Fatalf("%d rows: %+v", r.ProcessedRows, c)
	}
	var top, bins int64
	for _, v := range c.Top {
		top += v.Count
	}
	for _, b := range c.Histogram {
		bins += b.Count
	}
	if top > c.Count || c.Histogram != nil && bins != c.Count-c.Infinite || len(c.Histogram) > 20 || len(c.Top) > 10 {
		t.Fatalf("top has %d values, the histogram %d of %d", top, bins, c.Count)
	}
	for _, pair := range [][2]any{{c.Min, c.P25}, {c.P25, c.Median}, {c.Median, c.P75}, {c.P75, c.Max}} {
		if low, high := ratOf(pair[0]), ratOf(pair[1]); c.P25 != nil && low.Cmp(high) > 0 {
			t.Fatalf("%v > %v: %+v", low, high, c)
		}
	}
}

// ratOf is a figure as it is written in JSON.
func ratOf(figure any) *big.Rat {
	text, err := json.Marshal(figure)
	if err != nil {
		panic(err)
	}
	r, _ := new(big.Rat).SetString(string(text))
	return r
}

func BenchmarkAnalyse(b *testing.B) {
	var text strings.Builder
	text.WriteString("id,when,amount,city,paid,note\n")
	cities := []string{"Berlin", "Paris", "London", "Madrid"}
	for i := range 300_000 {
		fmt.Fprintf(&text, "%d,2026-%02d-%02dT10:00:00Z,%d.%02d,%s,%t,\"note, %d\"\n",
			i, i%12+1, i%28+1, i*7919%10_000, i%100, cities[i%len(cities)], i%3 == 0, i%1000)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		analyse(b, text.String(), Options{})
	}
}

func analyse(t testing.TB, text string, o Options) *Report {
	t.Helper()
	r, err := Analyse(strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func indented(t *testing.T, r *Report) []byte {
	t.Helper()
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func fixtures(t testing.TB) []string {
	t.Helper()
	csv, err := filepath.Glob("testdata/*.csv")
	if err != nil {
		t.Fatal(err)
	}
	tsv, err := filepath.Glob("testdata/*.tsv")
	if err != nil || len(csv) == 0 {
		t.Fatal(err, len(csv))
	}
	return slices.Concat(csv, tsv)
}
