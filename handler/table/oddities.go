package table

import (
	"fmt"
	"strings"
)

// oddity is a value of another kind than most of its column.
type oddity struct {
	row   int64 // of the data that was read, from 1
	value string
}

const (
	shownOddities = 3
	oddShare      = 20   // a column is of a kind if fewer than one in oddShare values is not
	freeOddities  = 1000 // that are counted in any case: the first rows may be odd
)

// turnToText makes the column text because of a value.
func (c *column) turnToText(b []byte) {
	c.was = c.kind
	c.toText()
	c.noteOdd(b)
}

// isOfOldKind reports whether a value is of the kind that the column had.
func (c *column) isOfOldKind(b []byte) bool {
	switch c.was {
	case kindNumber:
		_, _, ok := c.format.read(b)
		return ok || isInfinite(b)
	case kindTime:
		return isTime(b)
	}
	return isBoolean(b)
}

func (c *column) noteOdd(b []byte) {
	c.odd++
	if len(c.firstOdd) < shownOddities {
		c.firstOdd = append(c.firstOdd, oddity{c.count + c.nullCount, shown(b, longestNumber)})
	}
	if c.odd > freeOddities && c.odd*oddShare > c.count {
		c.was = kindNone
	}
}

// oddWarning says which columns a few values turned into text, "" without one. Those of
// which the sample tells are not named again.
func (a *analysis) oddWarning() string {
	kinds := map[kind]string{kindNumber: "numbers", kindTime: "dates", kindBoolean: "booleans"}
	var columns []string
	for i, c := range a.columns {
		if c.was == kindNone || c.kind != kindText || c.odd*oddShare > c.count || a.warned[i] {
			continue
		}
		var values []string
		for _, odd := range c.firstOdd {
			values = append(values, fmt.Sprintf("%q in row %d", odd.value, odd.row))
		}
		columns = append(columns, fmt.Sprintf("%s (%d of %d values are no %s: %s)", a.names[i], c.odd, c.count, kinds[c.was], strings.Join(values, ", ")))
	}
	if len(columns) == 0 {
		return ""
	}
	return "A few values make a column a string, in " + list(columns) + ". If they mean no value, give nulls; if they are in another format, give decimal, thousands or date_order, or mend these rows."
}
