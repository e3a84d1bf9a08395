package measure

import "time"

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

// Rows are all rows, in the order of the table.
func Rows() []Row {
	return []Row{SubmitOne, SubmitMany, Bulk100, Bulk1000, RunOne, RunBulk, Drain, PickUp, Memory, Start}
}

// Bulk tells whether the row cannot be had without a call for many tasks.
func (r Row) Bulk() bool { return r == Bulk100 || r == Bulk1000 || r == RunBulk }

// Job is what a child process is asked to do. It travels as JSON.
type Job struct {
	System  string  `json:"system"`
	Row     Row     `json:"row"`
	Dir     string  `json:"dir"`     // a folder for the store
	Server  string  `json:"server"`  // HOST:PORT of the database server; "" = none
	Workers int     `json:"workers"` // handlers at the same time
	Callers int     `json:"callers"` // of SubmitMany and RunOne
	Bulkers int     `json:"bulkers"` // callers of the rows of bulk
	Seconds float64 `json:"seconds"` // of load in a row that is not counted in tasks
	Backlog int     `json:"backlog"` // tasks of Drain, Memory and Fill
	Samples int     `json:"samples"` // of PickUp
	Limit   float64 `json:"limit"`   // seconds after which a row that did not end is cut off
	Bulk    bool    `json:"bulk"`    // the system has a call for many tasks
	Text    string  `json:"text"`    // the text in the payload
}

// Result is what a child process found. Which fields are set depends on the row.
type Result struct {
	Tasks   int64   `json:"tasks"`
	Seconds float64 `json:"seconds"`       // of Start: from the start of the processes; set by the parent
	Rate    float64 `json:"rate"`          // tasks a second
	P50     float64 `json:"p50"`           // of one call, in milliseconds
	P99     float64 `json:"p99"`           // of one call, in milliseconds
	CutOff  bool    `json:"cut_off"`       // the limit came before the end
	First   int64   `json:"first"`         // Unix time in nanoseconds of the first start
	Lag     *int64  `json:"lag,omitempty"` // events that views were behind at the end; nil = has no views
	Idle    float64 `json:"idle"`          // MB of memory; set by the parent
	After   float64 `json:"after"`         // MB of memory; set by the parent
}

// Message is one line from a child to its parent.
type Message struct {
	Facts  *Facts  `json:"facts,omitempty"`
	Phase  string  `json:"phase,omitempty"` // "idle" or "after": the child waits for a line
	Result *Result `json:"result,omitempty"`
	Error  string  `json:"error,omitempty"`
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
