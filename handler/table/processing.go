package table

import (
	"context"
	_ "embed" // the schemas
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"daybook/files"
	"daybook/handler"
	"daybook/task"
)

// Processing is the type DATA_PROCESSING: it profiles a table that was uploaded, or one that it makes.
type Processing struct{}

type parameters struct {
	File           string   `json:"file"`
	Rows           int64    `json:"rows"`
	Seed           uint64   `json:"seed"`
	ProcessingTime float64  `json:"processing_time"`
	Delimiter      *string  `json:"delimiter"`
	Quote          *string  `json:"quote"`
	Escape         *string  `json:"escape"`
	Comment        *string  `json:"comment"`
	SkipLines      *int     `json:"skip_lines"`
	HasHeader      *bool    `json:"has_header"`
	Encoding       string   `json:"encoding"`
	Decimal        string   `json:"decimal"`
	Thousands      *string  `json:"thousands"`
	Nulls          []string `json:"nulls"`
	DateOrder      string   `json:"date_order"`
}

type profile struct {
	Report
	Seconds       float64 `json:"processing_time_seconds"`
	RowsPerSecond float64 `json:"rows_per_second"`
}

// Outcome says how many rows were read, how many columns they have, and how many rows could not be
// read.
func (r profile) Outcome() (string, bool) {
	done := handler.Count(r.ProcessedRows, "row") + ", " + handler.Count(int64(len(r.Columns)), "column")
	bad := "bad rows"
	if r.BadRows == 1 {
		bad = "bad row"
	}
	return handler.Outcome(done, r.BadRows, bad)
}

// Subject is the name of the file, or how many rows are made.
func (Processing) Subject(text json.RawMessage, fileNames map[string]string) string {
	var p parameters
	switch err := json.Unmarshal(text, &p); {
	case err != nil:
		return ""
	case p.File != "":
		return fileNames[p.File]
	}
	return handler.Count(p.Rows, "row")
}

//go:embed parameters.json
var parametersSchema []byte

//go:embed result.json
var resultSchema []byte

// Spec describes the type.
func (Processing) Spec() task.TypeSpec {
	return task.TypeSpec{
		Name:             "DATA_PROCESSING",
		Title:            "Data processing",
		Description:      "Reads a CSV or TSV file of any size and computes statistics of each column. Without a file it generates one.",
		ParametersSchema: parametersSchema,
		ResultSchema:     resultSchema,
	}
}

// neverReadable are the errors that no further attempt changes.
var neverReadable = []error{
	files.ErrNotFound, ErrNotText, ErrNoTable, ErrTooWide, ErrDamaged, ErrBomb, ErrUnknownEncoding,
	errContradiction, errNoRows, errMostBad,
}

// Run reads the table. Permanent errors: a file that is not there, is no text, is damaged,
// has too many columns or no row that can be read, and options that contradict each other.
func (Processing) Run(ctx context.Context, call handler.Call) (any, error) {
	var p parameters
	if err := json.Unmarshal(call.Parameters, &p); err != nil {
		return nil, handler.Permanent(fmt.Errorf("read the parameters: %w", err))
	}
	start := time.Now()
	run := analyseMade
	if p.File != "" {
		run = analyseFile
	}
	pace := newPace(ctx, time.Duration(p.ProcessingTime*float64(time.Second)), call.Report)
	report, err := run(ctx, &call, p, pace)
	if err == nil {
		err = pace.to(1, report.TotalRows)
	}
	for _, never := range neverReadable {
		if errors.Is(err, never) {
			return nil, handler.Permanent(err)
		}
	}
	if err != nil {
		return nil, err
	}
	result := profile{Report: *report, Seconds: time.Since(start).Seconds()}
	if result.Seconds > 0 {
		result.RowsPerSecond = float64(report.TotalRows) / result.Seconds
	}
	logReport(call.Log(), report)
	return result, nil
}

// logReport writes what somebody should know who looks at the task: what is odd about the table.
func logReport(log *slog.Logger, r *Report) {
	for _, bad := range r.FirstBadRows {
		log.Warn("bad row", "line", bad.Line, "reason", bad.Reason)
	}
	for _, warning := range r.Warnings {
		log.Warn(warning)
	}
	log.Info("table read", "rows", r.TotalRows, "bad_rows", r.BadRows, "columns", len(r.Columns))
}

// chunks is how many reads a small file is cut into, so that its progress moves.
const chunks = 100

