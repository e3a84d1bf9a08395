package daybook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"daybook"
	"daybook/handler"
	"daybook/task"
)

// Greeter is a task type of one's own.
type Greeter struct{}

// Spec describes the type: the page draws its form from it and the API validates by it.
func (Greeter) Spec() task.TypeSpec {
	return task.TypeSpec{
		Name:        "GREET",
		Title:       "Greet",
		Description: "Says hello.",
		ParametersSchema: json.RawMessage(`{"type":"object","additionalProperties":false,
			"properties":{"name":{"type":"string","title":"Name","default":"world"}}}`),
		ResultSchema: json.RawMessage(`{"type":"object"}`),
		Defaults:     json.RawMessage(`{"name":"world"}`),
	}
}

// Run runs one attempt. What it returns is the task's result_data.
func (Greeter) Run(_ context.Context, call handler.Call) (any, error) {
	var p struct{ Name string }
	if err := json.Unmarshal(call.Parameters, &p); err != nil {
		return nil, handler.Permanent(err)
	}
	call.Report(50, "drawing breath")
	return map[string]string{"greeting": "Hello, " + p.Name + "!"}, nil
}

// The whole of Daybook inside a program. d.Handler() is what serves the API and the page.
func Example() {
	dir, err := os.MkdirTemp("", "daybook")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx, stop := context.WithCancel(context.Background())

	d, err := daybook.Open(ctx, daybook.Options{Data: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	if err := d.Register(Greeter{}); err != nil {
		log.Fatal(err)
	}
	// Middleware sees every attempt, those of the built-in types too.
	d.Use(func(next handler.RunFunc) handler.RunFunc {
		return func(ctx context.Context, call handler.Call) (any, error) {
			result, err := next(ctx, call)
			if err != nil && !errors.Is(context.Cause(ctx), daybook.ErrStopping) {
				log.Printf("%s, attempt %d of %d, last %v: %v", call.TaskType, call.Attempt, call.MaxAttempts, call.LastAttempt, err)
			}
			return result, err
		}
	})
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()

	submitted, err := d.Submit(ctx, task.Submit{Type: "GREET", Parameters: []byte(`{"name":"Ada"}`)})
	if err != nil {
		log.Fatal(err)
	}
	ended, result, err := d.Wait(ctx, submitted[0].Task.ID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s %s\n", ended.Status, result)

	later, err := d.Submit(ctx, task.Submit{Type: "GREET", RunAt: task.MicrosOf(time.Now().Add(time.Hour))})
	if err != nil {
		log.Fatal(err)
	}
	cancelled, err := d.Cancel(ctx, later[0].Task.ID, "no longer needed")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cancelled.Status)

	stop()
	if err := <-done; err != nil {
		log.Fatal(err)
	}
	if err := d.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// SUCCESS {"greeting":"Hello, Ada!"}
	// CANCELLED
}
