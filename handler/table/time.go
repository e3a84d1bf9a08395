package table

import (
	"bytes"
	"time"
)

// timeFormats are the ways to write a moment. A column is of times when there is one
// way that reads all of its values; of several the first is taken. A moment without a
// zone is taken as UTC. They return microseconds since 1970.
var timeFormats = [...]func(b []byte) (int64, bool){
	parseISO,
	parseNamed,
	func(b []byte) (int64, bool) { return parseSlashed(b, true) },
	func(b []byte) (int64, bool) { return parseSlashed(b, false) },
}

const (
	daySeconds = 86_400
	million    = 1_000_000
)

// parseISO reads 2006-01-02 and 2006/01/02, with or without a clock, and 2006-01.
func parseISO(b []byte) (int64, bool) {
	if len(b) < 7 || b[4] != '-' && b[4] != '/' {
		return 0, false
	}
	year, ok1 := digits(b[:4])
	month, ok2 := digits(b[5:7])
	if !ok1 || !ok2 {
		return 0, false
	}
	if len(b) == 7 {
		seconds, ok := dateSeconds(year, month, 1)
		return seconds * million, ok && b[4] == '-'
	}
	if len(b) < 10 || b[7] != b[4] {
		return 0, false
	}
	day, ok := digits(b[8:10])
	if !ok {
		return 0, false
	}
	seconds, ok := dateSeconds(year, month, day)
	if !ok || len(b) == 10 {
		return seconds * million, ok
	}
	if b[10] != 'T' && b[10] != 't' && b[10] != ' ' {
		return 0, false
	}
	clock, ok := parseClock(b[11:])
	return seconds*million + clock, ok
}

// parseSlashed reads 1/2/2006, 1-2-2006 and, day first only, 1.2.2006.
func parseSlashed(b []byte, monthFirst bool) (int64, bool) {
	if len(b) < 8 || b[0]-'0' > 9 {
		return 0, false
	}
	first, i, ok := shortNumber(b, 0)
	if !ok || i >= len(b) {
		return 0, false
	}
	separator := b[i]
	if separator != '/' && separator != '-' && (separator != '.' || monthFirst) {
		return 0, false
	}
	second, i, ok := shortNumber(b, i+1)
	if !ok || i+5 > len(b) || b[i] != separator {
		return 0, false
	}
	year, ok := digits(b[i+1 : i+5])
	if !ok {
		return 0, false
	}
	day, month := first, second
	if monthFirst {
		day, month = second, first
	}
	seconds, ok := dateSeconds(year, month, day)
	rest := b[i+5:]
	if !ok || len(rest) == 0 {
		return seconds * million, ok
	}
	if rest[0] != ' ' {
		return 0, false
	}
	clock, ok := parseClock(rest[1:])
	return seconds*million + clock, ok
}

// parseNamed reads "Jan 2 2006", "2 January 2006", "2-Jan-2006", "Mon, 02 Jan 2006 15:04:05 GMT".
func parseNamed(b []byte) (int64, bool) {
	if len(b) < 10 || len(b) > 40 {
		return 0, false
	}
	if comma := bytes.IndexByte(b, ','); comma >= 3 && isWeekday(b[:comma]) {
		b = trim(b[comma+1:])
	}
	month, day := 0, 0
	var ok bool
	i := 0
	for range 2 {
		if i < len(b) && b[i]-'0' <= 9 && day == 0 {
			if day, i, ok = shortNumber(b, i); !ok {
				return 0, false
			}
		} else if month == 0 {
			if month, i = monthName(b, i); month == 0 {
				return 0, false
			}
		}
		i = pastSeparator(b, i)
	}
	if day == 0 || month == 0 || i+4 > len(b) {
		return 0, false
	}
	year, ok := digits(b[i : i+4])
	if !ok {
		return 0, false
	}
	seconds, ok := dateSeconds(year, month, day)
	rest := b[i+4:]
	if !ok || len(rest) == 0 {
		return seconds * million, ok
	}
	if rest[0] == ',' {
		rest = rest[1:]
	}
	if len(rest) == 0 || rest[0] != ' ' {
		return 0, false
	}
	clock, ok := parseClock(rest[1:])
	return seconds*million + clock, ok
}

