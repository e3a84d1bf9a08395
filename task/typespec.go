package task

import (
	"encoding/json"
	"errors"
)

// ErrTooManyTypes: no more task types can be known.
var ErrTooManyTypes = errors.New("too many task types")

// TypeSpec describes a type of task to clients: the page draws its form from it and
// the API validates by it.
type TypeSpec struct {
	Name             string          `json:"name"`  // "DATA_PROCESSING"
	Title            string          `json:"title"` // "Data processing"
	Description      string          `json:"description"`
	ParametersSchema json.RawMessage `json:"parameters_schema"` // JSON Schema 2020-12 of an object
	ResultSchema     json.RawMessage `json:"result_schema"`
	Defaults         json.RawMessage `json:"defaults"` // object: what is appended where it is left out
}
