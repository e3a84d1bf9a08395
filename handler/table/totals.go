package table

import (
	"bytes"
	"fmt"
	"strings"
)

// totalWords are how the first value of a total line reads, in lower case.
var totalWords = func() map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Split("total,totals,grand total,sum,subtotal,sub-total,summe,gesamt,gesamtsumme,zwischensumme,insgesamt,"+
		"total general,total général,totale,totaux,somme,sous-total,suma,razem,totaal,summa,yhteensä,sammanlagt,i alt,celkem,összesen,toplam,genel toplam,"+
		"итого,всего,разом,合計,总计,合计,總計,합계", ",") {
		set[word] = true
	}
	return set
}()

const longestTotalWord = 32 // bytes

// couldBeTotal reports whether a row reads like the total line of a table: its first value
// is a word of totals, it has fewer values than columns, and a number.
func couldBeTotal(fields [][]byte, width int) bool {
	values, total := totalValues(fields, width)
	return total && values < width
}

// totalValues counts the values of a row, and reports whether the first is a word of totals
// and another is a number.
func totalValues(fields [][]byte, width int) (values int, total bool) {
	first := 0
	for first < len(fields) && len(trim(fields[first])) == 0 {
		first++
	}
	if first == len(fields) || width < 2 {
		return 0, false
	}
	word := bytes.TrimRight(trim(fields[first]), ": ")
	if len(word) > longestTotalWord || !totalWords[strings.ToLower(string(word))] {
		return 0, false
	}
	values = 1
	for _, field := range fields[first+1:] {
		if field = trim(field); len(field) > 0 {
			values++
			if isNumber(field) {
				total = true
			}
		}
	}
	return values, total
}

// holdTotal holds back a row that could be the total line, which is the last, and reports
// whether it did.
func (a *analysis) holdTotal(row keptRow) bool {
	if row.why != nil || a.total < 2 {
		return false
	}
	if _, total := totalValues(row.fields, a.width); !total {
		return false
	}
	var held rest
	held.keep(row.line, row.fields, nil)
	a.held = held.kept
	return true
}

// addFullTotal adds the row that is held back if it has a value in each column: it may as
// well be a class of its column.
func (a *analysis) addFullTotal() {
	if len(a.held) > 0 && !couldBeTotal(a.held[0].fields, a.width) {
		a.fullTotal = a.held[0].line
		a.add(a.held[0])
		a.held = nil
	}
}

// totalWarning says which line is a total or may be one, "" without one.
func (a *analysis) totalWarning() string {
	if a.fullTotal > 0 {
		return fmt.Sprintf("The last line, line %d, may be a total of the rows above and counts as a row. If it is one, delete it.", a.fullTotal)
	}
	if len(a.held) == 0 {
		return ""
	}
	var texts []string
	for _, field := range a.held[0].fields {
		texts = append(texts, string(trim(field)))
	}
	delimiter := a.delimiter
	if delimiter == "\t" {
		delimiter = " | "
	}
	return fmt.Sprintf("The last line, line %d, looks like a total of the rows above and is in no figure: %s", a.held[0].line, shown([]byte(strings.Join(texts, delimiter)), maxName))
}
