package scheduler

import (
	"errors"
	"fmt"

	"daybook/internal/jsontext"
	"daybook/task"
)

// badOutcome is a result that can never be written down. No retry mends it.
type badOutcome struct{ error }

// Permanent says that no retry helps.
func (badOutcome) Permanent() bool { return true }

// checked is an outcome that the log will take: its result is a copy, without insignificant
// space, that is valid as parameters are. Its error is permanent and says what is wrong.
func checked(o Outcome) (Outcome, error) {
	if o.Result != nil {
		if len(o.Result) > 2*task.MaxResult { // it is not worth looking for space in it
			return Outcome{}, tooLarge(len(o.Result))
		}
		result, err := jsontext.Canonical(make([]byte, 0, len(o.Result)), o.Result, task.MaxDepth)
		var at *jsontext.Error
		switch {
		case errors.As(err, &at) && at.Pointer == "":
			return Outcome{}, badOutcome{fmt.Errorf("the result is not valid JSON: it %s", at.Detail)}
		case errors.As(err, &at):
			return Outcome{}, badOutcome{fmt.Errorf("the result is not valid JSON: %.200s %s", at.Pointer, at.Detail)}
		case len(result) > task.MaxResult:
			return Outcome{}, tooLarge(len(result))
		}
		o.Result = result
	}
	if n := len(o.Files); n > task.MaxFiles {
		return Outcome{}, badOutcome{fmt.Errorf("the result names %d files; the most is %d", n, task.MaxFiles)}
	}
	o.Files = append([]string(nil), o.Files...)
	for _, id := range o.Files {
		if !task.ValidName(id) {
			return Outcome{}, badOutcome{fmt.Errorf("the result names %.80q, which is no id of a file", id)}
		}
	}
	return o, nil
}

func tooLarge(n int) error {
	return badOutcome{fmt.Errorf("the result has %d bytes; the most is %d. Put it into a file and return the file's id", n, task.MaxResult)}
}
