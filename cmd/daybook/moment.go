package main

import (
	"fmt"
	"time"
)

// moment is a time on the command line.
type moment struct{ time.Time }

// momentForms are the forms that a moment may have; without a zone it is local time.
var momentForms = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly}

// UnmarshalText reads a moment.
func (m *moment) UnmarshalText(text []byte) error {
	for _, form := range momentForms {
		if at, err := time.ParseInLocation(form, string(text), time.Local); err == nil {
			m.Time = at
			return nil
		}
	}
	return fmt.Errorf("%q is not a time; write 2027-01-31T08:00:00Z, or in local time \"2027-01-31 08:00\" or 2027-01-31", text)
}
