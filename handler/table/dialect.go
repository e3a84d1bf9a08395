package table

// Dialect is how a table is written. Every field can be given as an option of that name;
// what is given is not detected.
type Dialect struct {
	Delimiter string   `json:"delimiter"`  // between fields; "" = one column, nothing separates
	Quote     string   `json:"quote"`      // around fields; "" = none
	Escape    string   `json:"escape"`     // before a quote in a quoted field; the quote itself = it is doubled
	Comment   string   `json:"comment"`    // begins a line that is no row; "" = none
	SkipLines int      `json:"skip_lines"` // above the table
	HasHeader bool     `json:"has_header"`
	Encoding  string   `json:"encoding"` // a name of the WHATWG Encoding Standard
	Decimal   string   `json:"decimal"`
	Thousands string   `json:"thousands"`  // "" = none
	Nulls     []string `json:"nulls"`      // values that stand for nothing, beside empty ones
	DateOrder *string  `json:"date_order"` // DMY, MDY or YMD; null without dates of numbers only
}

// Options say how to read. The zero value detects everything.
type Options struct {
	Delimiter *string  // one character; "" = one column
	Quote     *string  // an ASCII character; "" = none
	Escape    *string  // an ASCII character; that of Quote or "" = quotes are doubled
	Comment   *string  // an ASCII character; "" = none
	SkipLines *int     // lines to pass over before the table
	Header    *bool    // whether the first row names the columns
	Encoding  string   // a label of the WHATWG Encoding Standard; "" = detect
	Decimal   string   // "." or ","; "" = detect
	Thousands *string  // "", ".", ",", " ", "'" or "_"
	Nulls     []string // instead of DefaultNulls; nil = those
	DateOrder string   // "DMY", "MDY" or "YMD"; "" = detect

	unpackFree int64 // for tests: instead of the constant; 0 = that

	Chunk int // bytes to read at a time, 4 KiB … 256 KiB; 0 = 256 KiB
	// Progress is called after every read with the bytes read from the source and the
	// rows done so far. Its error ends the work and is returned. nil = not.
	Progress func(bytes, rows int64) error
}

// marks are the characters that split text into rows and fields.
type marks struct {
	delimiter string
	quote     byte // 0 = none
	escape    byte // 0 = quotes are doubled
	comment   byte // 0 = none
	lfOnly    bool // a CR alone ends no row
}

// blanksDelimit reports whether a run of blanks is one delimiter.
func (m marks) blanksDelimit() bool { return m.delimiter == " " }

// escapeText is the escape as Dialect has it.
func (m marks) escapeText() string {
	switch {
	case m.quote == 0:
		return ""
	case m.escape == 0:
		return string(rune(m.quote))
	}
	return string(rune(m.escape))
}

// text is a mark as Dialect has it.
func text(mark byte) string {
	if mark == 0 {
		return ""
	}
	return string(rune(mark))
}

// mark is a mark as options have it.
func mark(text string) byte {
	if text == "" {
		return 0
	}
	return text[0]
}
