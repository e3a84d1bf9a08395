package table

import "bytes"

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

// parseZone reads nothing, Z, UTC, GMT, +01, +0100, +01:00, GMT+0100 and returns seconds
// east of UTC. A name in brackets after that, as Java and JavaScript write it, is passed
// over. Abbreviations such as CST mean several zones and are not read.
func parseZone(b []byte) (int, bool) {
	if at := bytes.IndexAny(b, "[("); at > 0 && (b[len(b)-1] == ']' || b[len(b)-1] == ')') {
		b = trim(b[:at])
	}
	if bytes.HasPrefix(b, []byte("UTC")) || bytes.HasPrefix(b, []byte("GMT")) {
		b = b[3:]
	}
	switch string(b) {
	case "", "Z", "z":
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
