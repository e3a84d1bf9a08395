package table

import (
	"strings"
	"testing"
)

// TestFormatsOfNumbersInTables has tables whose numbers show how they are written, or
// leave it open, which a warning says then.
func TestFormatsOfNumbersInTables(t *testing.T) {
	tests := map[string]struct {
		text               string
		column             int
		kind               string
		min, max           string
		decimal, thousands string
		warn               string // what the warnings have in them, "" = there is none
	}{
		"thousands or fractions": {"Ort;Einwohner\nBonn;331.885\nKöln;1.084\nUlm;128.928\n", 1, "number", "1.084", "331.885", ".", "", "in Einwohner (such as 331.885)"},
		"beside German dates":    {"Tag;Menge\n31.12.2024;1.250\n30.12.2024;12.500\n29.12.2024;900\n", 1, "number", "1.25", "900", ".", "", "in Menge (such as 1.250)"},
		"a point proved":         {"a;b\n1.250;0.5\n12.500;1.5\n", 0, "number", "1.25", "12.5", ".", "", ""},
		"not all of one length":  {"a;b\n1.250;x\n12.5;y\n", 0, "number", "1.25", "12.5", ".", "", ""},
		"long whole numbers":     {"a;b\n1.250;x\n1250;y\n", 0, "number", "1.25", "1250", ".", "", ""},
		"below one":              {"a;b\n0.250;x\n1.250;y\n", 0, "number", "0.25", "1.25", ".", "", ""},
		"comma proved by prices": {"Artikel;Menge;Preis\nSchraube;1.250;0,05\nMutter;12.500;0,03\nBolzen;900;1,20\n", 1, "integer", "900", "12500", ",", ".", ""},
		"point proved by prices": {"item;count;price\na;1,250;0.05\nb;12,500;0.03\nc;900;1.20\n", 1, "integer", "900", "12500", ".", ",", ""},
		"both marks":             {"a;b;c\n1.250;0,5;0.5\n12.500;1,5;1.5\n", 0, "number", "1.25", "12.5", ".", "", "b (such as 0,5)"},
		"a word among numbers":   {"Name;Betrag\nA;1.234,50\nB;offen\nC;2.000,75\nD;15,00\n", 1, "string", `"1.234,50"`, `"offen"`, ",", ".", "in Betrag (such as offen)"},
		"words among numbers":    {"Name;Betrag\nA;1.234,50\nB;offen\nC;unklar\nD;15,00\n", 1, "string", `"1.234,50"`, `"unklar"`, ",", ".", "in Betrag (such as offen)"},
		"minus behind":           {"Konto;Betrag\n1;1.234,50-\n2;2.000,75\n3;15,00\n", 1, "number", "-1234.5", "2000.75", ",", ".", ""},
		"minus behind integers":  {"Konto;Betrag\na;12-\nb;20\nc;15\n", 1, "integer", "-12", "20", ".", "", ""},
		"brackets":               {"item,amount\na,\"(1,234.50)\"\nb,\"2,000.00\"\nc,15.00\n", 1, "number", "-1234.5", "2000", ".", ",", ""},
		"brackets alone":         {"item,note\na,(1)\nb,(2)\nc,(3)\n", 1, "string", `"(1)"`, `"(3)"`, ".", "", ""},
		"most in brackets":       {"item,cost\na,(1)\nb,2\nc,(3)\n", 1, "integer", "-3", "2", ".", "", ""},
	}
	for name, test := range tests {
		r := analyse(t, test.text, Options{})
		c := r.Columns[test.column]
		if c.Type != test.kind || asJSON(c.Min) != test.min || asJSON(c.Max) != test.max || r.Dialect.Decimal != test.decimal || r.Dialect.Thousands != test.thousands {
			t.Errorf("%s: %s from %v to %v, decimal %q, thousands %q", name, c.Type, c.Min, c.Max, r.Dialect.Decimal, r.Dialect.Thousands)
		}
		if got := strings.Join(r.Warnings, " "); !strings.Contains(got, test.warn) || test.warn == "" && got != "" {
			t.Errorf("%s: warnings %q", name, got)
		}
	}
}

// TestNegativeNumbersBeyondTheSample has the only one in brackets far below.
func TestNegativeNumbersBeyondTheSample(t *testing.T) {
	r := analyse(t, "name,amount\n"+strings.Repeat("a,5\n", 50_000)+"b,(7)\n", Options{})
	if c := r.Columns[1]; c.Type != "integer" || asJSON(c.Min) != "-7" || asJSON(c.Sum) != "249993" {
		t.Errorf("%s from %v, sum %v", c.Type, c.Min, c.Sum)
	}
}
