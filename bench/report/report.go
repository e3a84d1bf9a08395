// Package report turns what was measured into tables, JSON and a part of a document.
package report

import (
	"time"

	"daybook/bench/measure"
	"daybook/bench/queues"
)

// Report is all that one run of the bench found.
type Report struct {
	Began    time.Time     `json:"began"`
	Took     time.Duration `json:"took"` // nanoseconds
	Command  string        `json:"command"`
	Machine  string        `json:"machine"`
	Settings measure.Job   `json:"settings"` // except what differs from system to system
	Large    int           `json:"large"`    // tasks of the large backlog
	Runs     int           `json:"runs"`
	Systems  []*System     `json:"systems"`
}

// System is what was found of one system.
type System struct {
	Name   string                `json:"name"`
	Title  string                `json:"title"`
	Synced bool                  `json:"synced"`
	Floor  bool                  `json:"floor"`
	Facts  measure.Facts         `json:"facts"`
	Rows   map[measure.Row]*Runs `json:"rows"`
}

// Runs are the results of one row, in the order of the runs.
type Runs struct {
	Results []measure.Result `json:"results"`
	Errors  []string         `json:"errors,omitempty"`
}

// New is an empty report on the systems.
func New(specs []queues.Spec) *Report {
	r := &Report{}
	for _, s := range specs {
		r.Systems = append(r.Systems, &System{Name: s.Name, Title: s.Title, Synced: s.Synced, Floor: s.Floor, Rows: map[measure.Row]*Runs{}})
	}
	return r
}

// Of returns the runs of a row, to be added to.
func (s *System) Of(row measure.Row) *Runs {
	if s.Rows[row] == nil {
		s.Rows[row] = &Runs{}
	}
	return s.Rows[row]
}

// has reports whether there is such a row.
func (r *Report) has(such func(measure.Row) bool) bool {
	for _, s := range r.Systems {
		for row := range s.Rows {
			if such(row) {
				return true
			}
		}
	}
	return false
}

// spread is the spread of one figure over the runs.
func (r *Runs) spread(of func(measure.Result) float64) measure.Spread {
	var runs []float64
	for _, result := range r.Results {
		runs = append(runs, of(result))
	}
	return measure.SpreadOf(runs)
}

// cutOff reports whether a run did not come to its end.
func (r *Runs) cutOff() bool {
	for _, result := range r.Results {
		if result.CutOff {
			return true
		}
	}
	return false
}

// lag is the most that views were behind at the end of a run; -1: has no views.
func (r *Runs) lag() int64 {
	most := int64(-1)
	for _, result := range r.Results {
		if result.Lag != nil {
			most = max(most, *result.Lag)
		}
	}
	return most
}
