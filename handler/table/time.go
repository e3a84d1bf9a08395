package table

import (
	"bytes"
	"time"
)

// timeFormats are the ways to write a moment. A column is of times when there is one
// way that reads all of its values. A moment without a zone is taken as UTC. They return
// microseconds since 1970.
var timeFormats = [...]func(b []byte) (int64, bool){
	wayISO:   parseISO,
	wayNamed: parseNamed,
	wayMDY:   func(b []byte) (int64, bool) { return parseNumeric(b, wayMDY) },
	wayDMY:   func(b []byte) (int64, bool) { return parseNumeric(b, wayDMY) },
	wayYMD:   func(b []byte) (int64, bool) { return parseNumeric(b, wayYMD) },
}

// Places in timeFormats, of several that read a column the first is taken, but see
// orderOf.
const (
	wayISO = iota
	wayNamed
	wayMDY
	wayDMY
	wayYMD // with a year of two digits
)

// dateOrders are the names of the ways that differ in order only.
var dateOrders = map[int]string{wayMDY: "MDY", wayDMY: "DMY", wayYMD: "YMD"}

const (
	daySeconds = 86_400
	million    = 1_000_000
	pivot      = 69 // a year of two digits from here on is of the 20th century, as in POSIX
)

// parseISO reads 2006-01-02, 2006/1/2 and 2006.01.02, with or without a clock, 2006-01
// and 20060102T150405Z.
func parseISO(b []byte) (int64, bool) {
	if len(b) < 7 {
		return 0, false
	}
	year, ok := digits(b[:4])
	if !ok {
		return 0, false
	}
	separator := b[4]
	if separator != '-' && separator != '/' && separator != '.' {
		return parseBasic(b)
	}
	month, i, ok := shortNumber(b, 5)
	if !ok {
		return 0, false
	}
	if i == len(b) {
		seconds, ok := dateSeconds(year, month, 1)
		return seconds * million, ok && separator == '-' && len(b) == 7
	}
	day, end, ok := shortNumber(b, i+1)
	if !ok || b[i] != separator || separator == '.' && end != 10 {
		return 0, false
	}
	return withClock(year, month, day, b[end:])
}

// parseBasic reads 20060102T150405Z.
func parseBasic(b []byte) (int64, bool) {
	if len(b) < 15 || b[8] != 'T' {
		return 0, false
	}
	date, ok := digits(b[:8])
	clock, ok2 := digits(b[9:15])
	zone, ok3 := parseZone(b[15:])
	hour, minute, second := clock/10_000, clock/100%100, clock%100
	if !ok || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	seconds, ok := dateSeconds(date/10_000, date/100%100, date%100)
	return (seconds + int64(hour*3600+minute*60+second-zone)) * million, ok
}

// parseNumeric reads 1/2/2006, 1-2-2006 and, day first only, 1.2.2006, and with a year of two
// digits 1/2/06, 01-02-06 and 01.02.06. But for slashes, that needs two digits for day and
// month too: 1.10.12 is a version.
func parseNumeric(b []byte, way int) (int64, bool) {
	if len(b) < 6 || b[0]-'0' > 9 {
		return 0, false
	}
	first, i, ok := shortNumber(b, 0)
	if !ok || i >= len(b) {
		return 0, false
	}
	separator, start := b[i], i
	if separator != '/' && separator != '-' && (separator != '.' || way != wayDMY) {
		return 0, false
	}
	second, i, ok := shortNumber(b, i+1)
	if !ok || i >= len(b) || b[i] != separator {
		return 0, false
	}
	end := i + 1
	for end < len(b) && b[end]-'0' <= 9 {
		end++
	}
	third, ok := digits(b[i+1 : end])
	if !ok {
		return 0, false
	}
	n := end - i - 1 // digits of the last number
	year, month, day := third, pick(way, first, second), pick(way, second, first)
	switch {
	case way == wayYMD && start == 2 && n <= 2:
		year, month, day = century(first), second, third
	case way != wayYMD && n == 2:
		year = century(third)
	case way != wayYMD && n == 4:
		return withClock(year, month, day, b[end:])
	default:
		return 0, false
	}
	if separator != '/' && (start != 2 || i != 5 || n != 2) {
		return 0, false
	}
	return withClock(year, month, day, b[end:])
}

// pick returns the first where the month comes first.
func pick(way, monthFirst, dayFirst int) int {
	if way == wayMDY {
		return monthFirst
	}
	return dayFirst
}

func century(year int) int {
	if year < pivot {
		return 2000 + year
	}
	return 1900 + year
}

// withClock adds what follows a date, which is nothing or a clock, to the date.
func withClock(year, month, day int, rest []byte) (int64, bool) {
	seconds, ok := dateSeconds(year, month, day)
	if !ok || len(rest) == 0 {
		return seconds * million, ok
	}
	if rest[0] == ',' {
		rest = rest[1:]
	}
	if len(rest) == 0 || rest[0] != ' ' && rest[0] != 'T' && rest[0] != 't' {
		return 0, false
	}
	clock, ok := parseClock(rest[1:])
	return seconds*million + clock, ok
}