func analyseFile(_ context.Context, call *handler.Call, p parameters, pace *pace) (*Report, error) {
	o, err := p.tableOptions()
	if err != nil {
		return nil, err
	}
	f, info, err := call.Open(p.File)
	if err != nil {
		return nil, fmt.Errorf("open the file to read: %w", err)
	}
	defer f.Close()
	o.Chunk = int(max(1, min(info.Size/chunks, 1<<20)))
	o.Progress = func(bytes, rows int64) error {
		return pace.to(float64(bytes)/float64(max(info.Size, 1)), rows)
	}
	report, err := Analyse(f, o)
	if err == nil {
		err = anyRow(report, p.Delimiter != nil || p.Quote != nil || p.SkipLines != nil || p.HasHeader != nil)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", info.Name, err)
	}
	return report, nil
}

// Errors of tables that were not read as they are meant.
var (
	errNoRows  = errors.New("no row could be processed")
	errMostBad = errors.New("most rows are bad")
)

// anyRow returns an error that says what to try when there is no row to tell of, or when
// most are bad and the table's form is not given.
func anyRow(r *Report, given bool) error {
	switch {
	case r.ProcessedRows > 0 && (given || r.BadRows*2 <= r.TotalRows):
		return nil
	case r.ProcessedRows > 0:
		first := r.FirstBadRows[0]
		return fmt.Errorf("%w: %d of %d, the first at line %d: %s; if the table begins there, give skip_lines %d, or else give delimiter, quote or has_header: with one of these the other rows are read",
			errMostBad, r.BadRows, r.TotalRows, first.Line, first.Reason, first.Line-1)
	case r.BadRows > 0:
		first := r.FirstBadRows[0]
		if first.Reason == ReasonTooLong {
			return fmt.Errorf("%w: line %d is longer than the %d MiB that a line may have; upload the file with a line end after each row",
				errNoRows, first.Line, MaxRow>>20)
		}
		return fmt.Errorf("%w: all %d rows are bad, the first at line %d: %s; give delimiter, quote, skip_lines or has_header",
			errNoRows, r.BadRows, first.Line, first.Reason)
	case r.HasHeader:
		return fmt.Errorf("%w: there is only a header; upload a file with rows below it, or give has_header false if its first line is data", errNoRows)
	case r.Dialect.SkipLines > 0:
		return fmt.Errorf("%w: nothing is left after %d lines; give a smaller skip_lines", errNoRows, r.Dialect.SkipLines)
	}
	return fmt.Errorf("%w: the file is empty or has blank lines only; upload one with rows", errNoRows)
}

// analyseMade lets a second goroutine write the table while this one reads it.
func analyseMade(_ context.Context, _ *handler.Call, p parameters, pace *pace) (*Report, error) {
	read, write := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		write.CloseWithError(writeOrders(write, p.Rows, p.Seed))
	}()
	o := Options{Progress: func(_, rows int64) error {
		return pace.to(float64(rows)/float64(p.Rows), rows)
	}}
	report, err := Analyse(read, o)
	read.CloseWithError(errors.New("nobody reads on"))
	<-written
	if err != nil {
		return nil, fmt.Errorf("read the rows that were made: %w", err)
	}
	return report, nil
}

var errContradiction = errors.New("the options contradict each other")

// tableOptions are the parameters as the table package has them.
func (p parameters) tableOptions() (Options, error) {
	o := Options{
		Delimiter: p.Delimiter, Quote: p.Quote, Escape: p.Escape, Comment: p.Comment, SkipLines: p.SkipLines, Header: p.HasHeader,
		Encoding: p.Encoding, Decimal: p.Decimal, Thousands: p.Thousands, Nulls: p.Nulls, DateOrder: p.DateOrder,
	}
	if p.Delimiter != nil && (*p.Delimiter == "tab" || *p.Delimiter == `\t`) {
		tab := "\t"
		o.Delimiter = &tab
	}
	given := func(mark *string) string {
		if mark == nil {
			return ""
		}
		return *mark
	}
	for _, pair := range [][4]string{
		{"delimiter", given(o.Delimiter), "quote", given(p.Quote)},
		{"delimiter", given(o.Delimiter), "escape", given(p.Escape)},
		{"delimiter", given(o.Delimiter), "comment", given(p.Comment)},
		{"quote", given(p.Quote), "comment", given(p.Comment)},
		{"decimal", p.Decimal, "thousands", given(p.Thousands)},
	} {
		if pair[1] != "" && pair[1] == pair[3] {
			return o, fmt.Errorf("%w: %s and %s are both %q; change one", errContradiction, pair[0], pair[2], pair[1])
		}
	}
	return o, nil
}
