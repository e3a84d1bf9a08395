package schedule

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
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

// checkFields refuses what the parser does not read or reads although it is likely a mistake, and says
// what to write: items of a list that are empty or no values, and ranges that end before they begin.
func checkFields(expression string) *Error {
	switch {
	case expression == "", strings.Contains(expression, "TZ="), len(expression) > maxExpression, strings.HasPrefix(expression, "@every "):
		return nil // Parse checks them
	case expression[0] == '@':
		if !slices.Contains(descriptors, expression) {
			return &Error{"cron", fmt.Sprintf("must be one of %s and @every 90s, or have fields; %q is none", strings.Join(descriptors, ", "), expression)}
		}
		return nil
	}
	fields := strings.Fields(expression)
	if len(fields) < 5 || len(fields) > 6 {
		return &Error{"cron", fmt.Sprintf("must have 5 fields (minute, hour, day of month, month, day of week), or 6 with seconds first, not %d; or be @hourly, @daily, @weekly, @monthly, @yearly or @every", len(fields))}
	}
	for i, field := range fields {
		kind := i + 6 - len(fields) // seconds are 0
		for item := range strings.SplitSeq(field, ",") {
			if item == "" {
				return &Error{"cron", fmt.Sprintf("has an empty item in the list %q; write it without the extra comma", field)}
			}
			if !itemOf(kind).MatchString(item) {
				return &Error{"cron", fmt.Sprintf("has %q for the %s; write a number, a range such as 1-5, a step such as */15%s, or *", item, fieldNames[kind], fieldForms[kind])}
			}
			if _, step, ok := strings.Cut(item, "/"); ok && strings.Trim(step, "0") == "" {
				return &Error{"cron", fmt.Sprintf("has a step of 0 in %q; write 1 or more", item)}
			}
			if n, ok := beyond(item, kind); ok {
				return &Error{"cron", fmt.Sprintf("has %d for the %s; write numbers from %d to %d", n, fieldNames[kind], fieldRanges[kind][0], fieldRanges[kind][1])}
			}
			if first, last, ok := backwards(item); ok {
				return &Error{"cron", fmt.Sprintf("has the range %q, which ends before it begins; write two ranges, from %s to the last value and from the first value to %s", item, first, last)}
			}
		}
	}
	return nil
}

var descriptors = []string{"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}

// Fields of an expression, the seconds first, and what some have beside numbers.
var (
	fieldNames = []string{"seconds", "minutes", "hours", "day of month", "month", "day of week"}
	fieldForms = []string{"", "", "", ", L for the last day, 15W for the weekday nearest to the 15th", ", a name such as JAN", ", a name such as MON, MON#2 for the second Monday of a month, FRI#L for the last Friday"}
)

// fieldRanges are the least and the greatest number of each field.
var fieldRanges = [][2]int{{0, 59}, {0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}}

const (
	months   = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
	weekdays = "SUN|MON|TUE|WED|THU|FRI|SAT"
)

// itemOf matches an item of the list of a field, whatever its numbers are.
func itemOf(kind int) *regexp.Regexp { return items[max(kind-2, 0)] }

// items are those of times, of days of a month, of months and of weekdays.
var items = []*regexp.Regexp{item("", ""), item("", `|L(-\d{1,9})?|LW|\d{1,9}W`), item("|"+months, ""), item("|"+weekdays, `|(\d{1,9}|`+weekdays+`)#(\d{1,9}|L)`)}

func item(names, more string) *regexp.Regexp {
	value := `(\d{1,9}` + names + `)`
	return regexp.MustCompile(`(?i)^(([*?]|` + value + `(-` + value + `)?)(/\d{1,9})?` + more + `)$`)
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

// beyond finds the number of an item that its field cannot have.
func beyond(item string, kind int) (n int, yes bool) {
	span, _, _ := strings.Cut(item, "/")
	span, _, _ = strings.Cut(span, "#")
	for value := range strings.SplitSeq(strings.TrimRight(span, "Ww"), "-") {
		if n, err := strconv.Atoi(value); err == nil && (n < fieldRanges[kind][0] || n > fieldRanges[kind][1]) {
			return n, true
		}
	}
	return 0, false
}

// number is the value of a number or of the name of a month or weekday.
func number(text string) (n int, known bool) {
	for _, names := range []string{months, weekdays} {
		if i := slices.Index(strings.Split(names, "|"), strings.ToUpper(text)); i >= 0 {
			return i, true
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
