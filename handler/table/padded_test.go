package table

import (
	"fmt"
	"strings"
	"testing"
)

func sales(n int) string {
	var b strings.Builder
	b.WriteString("date,item,qty,price\n")
	for i := range n {
		fmt.Fprintf(&b, "2025-01-%02d,Item %d,%d,%d.50\n", 1+i%28, i%7, 1+i%9, 10+i)
	}
	return b.String()
}

// padded adds a delimiter to the end of each line.
func padded(text string) string { return strings.ReplaceAll(text, "\n", ",\n") }

// TestATableEndsWhereAPaddedBlockFollows has tables with other blocks below whose rows are
// padded to the width of the table, as spreadsheets write them.
func TestATableEndsWhereAPaddedBlockFollows(t *testing.T) {
	rates := ",,,\nTax rate,Total,,\n19 %,1234,,\n7 %,50,,\n"
	tests := map[string]struct {
		text  string
		rows  int64
		types string
		warn  string
	}{
		"two sales":         {sales(2) + ",,,\nTax rate,Total,,\n19 %,1234,,\n", 2, "datetime string integer number", "2 lines were not read, from line 5 on"},
		"40 sales":          {sales(40) + rates, 40, "datetime string integer number", "3 lines were not read, from line 43 on"},
		"beyond the sample": {sales(5000) + rates, 5000, "datetime string integer number", "3 lines were not read, from line 5003 on"},
		"one comma more":    {padded(sales(5) + rates), 5, "datetime string integer number", "3 lines were not read, from line 8 on"},
		"two rows empty":    {sales(5) + ",,,\n" + rates, 5, "datetime string integer number", "3 lines were not read, from line 9 on"},
		"rows empty behind": {sales(5) + rates + ",,,\n,,,\n", 5, "datetime string integer number", "3 lines were not read, from line 8 on"},
		"a short empty row": {sales(5) + ",\nTax rate,Total\n19 %,1234\n", 5, "datetime string integer number", "2 lines were not read, from line 8 on"},
		"empty in quotes":   {sales(5) + "\"\",\"\",\"\",\"\"\nTax rate,Total,,\n19 %,1234,,\n", 5, "datetime string integer number", "2 lines were not read, from line 8 on"},
		"blanks in cells":   {sales(5) + " , , , \nTax rate,Total, , \n19 %,1234, , \n", 5, "datetime string integer number", "2 lines were not read, from line 8 on"},
		"CRLF":              {strings.ReplaceAll(sales(5)+rates, "\n", "\r\n"), 5, "datetime string integer number", "3 lines were not read, from line 8 on"},
		"semicolons":        {strings.ReplaceAll(sales(5)+rates, ",", ";"), 5, "datetime string integer number", "3 lines were not read, from line 8 on"},
		"tabs":              {strings.ReplaceAll(sales(5)+rates, ",", "\t"), 5, "datetime string integer number", "3 lines were not read, from line 8 on"},
		"a note":            {sales(5) + ",,,\nSource: Office of Statistics,,,\n", 5, "datetime string integer number", "1 line was not read, line 8"},
		"notes":             {sales(5) + ",,,\nSource: Office of Statistics,,,\n\"Read on 3 May, by hand\",,,\n", 5, "datetime string integer number", "2 lines were not read, from line 8 on"},
		"a note below texts": {"item,qty,price\nTea,1,2.5\nMilk,2,3.5\nJam,3,4.5\n,,\nSource: the shop,,\n", 3, "string integer number",
			"1 line was not read, line 6"},
		"columns alike": {"item,qty,price,day\nTea,1,2.5,2025-01-01\nMilk,2,3.5,2025-01-02\nJam,3,4.5,2025-01-03\n,,,\nItem,Count,,\nTea,17,,\nJam,18,,\n", 3, "string integer number datetime", "3 lines were not read, from line 6 on"},
		"sums to the right": {"item,qty,price,amount\nTea,1,2.5,2.5\nMilk,2,3.5,7\nJam,3,4.5,13.5\n,,,\n,,Subtotal,23\n,,VAT 19 %,4.37\n,,Total,27.37\n", 3, "string integer number number",
			"3 lines were not read, from line 6 on"},
		"a smaller table": {sales(12) + ",,,\nregion,count,share,\nNorth,3,0.5,\nSouth,3,0.5,\n", 12, "datetime string integer number", "3 lines were not read, from line 15 on"},
		"two blocks":      {sales(12) + rates + ",,,\nregion,count,share,\nNorth,3,0.5,\nSouth,3,0.5,\n", 12, "datetime string integer number", "7 lines were not read, from line 15 on"},
		"under a title":   {"Sales of the year,,,\n,,,\n" + sales(6) + rates, 6, "datetime string integer number", "3 lines were not read, from line 11 on"},
		"under two facts": {strings.ReplaceAll("Account,DE12 3456,,,\n,,,,\nbooked,name,purpose,amount,currency\n"+strings.Repeat("03.05.2025,Foo,Invoice,12.50,EUR\n", 9), ",", ";"), 9, "datetime string string number string", ""},
		"a wider block":   {padded(padded(days(31))) + ",,,\na,b,c,d\n1,2,3,4\n", 31, "datetime integer", "2 lines were not read, from line 34 on"},
		"texts":           {"Name,City,Land\nA,B,C\nD,E,F\nG,H,I\nJ,K,L\n,,\nKey,Value,\nrows,4,\n", 4, "string string string", "2 lines were not read, from line 7 on"},
		"below a total":   {sales(3) + "Total,,6,34.50\n,,,\nTax rate,Total,,\n19 %,1234,,\n", 3, "datetime string integer number", "2 lines were not read, from line 7 on"},

		"a small table above": {"Order,Date,Customer\n17,2025-01-02,Foo\n,,\n" + padded(days(31)), 31, "datetime integer", "The lines from line 1 to line 2 look like a smaller table"},
		"a total set apart":   {sales(3) + ",,,\nTotal,,6,34.50\n", 3, "datetime string integer number", "1 line was not read, line 6"},
		"empty below a total": {sales(3) + "Total,,6,34.50\n,,,\n,,,\n", 5, "datetime string integer number", "line 5, looks like a total"},
		"with no header":      {strings.SplitAfterN(sales(9), "\n", 2)[1] + rates, 9, "datetime string integer number", "3 lines were not read, from line 11 on"},
		"no quotes":           {sales(5) + "2025-02-01,5\" pipe,1,2.50\n" + rates, 6, "datetime string integer number", "3 lines were not read, from line 9 on"},
		"notes with numbers":  {sales(3) + ",,,\nNote,,,1\nNote,,,2\n", 3, "datetime string integer number", "2 lines were not read, from line 6 on"},

		"a gap":              {sales(3) + ",,,\n2025-02-01,x,1,2.50\n2025-02-02,y,1,2.50\n", 6, "datetime string integer number", ""},
		"a gap late":         {sales(5000) + ",,,\n2025-02-01,x,1,2.50\n2025-02-02,y,1,2.50\n", 5003, "datetime string integer number", ""},
		"a gap, dashes":      {sales(9) + ",,,\n2025-02-01,x,-,–\n", 11, "datetime string string string", ""},
		"a gap, a day alone": {sales(9) + ",,,\n2025-02-01,,,\n2025-02-02,,,\n", 12, "datetime string integer number", ""},
		"gaps in texts":      {"Name,City,Note\n" + strings.Repeat("A,B,C\n,,\n", 12) + "M,N,\n", 25, "string string string", ""},
		"numbers below":      {"x,y,z\n1,2,3\n4,5,6\n7,8,9\n,,\nKey,Value,\n5,7,\n", 3, "integer integer integer", "2 lines were not read, from line 6 on"},
		"a gap, short row":   {sales(3) + ",,,\n2025-02-01,x,1,\n", 5, "datetime string integer number", ""},
		"a gap in texts":     {"Name,City,Land\nA,B,C\nD,E,F\nG,H,I\nJ,K,L\n,,\nM,N,O\nP,Q,R\n", 7, "string string string", ""},
		"a rare last cell":   {"Name,City,Note\nA,B,C\nD,E,\nG,H,\nJ,K,\n,,\nM,N,\nP,Q,\n", 7, "string string string", ""},
		"a heading":          {sales(3) + ",,,\nSouth,,,\n2025-02-01,x,1,2.50\n2025-02-02,y,1,2.50\n", 7, "string string integer number", ""},
		"empty at the end":   {sales(3) + ",,,\n,,,\n", 5, "datetime string integer number", ""},
		"many at the end":    {sales(3) + strings.Repeat(",,,\n", 3*keptRows), 3 + 3*keptRows, "datetime string integer number", ""},
		"between the rows":   {strings.ReplaceAll(sales(9), "\n", "\n,,,\n"), 19, "datetime string integer number", ""},
		"under the header":   {strings.Replace(sales(9), "\n", "\n,,,\n", 1), 10, "datetime string integer number", ""},
		"many, then a rate":  {sales(3) + strings.Repeat(",,,\n", 3*keptRows) + rates, 3, "datetime string integer number", "3 lines were not read"},
	}
	for name, test := range tests {
		r := analyse(t, test.text, Options{})
		var types []string
		for _, c := range r.Columns {
			types = append(types, c.Type)
		}
		if r.TotalRows != test.rows || r.BadRows != 0 || r.ShortRows != 0 || strings.Join(types, " ") != test.types {
			t.Errorf("%s: %d rows, %d bad, %d short, %s", name, r.TotalRows, r.BadRows, r.ShortRows, types)
		}
		if got := strings.Join(r.Warnings, " "); !strings.Contains(got, test.warn) || test.warn == "" && strings.Contains(got, "not read") {
			t.Errorf("%s: warnings %q", name, got)
		}
	}
}
