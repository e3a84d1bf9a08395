// Package handler holds the task types that Daybook can run by itself, and the
// registry through which a program adds its own.
package handler

import (
	"context"
	"encoding/json"
	"errors"

	"daybook/files"
	"daybook/task"
)

// Handler runs tasks of one type.
type Handler interface {
	// Spec describes the type. It is asked for once, at registration.
	Spec() task.TypeSpec
	// Run runs one attempt. The result is marshalled to JSON. ctx ends on cancel,
	// timeout or stop; a handler that then returns ctx's error within a second is
	// polite. An error made with Permanent is not retried.
	Run(ctx context.Context, call Call) (result any, err error)
}

// Call is one attempt as a handler sees it.
type Call struct {
	TaskID     string
	Attempt    int             // from 1
	Parameters json.RawMessage // valid by the type's schema, defaults included
	Files      *files.Store
	// Report tells how far the attempt is, 0 … 100, and a short message ("" = none). It
	// may be called as often as one likes.
	Report func(percent float64, message string)
}

type permanent struct{ error }

func (p permanent) Unwrap() error   { return p.error }
func (p permanent) Permanent() bool { return true }

// Permanent marks an error that no retry can mend, such as bad input.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

// IsPermanent tells whether err is marked so.
func IsPermanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}
