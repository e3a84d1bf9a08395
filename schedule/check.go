package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Check lists everything that is wrong with a Spec that somebody asks for now. It is stricter than
// Parse, which also reads what earlier versions have accepted and a log holds.
func Check(s Spec) (all []*Error) {
	if wrong := checkZone(s.Zone); wrong != nil {
		all = append(all, wrong)
		s.Zone = ""
	}
	if wrong := checkFields(s.Cron); wrong != nil {
		all = append(all, wrong)
		s.Cron = "* * * * *"
	}
	for {
		_, err := Parse(s)
		wrong, ok := errors.AsType[*Error](err)
		if !ok {
			return all
		}
		all = append(all, wrong)
		if !s.withoutFault(wrong.Field) {
			return all
		}
	}
}

// withoutFault replaces the field that is wrong with a value that is right, so that the others can
// be checked. It reports whether there is one.
func (s *Spec) withoutFault(field string) bool {
	switch field {
	case "cron":
		s.Cron, s.Every = "* * * * *", 0
	case "every_seconds":
		s.Every = MinEvery
		if s.Cron != "" {
			s.Every = 0
		}
	case "timezone":
		s.Zone = ""
	case "jitter_seconds":
		s.Jitter = 0
	case "ends_at":
		s.EndsAt = time.Time{}
	default:
		return false
	}
	return true
}

// checkZone refuses files of a zone database that are no zones, or whose zone is another on each machine.
func checkZone(zone string) *Error {
	lower := strings.ToLower(zone)
	switch {
	case lower == "local", lower == "localtime", lower == "posixrules", lower == "factory",
		strings.HasPrefix(lower, "posix/"), strings.HasPrefix(lower, "right/"):
		return &Error{"timezone", fmt.Sprintf("must be an IANA time zone such as Europe/Berlin; %q stands for no place", zone)}
	}
	return nil
}

// checkFields refuses what the parser reads in an expression although it is likely a mistake: items
// of a list that are empty, and ranges that end before they begin.
func checkFields(expression string) *Error {
	if strings.HasPrefix(expression, "@") || len(expression) > maxExpression {
		return nil // Parse checks them
	}
	for _, field := range strings.Fields(expression) {
		for item := range strings.SplitSeq(field, ",") {
			if item == "" {
				return &Error{"cron", fmt.Sprintf("has an empty item in the list %q; write it without the extra comma", field)}
			}
			first, last, ok := backwards(item)
			if !ok {
				continue
			}
			return &Error{"cron", fmt.Sprintf("has the range %q, which ends before it begins; write two ranges, from %s to the last value and from the first value to %s", item, first, last)}
		}
	}
	return nil
}

// backwards reports whether the item is a range that ends before it begins. SUN is also the end of a week.
func backwards(item string) (first, last string, yes bool) {
	span, _, _ := strings.Cut(item, "/")
	first, last, ok := strings.Cut(span, "-")
	if !ok || strings.EqualFold(last, "SUN") {
		return "", "", false
	}
	from, known := number(first)
	to, alsoKnown := number(last)
	return first, last, known && alsoKnown && from > to
}

// number is the value of a number or of the name of a month or weekday.
func number(text string) (n int, known bool) {
	for _, names := range []string{"JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", "SUNMONTUEWEDTHUFRISAT"} {
		if i := strings.Index(names, strings.ToUpper(text)); len(text) == 3 && i >= 0 && i%3 == 0 {
			return i / 3, true
		}
	}
	if len(text) == 0 || len(text) > 9 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}
