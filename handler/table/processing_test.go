package table

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"daybook/files"
	"daybook/handler"
	"daybook/handler/handlertest"

	"github.com/google/go-cmp/cmp"
)

func TestAFileIsReadAndItsResultFitsTheSchema(t *testing.T) {
	store := handlertest.Store(t)
	text := "when,amount,city\n2026-01-05,10,Berlin\n2026-01-06,20.5,Paris\n2026-01-07,NA,Paris\n2026-01-08\n"
	info := handlertest.Upload(t, store, "sales.csv", text)
	result, ids, err := process(t, store, `{"file":"`+info.ID+`"}`)
	if err != nil || ids != nil {
		t.Fatal(ids, err)
	}
	var got profile
	if err := json.Unmarshal(result, &got); err != nil {
		t.Fatal(err)
	}
	if got.TotalRows != 4 || got.ProcessedRows != 4 || got.ShortRows != 1 || got.BadRows != 0 || got.Seconds <= 0 || got.RowsPerSecond <= 0 {
		t.Errorf("%s", result)
	}
	var short map[string]any
	if err := json.Unmarshal(result, &short); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"column": "amount", "sum": 30.5, "average": 15.25, "min": 10.0, "max": 20.5}
	if diff := cmp.Diff(want, short["statistics"]); diff != "" {
		t.Errorf("statistics (-want +got):\n%s", diff)
	}
	handlertest.CheckResult(t, Processing{}, json.RawMessage(result))
}

func TestDelimiterAndHeaderCanBeGiven(t *testing.T) {
	store := handlertest.Store(t)
	info := handlertest.Upload(t, store, "x", "a;b\n1;2\n")
	result, _, err := process(t, store, `{"file":"`+info.ID+`","delimiter":";","has_header":false}`)
	if err != nil || !strings.Contains(string(result), `"total_rows":2`) || !strings.Contains(string(result), `"column_2"`) {
		t.Errorf("%s, %v", result, err)
	}
}

// TestATitleAndUSDatesAreReadWithoutOptions has what a spreadsheet in the United States exports.
func TestATitleAndUSDatesAreReadWithoutOptions(t *testing.T) {
	store := handlertest.Store(t)
	info := handlertest.Upload(t, store, "sales.csv", "Sales by store\nDate,Store,Amount\n01/31/2024,Boston,10.50\n02/01/2024,Austin,20\n")
	result, _, err := process(t, store, `{"file":"`+info.ID+`"}`)
	if err != nil {
		t.Fatal(err)
	}
	handlertest.CheckResult(t, Processing{}, json.RawMessage(result))
	for _, want := range []string{
		`"total_rows":2,"processed_rows":2,"short_rows":0,"bad_rows":0`, `"skip_lines":1`, `"date_order":"MDY"`, `"warnings":[]`,
		`"min":"2024-01-31T00:00:00Z"`, `"sum":30.5`,
	} {
		if !strings.Contains(string(result), want) {
			t.Errorf("no %s in %s", want, result)
		}
	}
}

func TestIntegersKeepTheirDigitsInTheResult(t *testing.T) {
	store := handlertest.Store(t)
	info := handlertest.Upload(t, store, "ids.csv", "id\n9007199254740993\n9007199254740995\n9223372036854775807\n")
	result, _, err := process(t, store, `{"file":"`+info.ID+`"}`)
	for _, want := range []string{
		`"min":9007199254740993,"max":9223372036854775807,"sum":9241386435364257795,"mean":3080462145121419265`,
		`"p25":9007199254740994,"median":9007199254740995`, `{"from":9007199254740993,`,
		`"statistics":{"column":"id","sum":9241386435364257795,"average":3080462145121419265,"min":9007199254740993,"max":9223372036854775807}`,
	} {
		if !strings.Contains(string(result), want) {
			t.Errorf("no %s in %s, %v", want, result, err)
		}
	}
}

func TestACompressedFileIsRead(t *testing.T) {
	store := handlertest.Store(t)
	var text bytes.Buffer
	z := gzip.NewWriter(&text)
	if _, err := io.WriteString(z, "a;b\n1;2\n"); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	info := handlertest.Upload(t, store, "x.csv.gz", text.String())
	result, _, err := process(t, store, `{"file":"`+info.ID+`","encoding":"windows-1251"}`)
	if err != nil || !strings.Contains(string(result), `"compression":"gzip"`) || !strings.Contains(string(result), `"encoding":"windows-1251"`) {
		t.Errorf("%s, %v", result, err)
	}
}

