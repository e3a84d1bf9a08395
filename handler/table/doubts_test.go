package table

import (
	"strings"
	"testing"
)

// TestASecondHeaderIsSaidToBeOne has exports of surveys, whose names, questions and ids
// stand in lines of their own.
func TestASecondHeaderIsSaidToBeOne(t *testing.T) {
	values := strings.Repeat("2025-03-01 10:00:00,34,5,fine\n2025-03-02 11:30:00,51,3,good\n", 6)
	tests := map[string]struct{ text, warn string }{
		"two lines": {"StartDate,Q1,Q2,Q3\nStart Date,How old are you?,How content?,Why?\n" + values,
			"Line 2 looks like a second header and was read as a row: it has texts above other values, which makes their columns strings, in StartDate, Q1, Q2. To read only what is below, give skip_lines 2 and has_header false"},
		"three lines": {"StartDate,Q1,Q2,Q3\nStart Date,\"How old\nare you?\",How content?,Why?\n\"{\"\"ImportId\"\":\"\"a\"\"}\",\"{\"\"ImportId\"\":\"\"b\"\"}\",\"{\"\"ImportId\"\":\"\"c\"\"}\",\"{\"\"ImportId\"\":\"\"d\"\"}\"\n" + values,
			"Lines 2 to 4 look like more of the header and were read as rows: they have"},
		"one column":  {"Name,Age\nYour name,Your age in years\nA,1\nB,2\nC,3\nD,4\n", "Line 2 looks like a second header"},
		"answers":     {"Respondent,Age,Why\n,Response,Open\n118,30,a\n119,40,b\n120,50,c\n121,60,d\n", "Line 2 looks like a second header"},
		"a word":      {"Name,Age\nA,unknown\nB,2\nC,3\nD,4\nE,5\n", "Some values among numbers"},
		"all of text": {"Name,City\nYour name,Your city\nA,B\nC,D\n", ""},
	}
	for name, test := range tests {
		r := analyse(t, test.text, Options{})
		got := strings.Join(r.Warnings, " ")
		if !strings.HasPrefix(got, test.warn) || test.warn == "" && got != "" || strings.HasPrefix(test.warn, "Line") && strings.Contains(got, "nulls") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestMostRowsBadIsSaid has a table that becomes wider far below.
func TestMostRowsBadIsSaid(t *testing.T) {
	r := analyse(t, "a,b\n"+strings.Repeat("1,2\n", 20_000)+strings.Repeat("1,2,3\n", 90_000), Options{})
	want := "Most rows are bad: 90000 of 110000 are in no figure, the first at line 20002: 3 fields where the table has 2 columns. If the table begins there, give skip_lines 20001"
	if r.BadRows != 90_000 || len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], want) {
		t.Errorf("%d bad, %q", r.BadRows, r.Warnings)
	}
	if r = analyse(t, "a,b\n1,2\n1,2\n1,2,3\n", Options{}); len(r.Warnings) > 0 {
		t.Errorf("%q", r.Warnings)
	}
}
