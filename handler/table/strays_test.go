package table

import (
	"fmt"
	"strings"
	"testing"
)

// TestAStrayQuoteSwallowsNoRows has quotes that open a field and enclose nothing, beside
// fields that are truly in quotes.
func TestAStrayQuoteSwallowsNoRows(t *testing.T) {
	var late strings.Builder
	late.WriteString("id,name,qty\n")
	for i := range 20_000 {
		switch i {
		case 10_000:
			late.WriteString("10000,\"quo,3\n")
		case 15_000:
			late.WriteString("15000,inch 5\",4\n")
		default:
			fmt.Fprintf(&late, "%d,\"a, b\",%d\n", i, i%10)
		}
	}
	long := strings.Replace(late.String(), "15000,inch 5\",4\n", "15000,x,4\n", 1)
	tests := map[string]struct {
		text     string
		rows     int64
		bad      int64
		last     int64 // of the first column
		warnings string
	}{
		"tabs":           {"id\tname\tqty\n1\t\"quo\t3\n2\tinch 5\"\t4\n", 2, 0, 2, ""},
		"commas":         {"id,name,qty\n1,\"quo,3\n2,x,7\n3,inch 5\",4\n4,y,5\n", 4, 0, 4, ""},
		"beside quoted":  {"id,name,qty\n1,\"a, b\",3\n2,\"c, d\",3\n3,\"e, f\",3\n4,\"quo,3\n5,inch 5\",4\n6,\"g, h\",5\n", 6, 0, 6, "at line 5."},
		"late":           {late.String(), 20_000, 0, 19_999, "at line 10002."},
		"late and alone": {long, 20_000, 0, 19_999, "at line 10002."},
		"late and short": {strings.Replace(long, "10000,\"quo,3\n", "10000,\"quo\n", 1), 20_000, 1, 19_999, "at line 10002."},
		"several lines":  {"id,text\n1,\"Hello\nDear Sir, yes\"\n2,\"one\ntwo\"\n", 2, 0, 2, ""},
		"an address":     {"name,address,n\nBob,\"12 High St,Town\nCounty,UK\",555\nJoe,x,1\n", 2, 0, 0, ""},
	}
	for name, test := range tests {
		r := analyse(t, test.text, Options{})
		if r.TotalRows != test.rows || r.BadRows != test.bad || test.last > 0 && r.Columns[0].Max != test.last {
			t.Errorf("%s: %d rows, %d bad %v, last %v", name, r.TotalRows, r.BadRows, r.FirstBadRows, r.Columns[0].Max)
		}
		if got := strings.Join(r.Warnings, " "); !strings.Contains(got, test.warnings) || test.warnings == "" && got != "" {
			t.Errorf("%s: warnings %q", name, got)
		}
	}
}

// TestATotalLineIsInNoFigure has tables whose last line is the total of the others.
func TestATotalLineIsInNoFigure(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		rows int64
		kind string
		warn string
	}{
		"german":        {"Datum;Kunde;Menge;Betrag\n01.02.2025;A;10;1.234,50\n02.02.2025;B;12;2.099,90\nSumme;;22;3.334,40\n", 2, "datetime", "line 4, looks like a total of the rows above and is in no figure: Summe;;22;3.334,40"},
		"english":       {"date,a,b,n\n2025-01-01,x,y,1000\n2025-01-02,x,y,234\nTotal,,,1234\n", 2, "datetime", "line 4"},
		"russian":       {"Дата,Имя,Сумма\n2025-01-01,x,1\n2025-01-02,y,2\nИтого:,,3\n", 2, "datetime", "line 4"},
		"a class":       {"sex,n\nmale,1\nfemale,2\ntotal,3\n", 3, "string", "line 4, may be a total of the rows above and counts as a row"},
		"in the middle": {"name,x,n\na,b,1\nc,d,2\nTotal,,3\ne,f,4\n", 4, "string", ""},
	} {
		r := analyse(t, test.text, Options{})
		if r.TotalRows != test.rows || r.Columns[0].Type != test.kind {
			t.Errorf("%s: %d rows, %s", name, r.TotalRows, r.Columns[0].Type)
		}
		if got := strings.Join(r.Warnings, " "); !strings.Contains(got, test.warn) || test.warn == "" && got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestFewLateValuesThatMakeAColumnTextAreNamed has them far below the sample.
func TestFewLateValuesThatMakeAColumnTextAreNamed(t *testing.T) {
	for late, want := range map[string]string{
		"1,5;2025-01-01":       `value (1 of 30001 values are no numbers: "1,5" in row 30001)`,
		"unknown;2025-01-01":   `"unknown" in row 30001`,
		"7;sometime in spring": `day (1 of 30001 values are no dates: "sometime in spring" in row 30001)`,
	} {
		r := analyse(t, "value;day\n"+strings.Repeat("2.25;2025-01-02\n", 30_000)+late+"\n", Options{})
		if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], want) {
			t.Errorf("%s: %q", late, r.Warnings)
		}
	}
	r := analyse(t, "v,w\n"+strings.Repeat("1,a\n", 30_000)+strings.Repeat("x,b\n", 20_000), Options{})
	if len(r.Warnings) > 0 {
		t.Errorf("%q", r.Warnings)
	}
}
