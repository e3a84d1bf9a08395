package measure

import (
	"slices"
	"time"
)

// Row names one measurement.
type Row string

// The rows of the table.
const (
	SubmitOne  Row = "submit-1"  // one caller, one task a call
	SubmitMany Row = "submit-64" // 64 callers, one task a call
	Bulk100    Row = "bulk-100"  // 100 tasks a call
	Bulk1000   Row = "bulk-1000" // 1,000 tasks a call
	RunOne     Row = "run-64"    // 64 callers, one task a call, until all have ended
	RunBulk    Row = "run-bulk"  // 100 tasks a call, until all have ended
	Drain      Row = "drain"     // a backlog, from the first start until all have ended
	PickUp     Row = "pick-up"   // an idle queue, from the call to the start of the handler
	Memory     Row = "memory"    // idle, and after a backlog has run
	Fill       Row = "fill"      // a backlog that stays; the first half of Start
	Start      Row = "start"     // from the start of all processes to the first handler
)

// The long rows, of a burst and of a load that does not end.
const (
	MinuteOne     Row = "minute-64"      // as RunOne, for a minute
	MinuteBulk    Row = "minute-bulk"    // as RunBulk, for a minute
	SustainedOne  Row = "sustained-64"   // 64 callers, one task a call, for minutes: tasks that end
	SustainedBulk Row = "sustained-bulk" // 100 tasks a call, for minutes: tasks that end
)

// Rows are the rows that are run unless others are asked for, in the order of the table.
func Rows() []Row {
	return []Row{SubmitOne, SubmitMany, Bulk100, Bulk1000, RunOne, RunBulk, Drain, PickUp, Memory, Start}
}

// LongRows are the rows that take minutes, in the order of the table.
func LongRows() []Row { return []Row{MinuteOne, MinuteBulk, SustainedOne, SustainedBulk} }

// Long reports whether the row is one of LongRows.
func (r Row) Long() bool { return slices.Contains(LongRows(), r) }

// Bulk reports whether the row cannot be had without a call for many tasks.
func (r Row) Bulk() bool {
	return slices.Contains([]Row{Bulk100, Bulk1000, RunBulk, MinuteBulk, SustainedBulk}, r)
}

// Job is what a child process is asked to do. It travels as JSON.
type Job struct {
	System    string  `json:"system"`
	Row       Row     `json:"row"`
	Dir       string  `json:"dir"`       // a folder for the store
	Server    string  `json:"server"`    // HOST:PORT of the database server; "" = none
	Workers   int     `json:"workers"`   // handlers at the same time
	Callers   int     `json:"callers"`   // of SubmitMany and RunOne
	Bulkers   int     `json:"bulkers"`   // callers of the rows of bulk
	Seconds   float64 `json:"seconds"`   // of load in a row that is not counted in tasks
	Backlog   int     `json:"backlog"`   // tasks of Drain, Memory and Fill
	Samples   int     `json:"samples"`   // of PickUp
	Limit     float64 `json:"limit"`     // seconds after which a row that did not end is cut off
	Bulk      bool    `json:"bulk"`      // the system has a call for many tasks
	Minute    float64 `json:"minute"`    // seconds of load of MinuteOne and MinuteBulk
	Sustained float64 `json:"sustained"` // seconds of SustainedOne and SustainedBulk, of which the first third is not measured
	Ahead     int     `json:"ahead"`     // tasks that have not ended, at which callers of a sustained row pause
	Text      string  `json:"text"`      // the text in the payload
}

// Load is how long the load of a row that is not counted in tasks takes.
func (j Job) Load() time.Duration {
	switch j.Row {
	case MinuteOne, MinuteBulk:
		return seconds(j.Minute)
	case SustainedOne, SustainedBulk:
		return seconds(j.Sustained)
	}
	return seconds(j.Seconds)
}

// Result is what a child process found. Which fields are set depends on the row.
type Result struct {
	Tasks   int64   `json:"tasks"`
	Seconds float64 `json:"seconds"`           // of Start: from the start of the processes; set by the parent
	Rate    float64 `json:"rate"`              // tasks a second
	P50     float64 `json:"p50"`               // of one call, in milliseconds
	P99     float64 `json:"p99"`               // of one call, in milliseconds
	CutOff  bool    `json:"cut_off"`           // the limit came before the end
	First   int64   `json:"first"`             // Unix time in nanoseconds of the first start
	Lag     *int64  `json:"lag,omitempty"`     // events that views were behind at the end; nil = has no views
	Lags    *Lags   `json:"lags,omitempty"`    // of a long row; nil = has no views
	Settled *int64  `json:"settled,omitempty"` // tasks not ended when a sustained row begins to be measured
	Waiting *int64  `json:"waiting,omitempty"` // tasks not ended at the end of the load of a long row
	Idle    float64 `json:"idle"`              // MB of memory; set by the parent
	After   float64 `json:"after"`             // MB of memory; set by the parent
}

// Message is one line from a child to its parent.
type Message struct {
	Facts  *Facts  `json:"facts,omitempty"`
	Phase  string  `json:"phase,omitempty"` // "idle" or "after": the child waits for a line
	Result *Result `json:"result,omitempty"`
	Error  string  `json:"error,omitempty"`
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
