package table

import (
	"fmt"
	"strings"
	"testing"
)

func orders(n int) string {
	var b strings.Builder
	b.WriteString("Invoice,Date,Customer,Net,Tax\n")
	for i := range n {
		fmt.Fprintf(&b, "R-%d,2025-01-%02d,Customer %d,%d.50,2.00\n", i, 1+i%28, i, 10+i)
	}
	return b.String()
}

func days(n int) string {
	var b strings.Builder
	b.WriteString("Day Index,Pageviews\n")
	for i := range n {
		fmt.Fprintf(&b, "2025-01-%02d,%d\n", 1+i%28, 10*i)
	}
	return b.String()
}

// TestATableEndsWhereAnotherBlockFollows has tables with smaller ones below, which are
// not read and of which a warning speaks.
func TestATableEndsWhereAnotherBlockFollows(t *testing.T) {
	pages := "# ----\n# Pages\n# ----\nPage,Views,Unique,Time\n"
	for i := range 32 {
		pages += fmt.Sprintf("/page/%d,%d,%d,00:01\n", i, 100+i, 50+i)
	}
	tests := map[string]struct {
		text  string
		rows  int64
		first string
		warn  string
	}{
		"3 orders":          {orders(3) + "\nTax rate,Total\n19,100\n7,50\n", 3, "Invoice", "3 lines were not read, from line 6 on"},
		"10 orders":         {orders(10) + "\nTax rate,Total\n19,100\n7,50\n", 10, "Invoice", "3 lines were not read, from line 13 on"},
		"40 orders":         {orders(40) + "\nTax rate,Total\n19,100\n7,50\n", 40, "Invoice", "3 lines were not read, from line 43 on"},
		"5000 orders":       {orders(5000) + "\nTax rate,Total\n19,100\n7,50\n", 5000, "Invoice", "3 lines were not read, from line 5003 on"},
		"metrics":           {orders(12) + "\nMetric,Value\nrows,12\nsum,5\n", 12, "Invoice", "3 lines were not read, from line 15 on"},
		"with a heading":    {orders(12) + "\nSummary\nMetric,Value\nrows,12\nsum,5\n", 12, "Invoice", "4 lines were not read, from line 15 on"},
		"two blocks":        {orders(12) + "\nSummary\n\nMetric,Value\nrows,12\n\nx,y,z\n1,2,3\n4,5,6\n", 12, "Invoice", "8 lines were not read, from line 15 on"},
		"same width again":  {orders(12) + "\nMetric,Value\nrows,12\n\n" + orders(3), 12, "Invoice", "7 lines were not read, from line 15 on"},
		"a wide block":      {days(31) + "\na,b,c,d\n1,2,3,4\n", 31, "Day Index", "2 lines were not read, from line 34 on"},
		"under a title":     {"Report of today\n\n" + orders(5) + "\nTax rate,Total\n19,100\n7,50\n", 5, "Invoice", "3 lines were not read, from line 10 on"},
		"pages and days":    {pages + "\n" + days(31), 32, "Page", "32 lines were not read, from line 38 on"},
		"one line":          {orders(5) + "\nTotal: 5 orders\n", 5, "Invoice", "1 line was not read, line 8"},
		"texts":             {"Name,City,Land\nA,B,C\nD,E,F\nG,H,I\nJ,K,L\n\nKey,Value\nrows,4\n", 4, "Name", "2 lines were not read, from line 7 on"},
		"heading within":    {"a,b,c\n1,2,3\n4,5,6\n\nSouth\n7,8,9\n\n\n1,1,1\n", 5, "a", "Some values"},
		"ragged with blank": {"a,b,c\n1,2\n4,5,6\n\n3,4\n7,8,9\n", 4, "a", ""},
		"all short":         {"a,b,c\n1,2\n4,5\n\n3,4\n", 3, "a", ""},
		"long list above":   {"Logger,A7\nPlace,Roof\nHeight,20\n\n" + orders(3), 3, "Invoice", ""},
		"small order above": {"Order,Date,Customer\n17,2025-01-02,Foo\n\n" + days(31), 31, "Day Index", "The lines from line 1 to line 2 look like a smaller table"},
	}
	for name, test := range tests {
		r := analyse(t, test.text, Options{})
		if r.TotalRows != test.rows || r.Columns[0].Name != test.first || r.BadRows != 0 {
			t.Errorf("%s: %d rows from %s, %d bad", name, r.TotalRows, r.Columns[0].Name, r.BadRows)
		}
		if got := strings.Join(r.Warnings, " "); !strings.HasPrefix(got, test.warn) || test.warn == "" && got != "" {
			t.Errorf("%s: warnings %q", name, got)
		}
	}
}

// TestManyRowsBelowATableAreNotKept has more of them than are kept while they are open.
func TestManyRowsBelowATableAreNotKept(t *testing.T) {
	text := orders(4000) + "\n" + strings.Repeat("1,2\n", 3*keptRows)
	r := analyse(t, text, Options{})
	if want := "3000 lines were not read, from line 4003 on"; r.TotalRows != 4000 || len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], want) {
		t.Errorf("%d rows, %q", r.TotalRows, r.Warnings)
	}
}
