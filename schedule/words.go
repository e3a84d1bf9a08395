package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Words describes when the calendar is due, in one English phrase: "at 02:30 on Monday to
// Friday, Europe/Berlin time". What has no short phrase is named by its field: "at minute
// 7-19/3 of every hour".
func (c *Calendar) Words() string {
	if every := c.spec.Every; every > 0 {
		return "every " + interval(every)
	}
	text := c.cronWords()
	if c.zone == time.UTC {
		return text + ", UTC"
	}
	return text + ", " + c.zone.String() + " time"
}

func (c *Calendar) cronWords() string {
	descriptors := map[string]string{
		"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
		"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
	}
	expression := strings.ToUpper(c.spec.Cron)
	if fields, ok := descriptors[strings.ToLower(expression)]; ok {
		expression = fields
	}
	f := strings.Fields(expression)
	second := "0"
	if len(f) == 6 {
		second, f = f[0], f[1:]
	}
	words := timeWords(second, f[0], f[1])
	if days := dayWords(f[2], f[4]); days != "" {
		words += " " + days
	} else if isNumbers(f[1]) && f[3] == "*" {
		words += " every day"
	}
	if !anyValue(f[3]) {
		words += " in " + listed(f[3], month)
	}
	return words
}

// anyValue reports whether a field matches all values.
func anyValue(field string) bool { return field == "*" || field == "?" || field == "*/1" }

// isNumbers reports whether a field is a number or a list of a few.
func isNumbers(field string) bool {
	parts := strings.Split(field, ",")
	for _, p := range parts {
		if _, err := strconv.Atoi(p); err != nil {
			return false
		}
	}
	return len(parts) <= 4
}

func timeWords(second, minute, hour string) string {
	switch {
	case isNumbers(second) && isNumbers(minute) && isNumbers(hour) && !strings.Contains(second, ","):
		return "at " + and(clockTimes(second, minute, hour))
	case second == "0":
	case anyValue(second) && anyValue(minute) && anyValue(hour):
		return "every second"
	case anyValue(minute) && anyValue(hour) && isStep(second):
		n, _ := step(second)
		return fmt.Sprintf("every %d seconds", n)
	default:
		return "at " + part("second", second) + " of " + timeWordsOf(minute, hour)
	}
	switch n, stepped := step(minute); {
	case anyValue(minute) && anyValue(hour):
		return "every minute"
	case stepped && anyValue(hour):
		return fmt.Sprintf("every %d minutes", n)
	case minute == "0" && anyValue(hour):
		return "every hour"
	}
	if n, stepped := step(hour); stepped && minute == "0" {
		return fmt.Sprintf("every %d hours", n)
	}
	return "at " + timeWordsOf(minute, hour)
}

// timeWordsOf names minutes and hours by their fields.
func timeWordsOf(minute, hour string) string {
	return part("minute", minute) + " of " + part("hour", hour)
}

// clockTimes lists the times on a clock, "02:30".
func clockTimes(second, minute, hour string) (times []string) {
	s, _ := strconv.Atoi(second)
	for h := range strings.SplitSeq(hour, ",") {
		for m := range strings.SplitSeq(minute, ",") {
			hours, _ := strconv.Atoi(h)
			minutes, _ := strconv.Atoi(m)
			text := fmt.Sprintf("%02d:%02d", hours, minutes)
			if s != 0 {
				text += fmt.Sprintf(":%02d", s)
			}
			times = append(times, text)
		}
	}
	return times
}

// step returns n of a field "*/n".
func step(field string) (int, bool) {
	text, ok := strings.CutPrefix(field, "*/")
	n, err := strconv.Atoi(text)
	return n, ok && err == nil && n > 1
}

func isStep(field string) bool {
	_, ok := step(field)
	return ok
}

// part names a field: "every minute", "minute 5 and 35", "minute 0-30/10".
func part(unit, field string) string {
	if anyValue(field) {
		return "every " + unit
	}
	if n, ok := step(field); ok {
		return fmt.Sprintf("every %s that %d divides", unit, n)
	}
	return unit + " " + listed(field, func(s string) string { return s })
}

func dayWords(dayOfMonth, dayOfWeek string) string {
	var days []string
	if !anyValue(dayOfMonth) {
		days = append(days, "on "+listed(dayOfMonth, monthDay)+" of the month")
	}
	if !anyValue(dayOfWeek) {
		days = append(days, "on "+listed(dayOfWeek, weekDay))
	}
	return strings.Join(days, " or ")
}

func monthDay(s string) string {
	nearest, isNearest := strings.CutSuffix(s, "W")
	switch before, isBefore := strings.CutPrefix(s, "L-"); {
	case s == "L":
		return "the last day"
	case s == "LW":
		return "the last weekday"
	case isBefore:
		return "day " + before + " before the last"
	case isNearest:
		return "the weekday nearest to day " + nearest
	}
	return "day " + s
}

var ordinals = []string{"", "first", "second", "third", "fourth", "fifth"}

func weekDay(s string) string {
	name, which, nth := strings.Cut(s, "#")
	day := named(name, []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}, 0)
	if !nth {
		return day
	}
	if n, err := strconv.Atoi(which); err == nil && 1 <= n && n < len(ordinals) {
		return "the " + ordinals[n] + " " + day + " of the month"
	}
	return "the last " + day + " of the month"
}

func month(s string) string {
	return named(s, []string{"January", "February", "March", "April", "May", "June", "July", "August", "September",
		"October", "November", "December"}, 1)
}

// named returns the name that a number or the first three letters of it stand for.
func named(s string, names []string, first int) string {
	if n, err := strconv.Atoi(s); err == nil && first <= n && n-first < len(names) {
		return names[n-first]
	}
	for _, name := range names {
		if len(s) == 3 && strings.EqualFold(name[:3], s) {
			return name
		}
	}
	return s
}

// listed names each item of a list, and both ends of its ranges.
func listed(field string, name func(string) string) string {
	var items []string
	for item := range strings.SplitSeq(field, ",") {
		low, high, isRange := strings.Cut(item, "-")
		if isRange && low != "L" && !strings.Contains(high, "/") {
			items = append(items, name(low)+" to "+name(high))
			continue
		}
		items = append(items, name(item))
	}
	return and(items)
}

// and joins words: "a", "a and b", "a, b and c".
func and(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// interval is a duration in its largest whole unit: "90 seconds", "hour".
func interval(d time.Duration) string {
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		switch n := d / u.size; {
		case d%u.size != 0:
		case n == 1:
			return u.name
		default:
			return fmt.Sprintf("%d %ss", n, u.name)
		}
	}
	return d.String()
}
