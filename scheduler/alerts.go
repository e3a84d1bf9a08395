package scheduler

import (
	"context"
	"encoding/json"
	"errors"

	"daybook/projection"
	"daybook/task"
)

// Errors of commands on alerts.
var (
	// ErrAlertExists: an alert of the name exists. Nothing happened.
	ErrAlertExists = errors.New("an alert of this name exists")
	// ErrNoAlert: there is no alert of the name.
	ErrNoAlert = errors.New("there is no alert of this name")
	// ErrTooManyAlerts: projection.MaxAlerts alerts exist. Nothing happened.
	ErrTooManyAlerts = errors.New("there are too many alerts")
)

// CreateAlert appends that the alert exists. Errors: ErrAlertExists, ErrTooManyAlerts, and those of commands.
func (s *Scheduler) CreateAlert(ctx context.Context, actor, name string, rule projection.AlertRule) error {
	data, err := json.Marshal(rule)
	if err != nil {
		return err // not for strings and numbers
	}
	return s.Record(ctx, actor, func() ([]Other, error) {
		all, _ := s.o.Views.Alerts()
		if old, _ := s.o.Views.Alert(name); old != nil {
			return nil, ErrAlertExists
		} else if len(all) >= projection.MaxAlerts {
			return nil, ErrTooManyAlerts
		}
		return []Other{{Stream: "alert:" + name, Type: projection.AlertCreated, V: 1, Data: data}}, nil
	})
}

// DeleteAlert appends that the alert is deleted. Errors: ErrNoAlert, and those of commands.
func (s *Scheduler) DeleteAlert(ctx context.Context, actor, name string) error {
	return s.Record(ctx, actor, func() ([]Other, error) {
		if a, _ := s.o.Views.Alert(name); a == nil {
			return nil, ErrNoAlert
		}
		return []Other{{Stream: "alert:" + name, Type: projection.AlertDeleted, V: 1, Data: []byte("{}")}}, nil
	})
}

// TurnAlert appends that an alert fires, or has recovered, unless it does already, or was deleted. value is what was
// measured, since when that is so. Errors: those of commands.
func (s *Scheduler) TurnAlert(ctx context.Context, seen *projection.Alert, fires bool, value float64, since task.Micros) error {
	data, err := json.Marshal(projection.AlertData{When: seen.When, Value: value, Above: seen.Above, Since: since})
	if err != nil {
		return err // not for numbers
	}
	return s.Record(ctx, ActorScheduler, func() ([]Other, error) {
		a, _ := s.o.Views.Alert(seen.Name)
		if a == nil || a.CreatedSeq != seen.CreatedSeq || a.Firing == fires {
			return nil, nil
		}
		name := projection.AlertRecovered
		if fires {
			name = projection.AlertFired
		}
		return []Other{{Stream: "alert:" + a.Name, Type: name, V: 1, Data: data}}, nil
	})
}