// TestNoRowIsAFailureThatSaysWhatToTry has files that leave nothing to tell of.
func TestNoRowIsAFailureThatSaysWhatToTry(t *testing.T) {
	store := handlertest.Store(t)
	for text, want := range map[string]string{
		"":                      "the file is empty or has blank lines only; upload one with rows",
		"\n\r\n  \n":            "the file is empty or has blank lines only; upload one with rows",
		"name,age\n":            "there is only a header; upload a file with rows below it, or give has_header false if its first line is data",
		"a,b,c\na,b,c\na,b,c\n": "all 2 rows are bad, the first at line 2: repeats the header; give delimiter, quote, skip_lines or has_header",
	} {
		info := handlertest.Upload(t, store, "x.csv", text)
		header := ""
		if strings.Count(text, "a,b,c") > 1 {
			header = `,"has_header":true`
		}
		_, _, err := process(t, store, `{"file":"`+info.ID+`"`+header+`}`)
		if err == nil || !handler.IsPermanent(err) || err.Error() != "read x.csv: no row could be processed: "+want {
			t.Errorf("%q: %v, permanent %v", text, err, handler.IsPermanent(err))
		}
	}
	long := handlertest.Upload(t, store, "long.csv", strings.Repeat("1,", MaxRow/2)+"1")
	if _, _, err := process(t, store, `{"file":"`+long.ID+`"}`); err == nil || !handler.IsPermanent(err) ||
		!strings.HasSuffix(err.Error(), "line 1 is longer than the 8 MiB that a line may have; upload the file with a line end after each row") {
		t.Errorf("a long line: %v", err)
	}
	info := handlertest.Upload(t, store, "x.csv", "a,b\n1,2\n")
	for parameters, want := range map[string]string{
		`"skip_lines":9`:                              "nothing is left after 9 lines; give a smaller skip_lines",
		`"delimiter":",","quote":","`:                 `the options contradict each other: delimiter and quote are both ","; change one`,
		`"delimiter":"tab","quote":"'","comment":"'"`: `quote and comment are both "'"; change one`,
		`"decimal":",","thousands":","`:               `decimal and thousands are both ","; change one`,
	} {
		_, _, err := process(t, store, `{"file":"`+info.ID+`",`+parameters+`}`)
		if err == nil || !handler.IsPermanent(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, permanent %v", parameters, err, handler.IsPermanent(err))
		}
	}
}

func TestWithoutAFileRowsAreMadeAndReadTheSameForTheSameSeed(t *testing.T) {
	first := rowsOf(t, `{"rows":5000,"seed":7}`)
	if first.TotalRows != 5000 || first.BadRows != 0 || len(first.Columns) != 10 {
		t.Errorf("%d rows, %d bad, %d columns", first.TotalRows, first.BadRows, len(first.Columns))
	}
	var types []string
	for _, c := range first.Columns {
		types = append(types, c.Type)
	}
	want := "datetime number integer number string string integer boolean string string"
	if got := strings.Join(types, " "); got != want {
		t.Errorf("types %s; want %s", got, want)
	}
	if diff := cmp.Diff(first.Report, rowsOf(t, `{"rows":5000,"seed":7}`).Report); diff != "" {
		t.Errorf("the same seed again (-first +second):\n%s", diff)
	}
	if second := rowsOf(t, `{"rows":5000,"seed":8}`); cmp.Equal(first.Report, second.Report) {
		t.Error("another seed makes the same rows")
	}
	if one := rowsOf(t, `{"rows":1}`); one.TotalRows != 1 {
		t.Errorf("1 row makes %d", one.TotalRows)
	}
}

// TestMadeRowsNeverChange pins the generator: a seed that someone noted must go on to make
// the same rows.
func TestMadeRowsNeverChange(t *testing.T) {
	hash := sha256.New()
	if err := writeOrders(hash, 10_000, 1); err != nil {
		t.Fatal(err)
	}
	const want = "0cbd7d7e6b7a330aed2ab370f427706752937f78dab21f5328ed1ff67a9b17f2"
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		t.Errorf("10,000 rows of seed 1 have SHA-256 %s, not %s", got, want)
	}
}

