// Command embed has all of Daybook inside a program: its own task type, its own HTTP handlers, and
// Daybook's API and page, in one process and on one address.
//
//	go run ./examples/embed
//	curl -s 'http://127.0.0.1:8080/report?days=7'     # a handler of the program; it submits a task and waits
//	open http://127.0.0.1:8080/                       # Daybook's page
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"daybook"
	"daybook/handler"
	"daybook/task"
)

// report is the task type of this program.
type report struct{}

type parameters struct {
	Days int `json:"days"`
}

// Spec describes the type: the page draws its form from it, and the API validates by it.
func (report) Spec() task.TypeSpec {
	return task.TypeSpec{
		Name:  "REPORT",
		Title: "Report",
		ParametersSchema: json.RawMessage(`{"type":"object","additionalProperties":false,
			"properties":{"days":{"type":"integer","minimum":1,"maximum":366,"default":7,"title":"Days"}}}`),
	}
}

// Run makes one report.
func (report) Run(ctx context.Context, call handler.Call) (any, error) {
	p := parameters{Days: 7}
	if err := json.Unmarshal(call.Parameters, &p); err != nil {
		return nil, handler.Permanent(err)
	}
	total := 0
	for day := range p.Days {
		if ctx.Err() != nil { // cancelled, timed out, or the program stops
			return nil, context.Cause(ctx)
		}
		total += 100 + day
		call.Report(100*float64(day+1)/float64(p.Days), fmt.Sprintf("day %d of %d", day+1, p.Days))
	}
	return map[string]int{"days": p.Days, "total": total}, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	addr, data := "127.0.0.1:8080", "embed-data"
	if len(os.Args) == 3 {
		addr, data = os.Args[1], os.Args[2]
	}
	if err := run(ctx, addr, data); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, addr, data string) (err error) {
	d, err := daybook.Open(ctx, daybook.Options{Data: data})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.Register(report{}); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", d.Handler())
	mux.HandleFunc("GET /report", func(w http.ResponseWriter, r *http.Request) { serveReport(d, w, r) })
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	fmt.Printf("serves http://%s\n", listener.Addr())

	err = d.Run(ctx) // tasks run until ctx ends, then stop in order
	d.StopStreams()
	shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = errors.Join(err, web.Shutdown(shutdown))
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}

// serveReport submits a task and answers with its result.
func serveReport(d *daybook.Daybook, w http.ResponseWriter, r *http.Request) {
	days, err := strconv.Atoi(r.FormValue("days"))
	if err != nil {
		http.Error(w, "days must be a number, such as /report?days=7", http.StatusBadRequest)
		return
	}
	params, _ := json.Marshal(parameters{days}) // of a number
	done, err := d.Submit(r.Context(), task.Submit{Type: "REPORT", Parameters: params})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ended, result, err := d.Wait(r.Context(), done[0].Task.ID)
	if err != nil || ended.Status != task.Success {
		http.Error(w, "the report failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(result)
}