func pastSeparator(b []byte, i int) int {
	if i < len(b) && b[i] == ',' {
		i++
	}
	if i < len(b) && (b[i] == ' ' || b[i] == '-') {
		i++
	}
	return i
}

func isWeekday(b []byte) bool {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := d.String(); string(b) == name || string(b) == name[:3] {
			return true
		}
	}
	return false
}

// monthName reads a month's name, whole or its first three letters, and returns where it ends.
func monthName(b []byte, i int) (month, end int) {
	end = i
	for end < len(b) && (b[end]|0x20) >= 'a' && (b[end]|0x20) <= 'z' {
		end++
	}
	word := b[i:end]
	for m := time.January; m <= time.December; m++ {
		name := m.String()
		if bytes.EqualFold(word, []byte(name)) || bytes.EqualFold(word, []byte(name[:3])) {
			return int(m), end
		}
	}
	return 0, i
}

// parseClock reads 15:04, 15:04:05.000, 3:04 PM, each with or without a zone, and
// returns microseconds since midnight UTC.
func parseClock(b []byte) (int64, bool) {
	hour, i, ok := shortNumber(b, 0)
	if !ok || i+3 > len(b) || b[i] != ':' {
		return 0, false
	}
	minute, ok := digits(b[i+1 : i+3])
	if !ok || minute > 59 {
		return 0, false
	}
	i += 3
	second, micros := 0, 0
	if i+3 <= len(b) && b[i] == ':' {
		if second, ok = digits(b[i+1 : i+3]); !ok || second > 59 {
			return 0, false
		}
		if micros, i, ok = fraction(b, i+3); !ok {
			return 0, false
		}
	}
	rest := b[i:]
	if len(rest) > 0 && rest[0] == ' ' {
		rest = rest[1:]
	}
	if len(rest) == 2 && rest[1]|0x20 == 'm' && (rest[0]|0x20 == 'a' || rest[0]|0x20 == 'p') {
		if hour < 1 || hour > 12 {
			return 0, false
		}
		hour %= 12
		if rest[0]|0x20 == 'p' {
			hour += 12
		}
		rest = nil
	}
	zone, ok := parseZone(rest)
	if !ok || hour > 23 {
		return 0, false
	}
	return int64(hour*3600+minute*60+second-zone)*million + int64(micros), true
}

// fraction reads .123456789 and drops what is below a microsecond.
func fraction(b []byte, i int) (micros, end int, ok bool) {
	if i >= len(b) || b[i] != '.' && b[i] != ',' {
		return 0, i, true
	}
	scale := 100_000
	start := i + 1
	for i = start; i < len(b) && b[i]-'0' <= 9; i++ {
		micros += int(b[i]-'0') * scale
		scale /= 10
	}
	return micros, i, i > start && i-start <= 9
}

// parseZone reads nothing, Z, UTC, GMT, +01, +0100, +01:00 and returns seconds east of UTC.
func parseZone(b []byte) (int, bool) {
	switch string(b) {
	case "", "Z", "z", "UTC", "GMT":
		return 0, true
	}
	if len(b) < 3 || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	hours, ok := digits(b[1:3])
	rest := b[3:]
	if len(rest) > 0 && rest[0] == ':' {
		rest = rest[1:]
		ok = ok && len(rest) == 2
	}
	minutes := 0
	if len(rest) > 0 {
		var two bool
		minutes, two = digits(rest)
		ok = ok && two && len(rest) == 2
	}
	if !ok || hours > 14 || minutes > 59 {
		return 0, false
	}
	seconds := hours*3600 + minutes*60
	if b[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
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