// parseNamed reads "Jan 2 2006", "2nd January 2006", "2-Jan-06", "Mon, 02 Jan 2006 15:04:05 GMT"
// and "Mon Jan 2 15:04:05 2006".
func parseNamed(b []byte) (int64, bool) {
	const longest = 80 // the name of a zone included
	if len(b) < 8 || len(b) > longest {
		return 0, false
	}
	i := pastWeekday(b)
	month, day := 0, 0
	var ok bool
	for range 2 {
		if i < len(b) && b[i]-'0' <= 9 && day == 0 {
			if day, i, ok = shortNumber(b, i); !ok {
				return 0, false
			}
			i = pastOrdinal(b, i)
			if month > 0 && pastSeparator(b, i) == i {
				return 0, false // Jan 2026 has no day
			}
		} else if month == 0 {
			if month, i = monthName(b, i); month == 0 {
				return 0, false
			}
		}
		i = pastSeparator(b, i)
	}
	if day == 0 || month == 0 {
		return 0, false
	}
	if i+13 == len(b) && b[i+2] == ':' && b[i+8] == ' ' { // the clock comes before the year
		year, ok := digits(b[i+9:])
		clock, ok2 := parseClock(b[i : i+8])
		seconds, ok3 := dateSeconds(year, month, day)
		return seconds*million + clock, ok && ok2 && ok3
	}
	end := i
	for end < len(b) && b[end]-'0' <= 9 {
		end++
	}
	year, ok := digits(b[i:end])
	if end-i == 2 {
		year = century(year)
	} else if end-i != 4 {
		ok = false
	}
	if !ok {
		return 0, false
	}
	return withClock(year, month, day, b[end:])
}

// pastWeekday returns where the name of a weekday ends, 0 without one.
func pastWeekday(b []byte) int {
	end := 0
	for end < len(b) && (b[end]|0x20) >= 'a' && (b[end]|0x20) <= 'z' {
		end++
	}
	if end < 3 {
		return 0
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := d.String(); string(b[:end]) == name || string(b[:end]) == name[:3] {
			for end < len(b) && (b[end] == ',' || b[end] == ' ') {
				end++
			}
			return end
		}
	}
	return 0
}

// pastOrdinal passes over the st of 1st.
func pastOrdinal(b []byte, i int) int {
	if i+2 < len(b) {
		switch string(b[i : i+2]) {
		case "st", "nd", "rd", "th":
			return i + 2
		}
	}
	return i
}

func pastSeparator(b []byte, i int) int {
	if i < len(b) && (b[i] == ',' || b[i] == '.') {
		i++
	}
	if i < len(b) && (b[i] == ' ' || b[i] == '-' || b[i] == '/') {
		i++
	}
	return i
}

// monthName reads a month's name, whole or its first three letters, and returns where it ends.
func monthName(b []byte, i int) (month, end int) {
	end = i
	for end < len(b) && (b[end]|0x20) >= 'a' && (b[end]|0x20) <= 'z' {
		end++
	}
	word := b[i:end]
	if len(word) < 3 {
		return 0, i
	}
	for m := time.January; m <= time.December; m++ {
		name := m.String()
		if bytes.EqualFold(word, []byte(name)) || bytes.EqualFold(word, []byte(name[:3])) {
			return int(m), end
		}
	}
	if bytes.EqualFold(word, []byte("sept")) {
		return int(time.September), end
	}
	return 0, i
}

// digits reads a number that is digits and nothing else.
func digits(b []byte) (n int, ok bool) {
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(b) > 0
}

// shortNumber reads one or two digits at i and returns where they end.
func shortNumber(b []byte, i int) (n, end int, ok bool) {
	end = i
	for end < len(b) && end < i+2 && b[end]-'0' <= 9 {
		n = n*10 + int(b[end]-'0')
		end++
	}
	return n, end, end > i
}

// dateSeconds is the seconds from 1970 to the start of that day, for years 1 … 9999. The
// count of days is Howard Hinnant's days_from_civil ("chrono-Compatible Low-Level Date
// Algorithms", 2013).
func dateSeconds(year, month, day int) (int64, bool) {
	if year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	y, m := year, month+9
	if month > 2 {
		m = month - 3
	} else {
		y--
	}
	era := y / 400
	yearOfEra := y % 400
	dayOfYear := (153*m+2)/5 + day - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return int64(era*146_097+dayOfEra-719_468) * daySeconds, true
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// showTime writes microseconds since 1970 as RFC 3339.
func showTime(micros int64) string {
	return time.UnixMicro(micros).UTC().Format(time.RFC3339Nano)
}
