package table

import (
	"math"
	"strconv"
	"strings"
)

// parsed is a number as it was read.
type parsed struct {
	f     float64
	i     int64 // with whole
	whole bool  // written as an integer that fits 64 bits
	big   bool  // written as an integer that does not

	decimals uint8 // digits behind the point; manyDecimals when they were not counted
}

const manyDecimals = 255

// exactPowers of ten are those that float64 holds exactly.
var exactPowers = [23]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// phoneDigits is how many digits make an integer with a plus a phone number.
const phoneDigits = 7

// parseNumber reads a decimal number: sign, digits, fraction, exponent. What starts with
// needless zeros (00501) is no number but a code, and a long integer with a plus is a
// phone number; infinities are none either.
//
// A number of at most 15 digits and a small exponent is rounded right by one operation on
// two exact float64 (Clinger, "How to read floating point numbers accurately", 1990);
// others go to strconv.
func parseNumber(b []byte) (parsed, bool) {
	if len(b) == 0 || b[0] > '9' {
		return parsed{}, false
	}
	i, negative := 0, b[0] == '-'
	if negative || b[0] == '+' {
		i++
	}
	start := i
	var mantissa uint64
	for i < len(b) && b[i]-'0' <= 9 {
		mantissa = mantissa*10 + uint64(b[i]-'0')
		i++
	}
	digits := i - start
	if digits > 1 && b[start] == '0' || digits >= phoneDigits && b[0] == '+' && i == len(b) {
		return parsed{}, false
	}
	if i == len(b) && 0 < digits && digits <= 18 {
		n := int64(mantissa)
		if negative {
			n = -n
		}
		return parsed{f: float64(n), i: n, whole: true}, true
	}
	return parseFraction(b, i, digits, mantissa, negative)
}

// parseFraction goes on after the digits before the point.
func parseFraction(b []byte, i, digits int, mantissa uint64, negative bool) (parsed, bool) {
	exponent := 0
	if i < len(b) && b[i] == '.' {
		i++
		start := i
		for i < len(b) && b[i]-'0' <= 9 {
			mantissa = mantissa*10 + uint64(b[i]-'0')
			i++
		}
		digits += i - start
		exponent = start - i
	} else if i == len(b) {
		return parseLong(b)
	}
	if digits == 0 {
		return parsed{}, false
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		e, ok := parseExponent(b[i+1:])
		if !ok {
			return parsed{}, false
		}
		exponent += e
		i = len(b)
	}
	if i < len(b) {
		return parsed{}, false
	}
	if digits > 15 || exponent < -22 || exponent > 22 {
		return parseLong(b)
	}
	f := float64(mantissa)
	if exponent < 0 {
		f /= exactPowers[-exponent]
	} else {
		f *= exactPowers[exponent]
	}
	if negative && f != 0 {
		f = -f
	}
	return parsed{f: f, decimals: uint8(max(-exponent, 0))}, true
}

func parseExponent(b []byte) (int, bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative || len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	e := 0
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		e = min(e*10+int(c-'0'), 1_000_000)
	}
	if negative {
		e = -e
	}
	return e, true
}

// parseLong reads what is beyond the short ways. Its syntax has been checked, but that
// there are digits.
func parseLong(b []byte) (parsed, bool) {
	text := string(b)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return parsed{f: float64(n), i: n, whole: true}, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return parsed{}, false
	}
	return parsed{f: f + 0, big: !strings.ContainsAny(text, ".eE"), decimals: manyDecimals}, true
}
