package main

import (
	"bufio"
	"context"
	"database/sql/driver"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"daybook"
)

type sqlCmd struct {
	Data   string `default:"./daybook-data" placeholder:"DIR" help:"Data folder; a server may have it open (${default})."`
	JSON   bool   `xor:"format" help:"Print one JSON object per line."`
	CSV    bool   `xor:"format" help:"Print CSV with a header."`
	Tables bool   `help:"List the tables and their columns instead of running a query."`
	Query  string `arg:"" optional:"" help:"One SELECT statement in SQLite syntax."`
}

func (sqlCmd) Help() string {
	return `Runs one SELECT on the views of a data folder. It is read-only. The views on disk are up to 2 seconds behind a
running server. Start with the view "tasks"; --tables lists all tables and views.

Examples:

    daybook sql 'SELECT status, count(*) FROM tasks GROUP BY 1'
    daybook sql --csv 'SELECT id, type, run_seconds FROM tasks ORDER BY run_seconds DESC LIMIT 10'
    daybook sql --tables`
}

func (c *sqlCmd) Run(ctx context.Context, s *stdio) error {
	out := bufio.NewWriter(s.out)
	if c.Tables {
		return quietPipe(errors.Join(c.tables(out), out.Flush()))
	}
	if strings.TrimSpace(c.Query) == "" {
		return misuse(`give one SELECT, as in daybook sql 'SELECT status, count(*) FROM tasks GROUP BY 1'; daybook sql --tables lists the tables`)
	}
	var rows rowWriter
	switch {
	case c.JSON:
		rows = &jsonRows{w: out}
	case c.CSV:
		rows = &csvRows{w: csv.NewWriter(out)}
	default:
		rows = &tableRows{w: out, s: s}
	}
	asOf := int64(-1)
	err := daybook.Query(ctx, c.Data, c.Query, func(seq int64, columns []string) error {
		asOf = seq
		return rows.head(columns)
	}, rows.row)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return quietPipe(explainSQL(err))
	}
	if err := quietPipe(errors.Join(rows.end(), out.Flush())); err != nil {
		return err
	}
	if s.errTerminal {
		fmt.Fprintf(s.err, "views as of event %d\n", asOf)
	}
	return nil
}

// quietPipe says nothing of a reader that has had enough.
func quietPipe(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return errSilent
	}
	return err
}

// explainSQL adds to an error of SQLite what helps.
func explainSQL(err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "no such table"), strings.Contains(text, "no such column"):
		return fmt.Errorf("%w; daybook sql --tables lists the tables and their columns", err)
	case strings.Contains(text, "there is no SQL statement"):
		return usageError{err}
	}
	return err
}

func (c *sqlCmd) tables(w io.Writer) error {
	for i, t := range daybook.Tables() {
		if c.JSON {
			text, err := json.Marshal(t)
			if err == nil {
				err = printJSON(w, text)
			}
			if err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, strings.TrimRight(t.Name+"  "+t.About, " "))
		for _, column := range t.Columns {
			line := fmt.Sprintf("  %-22s  %-7s  %s", column.Name, column.Type, column.About)
			if _, err := fmt.Fprintln(w, strings.TrimRight(line, " ")); err != nil {
				return err
			}
		}
	}
	return nil
}

// rowWriter prints the rows of a query.
type rowWriter interface {
	head(columns []string) error
	row(values []driver.Value) error
	end() error
}

// plainValue is a value as text; NULL is empty, bytes are in hex.
func plainValue(v driver.Value) string {
	switch v := v.(type) {
	case nil:
		return ""
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []byte:
		return hex.EncodeToString(v)
	}
	return fmt.Sprint(v)
}

// jsonRows prints an object a line. Bytes are in hex.
type jsonRows struct {
	w     io.Writer
	names []json.RawMessage
}

func (r *jsonRows) head(columns []string) error {
	for _, name := range columns {
		quoted, err := json.Marshal(name)
		if err != nil {
			return err
		}
		r.names = append(r.names, quoted)
	}
	return nil
}

func (r *jsonRows) row(values []driver.Value) error {
	line := []byte{'{'}
	for i, v := range values {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(append(line, r.names[i]...), ':')
		switch x := v.(type) {
		case []byte:
			v = hex.EncodeToString(x)
		case float64:
			if math.IsInf(x, 0) || math.IsNaN(x) {
				v = nil
			}
		}
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		line = append(line, text...)
	}
	return printJSON(r.w, append(line, '}'))
}

func (r *jsonRows) end() error { return nil }

// csvRows prints CSV as RFC 4180 has it.
type csvRows struct{ w *csv.Writer }

func (r *csvRows) head(columns []string) error {
	r.w.UseCRLF = true
	return r.write(len(columns), func(i int) string { return harmless(columns[i]) })
}

func (r *csvRows) row(values []driver.Value) error {
	return r.write(len(values), func(i int) string {
		if text, ok := values[i].(string); ok {
			return harmless(text)
		}
		return plainValue(values[i])
	})
}

func (r *csvRows) write(n int, cell func(int) string) error {
	record := make([]string, n)
	for i := range record {
		record[i] = cell(i)
	}
	return r.w.Write(record)
}

func (r *csvRows) end() error { r.w.Flush(); return r.w.Error() }

// harmless keeps a spreadsheet from running a text as a formula, as the server's CSV does.
func harmless(cell string) string {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(cell, unicode.IsSpace))
	if cell != "" && (strings.ContainsRune("=+-@＝＋－＠", first) || strings.IndexByte("\t\r\n", cell[0]) >= 0) {
		return "'" + cell
	}
	return cell
}

// tableRows prints an aligned table on a terminal, and lines with tabs on a pipe. The first
// rows decide how wide a column is.
type tableRows struct {
	w     io.Writer
	s     *stdio
	names []string
	first [][]string // not yet printed
	width []int      // nil until the first rows are printed
}

const rowsForWidth = 1000

func (r *tableRows) head(columns []string) error {
	for _, name := range columns {
		r.names = append(r.names, oneLine(name))
	}
	return nil
}

func (r *tableRows) row(values []driver.Value) error {
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = oneLine(plainValue(v))
	}
	if !r.s.outTerminal {
		_, err := fmt.Fprintln(r.w, strings.Join(cells, "\t"))
		return err
	}
	if r.width != nil {
		return r.print(cells)
	}
	if r.first = append(r.first, cells); len(r.first) == rowsForWidth {
		return r.end()
	}
	return nil
}

func (r *tableRows) print(cells []string) error {
	var line strings.Builder
	for i, cell := range cells {
		line.WriteString(cell + strings.Repeat(" ", max(r.width[i]-utf8.RuneCountInString(cell), 0)+2))
	}
	_, err := fmt.Fprintln(r.w, strings.TrimRight(line.String(), " "))
	return err
}

// end prints the first rows, if they are not yet printed.
func (r *tableRows) end() error {
	if !r.s.outTerminal || r.width != nil {
		return nil
	}
	r.width = make([]int, len(r.names))
	all := append([][]string{r.names}, r.first...)
	for _, cells := range all {
		for i, cell := range cells {
			r.width[i] = max(r.width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, cells := range all {
		if err := r.print(cells); err != nil {
			return err
		}
	}
	r.first = nil
	return nil
}
