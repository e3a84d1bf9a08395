package table

import "testing"

func TestTheDialectIsDetected(t *testing.T) {
	tests := []struct {
		text      string
		delimiter string
		width     int
		header    bool
	}{
		{"a,b\n1,2\n", ",", 2, true},
		{"a;b\n1,5;2,5\n3,5;4,5\n", ";", 2, true},
		{"1,5;2,5\n3,5;4,5\n", ";", 2, false},
		{"a\tb\nx, y\tz, w\n", "\t", 2, true},
		{"a|b|c\n1|2|3\n", "|", 3, true},
		{"\"a;b\",c\n\"d;e\",f\n", ",", 2, true},
		{"name,list\nx,1;2\ny,3;4\n", ",", 2, true},
		{"word\nfirst, second\nthird\n", "", 1, true},
		{"a,b;c|d\te\n", "\t", 2, true},
		{"", "", 0, false},
		{"1,2\n3,4\n", ",", 2, false},
		{"x,y\nz,x\n", ",", 2, true},
		{"red,x\nblue,y\nred,z\n", ",", 2, false}, // a name that comes again is a value
		{"name,yes\nAnna,no\n", ",", 2, false},
		{"No,Name\n1,Anna\n", ",", 2, true},
		{"id,2020,2021,2022\nx,1,2,3\n", ",", 4, true},
		{"id,2022,2021,2020\nx,1,2,3\n", ",", 4, true},
		{"id,2020,2022,2021\nx,1,2,3\n", ",", 4, true},
		{"id,2020\nx,1\n", ",", 2, true},
		{"x,1990\ny,1995\nz,1993\n", ",", 2, false}, // a year over years is a value
		{",b\n0,1\n", ",", 2, true},
		{",\n,\n", ",", 2, false},
		{"name,amount\nname,1\nx,2\n", ",", 2, true}, // a column of numbers decides
		{"name,amount\nname,1\nx,2\ny,three\nz,four\n", ",", 2, false},
		{"My report\na,b\n1,2\n3,4\n5,6\n7,8\n9,0\n", ",", 2, true},
		{"a,b,c\n1,2\n1,2\n1,2\n", ",", 3, true},
		{"a,b,c,d\n1,2\n3,4\n", ",", 4, true},
		{"2024-01-31 10:00 INFO up\n2024-01-31 10:01 WARN low\n", "", 1, false},
		{"10.0.0.1:80\n10.0.0.2:443\n", "", 1, false},
		{"12:30,13:45\n08:00,09:15\n", ",", 2, false},
		{"start,end\n12:30,13:45\n", ",", 2, true},
		{"# exported, yesterday\n1,2\n3,4\n", ",", 2, false},
		{"# Name,Count\nA,1\nB,2\n", ",", 2, true},
		{"#,name\n1,x\n2,y\n", ",", 2, true},
	}
	for _, test := range tests {
		got := detect([]byte(test.text), true, Options{})
		if got.delimiter != test.delimiter || got.width != test.width || got.header != test.header {
			t.Errorf("%q: %q, width %d, header %v; want %q, %d, %v", test.text,
				got.delimiter, got.width, got.header, test.delimiter, test.width, test.header)
		}
	}
}

func TestACutSampleEndsWithItsLastWholeRow(t *testing.T) {
	d := detect([]byte("a,b\n1,2\n\"cut,"), false, Options{})
	if d.delimiter != "," || d.width != 2 || !d.header {
		t.Errorf("%+v", d)
	}
}