func TestWhatCanNeverBeReadIsAPermanentError(t *testing.T) {
	store := handlertest.Store(t)
	png := handlertest.Upload(t, store, "picture.csv", "\x89PNG\r\n\x1a\nrest")
	wide := handlertest.Upload(t, store, "wide.csv", strings.Repeat(strings.Repeat("1,", MaxColumns)+"1\n", 2))
	for parameters, want := range map[string]string{
		`{"file":"` + png.ID + `"}`:                  "read picture.csv: file is not text: it is a PNG picture",
		`{"file":"` + wide.ID + `"}`:                 "table has too many columns",
		`{"file":"` + strings.Repeat("0", 64) + `"}`: "no such file",
	} {
		_, _, err := process(t, store, parameters)
		if err == nil || !strings.Contains(err.Error(), want) || !handler.IsPermanent(err) {
			t.Errorf("%s: %v, permanent %v", parameters, err, handler.IsPermanent(err))
		}
	}
}

func TestParametersOfDataProcessingAreChecked(t *testing.T) {
	r, err := handler.NewRegistry(Processing{})
	if err != nil {
		t.Fatal(err)
	}
	for parameters, want := range map[string]string{
		`{"rows":0}`:               "/parameters/rows must be at least 1",
		`{"rows":10000001}`:        "/parameters/rows must be at most 10000000",
		`{"rows":1.5}`:             "/parameters/rows must be an integer",
		`{"processing_time":3601}`: "/parameters/processing_time must be at most 3600",
		`{"processing_time":-1}`:   "/parameters/processing_time must be at least 0",
		`{"delimiter":"||"}`:       "/parameters/delimiter must be one character, tab, or empty for a single column",
		`{"delimiter":"\n"}`:       "/parameters/delimiter must be one character, tab, or empty for a single column",
		`{"encoding":"klingon"}`:   "/parameters/encoding must be an encoding of the WHATWG standard, such as windows-1251, shift_jis, gbk or utf-16le",
		`{"decimal":";"}`:          `/parameters/decimal must be one of ".", ","`,
		`{"date_order":"DYM"}`:     `/parameters/date_order must be one of "DMY", "MDY", "YMD"`,
		`{"quote":"q"}`:            `/parameters/quote must be one punctuation character, such as " or #, or empty for none`,
		`{"comment":"//"}`:         `/parameters/comment must be one punctuation character, such as " or #, or empty for none`,
		`{"skip_lines":-1}`:        "/parameters/skip_lines must be at least 0",
		`{"seed":-1}`:              "/parameters/seed must be at least 0",
		`{"file":"x"}`:             "/parameters/file must be the id of a file, 64 lower-case hex digits",
		`{"has_header":"yes"}`:     "/parameters/has_header must be true or false",
		`{"row":1}`:                "/parameters/row unknown field",
	} {
		_, _, fields, err := r.Prepare("DATA_PROCESSING", []byte(parameters))
		if err != nil || len(fields) != 1 || fields[0].Pointer+" "+fields[0].Detail != want {
			t.Errorf("%s: %v, %v; want %s", parameters, fields, err, want)
		}
	}
	id := strings.Repeat("a", 64)
	prepared, ids, fields, err := r.Prepare("DATA_PROCESSING", []byte(`{"file":"`+id+`"}`))
	if err != nil || fields != nil || len(ids) != 1 || ids[0] != id ||
		string(prepared) != `{"file":"`+id+`","processing_time":0}` {
		t.Errorf("%s, %v, %v, %v", prepared, ids, fields, err)
	}
}

func TestProcessingTimeSpreadsTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var last float64
		var reports int
		call := handler.Call{
			Parameters: json.RawMessage(`{"rows":100000,"seed":1,"processing_time":20}`),
			Report: func(percent float64, _ string) {
				gone := time.Since(start).Seconds() / 20 * 100
				if percent < last || math.Abs(percent-gone) > 1.5 {
					t.Errorf("%.1f %% after %.1f %% of the time, %.1f before", percent, gone, last)
				}
				last = percent
				reports++
			},
		}
		if _, err := (Processing{}).Run(t.Context(), call); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("took %v", took)
		}
		if reports < 70 || reports > 81 {
			t.Errorf("%d reports", reports)
		}
	})
}

