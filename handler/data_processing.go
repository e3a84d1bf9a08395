package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"daybook/files"
	"daybook/handler/table"
	"daybook/task"
)

// DataProcessing is the type DATA_PROCESSING: it works out what is in a table, one that
// was uploaded or one that it makes.
type DataProcessing struct{}

// NewDataProcessing returns the type.
func NewDataProcessing() DataProcessing { return DataProcessing{} }

type dataParameters struct {
	File           string  `json:"file"`
	Rows           int64   `json:"rows"`
	Seed           uint64  `json:"seed"`
	ProcessingTime float64 `json:"processing_time"`
	Delimiter      string  `json:"delimiter"`
	HasHeader      *bool   `json:"has_header"`
}

type dataResult struct {
	table.Report
	Seconds       float64 `json:"processing_time_seconds"`
	RowsPerSecond float64 `json:"rows_per_second"`
}

// Spec describes the type.
func (DataProcessing) Spec() task.TypeSpec {
	return task.TypeSpec{
		Name:             "DATA_PROCESSING",
		Title:            "Data processing",
		Description:      "Reads a CSV or TSV file of any size and works out what is in every column. Without a file it makes one.",
		ParametersSchema: schemaOf("data.parameters"),
		ResultSchema:     schemaOf("data.result"),
	}
}

// Run reads the table. Permanent errors: a file that is not there, is no text or has too
// many columns.
func (DataProcessing) Run(ctx context.Context, call Call) (any, error) {
	var p dataParameters
	if err := json.Unmarshal(call.Parameters, &p); err != nil {
		return nil, Permanent(fmt.Errorf("read the parameters: %w", err))
	}
	start := time.Now()
	run := analyseMade
	if p.File != "" {
		run = analyseFile
	}
	pace := newPace(ctx, time.Duration(p.ProcessingTime*float64(time.Second)), call.Report)
	report, err := run(ctx, call.Files, p, pace)
	if err == nil {
		err = pace.to(1, report.TotalRows)
	}
	if errors.Is(err, files.ErrNotFound) || errors.Is(err, table.ErrNotText) || errors.Is(err, table.ErrTooWide) {
		return nil, Permanent(err)
	}
	if err != nil {
		return nil, err
	}
	result := dataResult{Report: *report, Seconds: time.Since(start).Seconds()}
	if result.Seconds > 0 {
		result.RowsPerSecond = float64(report.TotalRows) / result.Seconds
	}
	return result, nil
}

// chunks is how many reads a small file is cut into, so that its progress moves.
const chunks = 100

func analyseFile(_ context.Context, store *files.Store, p dataParameters, pace *pace) (*table.Report, error) {
	f, info, err := store.Open(p.File)
	if err != nil {
		return nil, fmt.Errorf("open the file to read: %w", err)
	}
	defer f.Close()
	o := p.tableOptions()
	o.Chunk = int(max(1, min(info.Size/chunks, 1<<20)))
	o.Progress = func(bytes, rows int64) error {
		return pace.to(float64(bytes)/float64(max(info.Size, 1)), rows)
	}
	report, err := table.Analyse(f, o)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", info.Name, err)
	}
	return report, nil
}

// analyseMade lets a second goroutine write the table while this one reads it.
func analyseMade(_ context.Context, _ *files.Store, p dataParameters, pace *pace) (*table.Report, error) {
	read, write := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		write.CloseWithError(writeOrders(write, p.Rows, p.Seed))
	}()
	o := table.Options{Progress: func(_, rows int64) error {
		return pace.to(float64(rows)/float64(p.Rows), rows)
	}}
	report, err := table.Analyse(read, o)
	read.CloseWithError(errors.New("nobody reads on"))
	<-written
	if err != nil {
		return nil, fmt.Errorf("read the rows that were made: %w", err)
	}
	return report, nil
}

func (p dataParameters) tableOptions() table.Options {
	o := table.Options{Header: p.HasHeader}
	if p.Delimiter != "" {
		o.Delimiter = p.Delimiter[0]
	}
	return o
}
