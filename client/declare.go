package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// TypeDeclaration is what is said of a task type that workers run. The zero value says nothing: any parameters are
// accepted. Fields that are left out are removed from an earlier declaration.
type TypeDeclaration struct {
	Title       string `json:"title,omitempty"`       // for people; "" = the name
	Description string `json:"description,omitempty"` // for people
	// ParametersSchema is a JSON Schema 2020-12: submits are checked by it, and the page draws its form from it.
	ParametersSchema json.RawMessage `json:"parameters_schema,omitempty"`
	// ResultSchema is a JSON Schema 2020-12: the results of workers are checked by it.
	ResultSchema json.RawMessage `json:"result_schema,omitempty"`
	Defaults     *TypeDefaults   `json:"defaults,omitempty"`
}

// TypeDefaults are what tasks of a type get that are submitted without it; zero values are left out.
type TypeDefaults struct {
	Queue          string   `json:"queue,omitempty"`
	Priority       int      `json:"priority,omitempty"` // −100 … 100
	MaxAttempts    int      `json:"max_attempts,omitempty"`
	TimeoutSeconds *float64 `json:"timeout_seconds,omitempty"` // 0 = no limit
	Backoff        *Backoff `json:"backoff,omitempty"`
	LeaseSeconds   int      `json:"lease_seconds,omitempty"` // for workers that do not ask for a length
}

// DeclareTaskType says what a type takes and gives. The same again changes nothing. A *Problem with 409 means that
// the type is built in or in the configuration file of the server.
func (c *Client) DeclareTaskType(ctx context.Context, name string, d TypeDeclaration) (t TaskType, err error) {
	_, err = c.do(ctx, call{method: http.MethodPut, path: pathOf("/api/task-types/", name, ""), body: d, again: true}, &t)
	return t, err
}

// Declare has Run declare a type before it leases tasks. It must not be called while the worker runs. What the configuration
// file of the server says of the type comes first: Run then logs a warning and goes on.
func (w *Worker) Declare(taskType string, d TypeDeclaration) {
	w.declared = append(w.declared, declaration{taskType, d})
}

// declaration is one that Run makes.
type declaration struct {
	name string
	what TypeDeclaration
}

// declare makes the declarations, again and again until the server answers.
func (w *Worker) declare(ctx context.Context) error {
	for _, d := range w.declared {
		warned := false
		for pause := shortestPause; ; pause = min(2*pause, longestCallPause) {
			limited, cancel := context.WithTimeout(ctx, answerTime)
			_, err := w.client.DeclareTaskType(limited, d.name, d.what)
			cancel()
			if p, ok := errors.AsType[*Problem](err); ok && strings.HasSuffix(p.Type, "#declared") {
				w.options.Logger.Warn("the configuration of the server has the task type; its declaration is left out", "task_type", d.name)
				break
			}
			if err == nil || ctx.Err() != nil {
				break
			}
			if !transient(err) {
				return fmt.Errorf("declare the task type %s: %w", d.name, err)
			}
			if !warned {
				warned = true
				w.options.Logger.Warn("the server does not answer; trying again", "err", err)
			}
			if sleep(ctx, pauseAfter(err, pause)) != nil {
				break
			}
		}
	}
	return nil
}