func TestACancelEndsTheWorkAtOnce(t *testing.T) {
	for _, parameters := range []string{
		`{"rows":100,"seed":1,"processing_time":3600}`,
		`{"rows":10000000,"seed":1,"processing_time":3600}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
			defer cancel()
			start := time.Now()
			call := handler.Call{Parameters: json.RawMessage(parameters), Report: func(float64, string) {}}
			_, err := (Processing{}).Run(ctx, call)
			if !errors.Is(err, context.DeadlineExceeded) || handler.IsPermanent(err) {
				t.Errorf("%v", err)
			}
			if took := time.Since(start); took != 7*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestACancelEndsFullSpeedWorkSoon(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	reports := 0
	call := handler.Call{
		Parameters: json.RawMessage(`{"rows":10000000,"seed":1}`),
		Report: func(float64, string) {
			reports++
			cancel()
		},
	}
	if _, err := (Processing{}).Run(ctx, call); !errors.Is(err, context.Canceled) || reports != 1 {
		t.Errorf("%v after %d reports", err, reports)
	}
}

func TestProgressIsReportedWithCommas(t *testing.T) {
	for n, want := range map[int64]string{0: "0 rows", 999: "999 rows", 1000: "1,000 rows", 1234567: "1,234,567 rows"} {
		if got := english.Sprintf("%d rows", n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}

func TestAResultSaysHowManyRowsAreBad(t *testing.T) {
	for want, r := range map[string]profile{
		"1,461 rows, 6 columns":       {Report: Report{ProcessedRows: 1461, Columns: make([]Column, 6)}},
		"1 row, 1 column, 2 bad rows": {Report: Report{ProcessedRows: 1, BadRows: 2, Columns: make([]Column, 1)}},
		"2 rows, 1 column, 1 bad row": {Report: Report{ProcessedRows: 2, BadRows: 1, Columns: make([]Column, 1)}},
	} {
		if got, partial := r.Outcome(); got != want || partial != (r.BadRows > 0) {
			t.Errorf("%q, partial %v; want %q", got, partial, want)
		}
	}
}

// A file makes the parameters of made rows meaningless: their defaults are not filled in.
func TestATaskWithAFileHasNoSeed(t *testing.T) {
	for parameters, want := range map[string]bool{"{}": true, `{"file":"` + strings.Repeat("a", 64) + `"}`: false, `{"file":"` + strings.Repeat("a", 64) + `","seed":7}`: true} {
		var given map[string]any
		if err := json.Unmarshal([]byte(parameters), &given); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(handlertest.Prepare(t, Processing{}, given)), `"seed":`); got != want {
			t.Errorf("%s: seed %v, want %v", parameters, got, want)
		}
	}
}

func BenchmarkWriteOrders(b *testing.B) {
	var n countingWriter
	for b.Loop() {
		if err := writeOrders(&n, 1000, 1); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(n) / int64(b.N))
}

type countingWriter int64

func (n *countingWriter) Write(p []byte) (int, error) {
	*n += countingWriter(len(p))
	return len(p), nil
}

func rowsOf(t *testing.T, parameters string) profile {
	t.Helper()
	result, _, err := process(t, nil, parameters)
	if err != nil {
		t.Fatal(err)
	}
	handlertest.CheckResult(t, Processing{}, json.RawMessage(result))
	var got profile
	decoder := json.NewDecoder(bytes.NewReader(result))
	if err := decoder.Decode(&got); err != nil {
		t.Fatal(err)
	}
	return got
}

// process runs DATA_PROCESSING as a task would be: by the registry.
func process(t *testing.T, store *files.Store, parameters string) ([]byte, []string, error) {
	t.Helper()
	r, err := handler.NewRegistry(Processing{})
	if err != nil {
		t.Fatal(err)
	}
	prepared, _, fields, err := r.Prepare("DATA_PROCESSING", []byte(parameters))
	if err != nil || fields != nil {
		t.Fatal(fields, err)
	}
	out, err := r.Run(t.Context(), "DATA_PROCESSING", handler.Call{Parameters: prepared, Files: store, Report: func(float64, string) {}})
	return out.JSON, out.Files, err
}

func TestTheSubjectIsTheNameOfTheFileOrTheNumberOfRows(t *testing.T) {
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	handlertest.CheckSubjects(t, Processing{}, map[string]string{a: "sales.csv"}, map[string]string{
		`{}`: "1,000 rows", `{"rows":1}`: "1 row", `{"rows":1e6}`: "1,000,000 rows",
		`{"file":"` + a + `"}`: "sales.csv", `{"file":"` + b + `"}`: "",
	})
}
