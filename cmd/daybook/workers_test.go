package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"daybook/client"
)

// exampleWorkers are the workers of examples/: how each is started, and what is tried with it.
var exampleWorkers = []struct {
	name, needs  string
	command      []string // %BIN% = a folder for what is built
	taskType     string
	parameters   string
	result       string
	bad, because string // parameters that the handler refuses, and what it says
}{
	{"python", "python3", []string{"python3", "../../examples/worker.py"}, "wordcount", `{"text":"To be or not to be"}`,
		`{"words":6,"different":4,"top":[["to",2],["be",2],["or",1],["not",1]]}`, `{"seconds":0}`, "the parameters must be"},
	{"node", "node", []string{"node", "../../examples/worker.mjs"}, "hash", `{"text":"to be"}`,
		`{"algorithm":"sha256","bytes":5,"digest":"` + sum("to be") + `"}`, `{"text":"a","algorithm":"none"}`, "unknown algorithm none"},
	{"go", "go", []string{"%BIN%/worker"}, "resize", `{"width":40}`,
		``, `{"width":-1}`, "width must be 1 to 4096"},
}

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

// workerCommand is the command of a worker; ok is false where its language is not installed.
func workerCommand(t *testing.T, needs string, command []string) (args []string, ok bool) {
	t.Helper()
	if _, err := exec.LookPath(needs); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Logf("%s is not here: its worker is left out", needs)
		return nil, false
	}
	bin := t.TempDir()
	if needs == "go" {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "worker"), "../../examples/worker").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	for _, arg := range command {
		args = append(args, strings.ReplaceAll(arg, "%BIN%", bin))
	}
	return args, true
}

// The checks wait most of the time, so all of them run at once.
func TestWorkersInThreeLanguagesPassTheCheck(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for _, w := range exampleWorkers {
		command, ok := workerCommand(t, w.needs, w.command)
		if !ok {
			continue
		}
		all.Go(func() {
			args := append([]string{"worker-check", "--type", w.taskType, "--parameters", w.parameters, "--"}, command...)
			out, err := exec.Command("daybook", args...).CombinedOutput()
			if err != nil || bytes.Contains(out, []byte("FAIL")) {
				t.Errorf("%s: %v\n%s", w.name, err, out)
			}
		})
	}
	all.Wait()
}

// TestWorkersRunTypesThatTheServerHasNeverHeardOf starts a server and the three workers, and uses
// them as the documents say.
func TestWorkersRunTypesThatTheServerHasNeverHeardOf(t *testing.T) {
	server, err := startServer(t.TempDir(), os.Environ(), "--addr", "127.0.0.1:0", "--data", "data", "--quiet")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.cmd.Process.Kill(); <-server.done })
	if err := server.ready(patience); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(server.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range exampleWorkers {
		t.Run(w.name, func(t *testing.T) {
			command, ok := workerCommand(t, w.needs, w.command)
			if !ok {
				return
			}
			if _, err := c.Submit(t.Context(), client.Submit{TaskType: w.taskType}); client.StatusOf(err) != http.StatusBadRequest {
				t.Errorf("before the worker is there: %v", err)
			}
			var said lockedBuffer
			worker := exec.Command(command[0], command[1:]...)
			first := anotherAddress(t, server.url)
			worker.Env = append(os.Environ(), "DAYBOOK_URL="+first.URL+","+server.url)
			worker.Stdout, worker.Stderr = &said, &said
			if err := worker.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- worker.Wait() }()
			defer func() { _ = worker.Process.Kill() }()

			submit := client.Submit{TaskType: w.taskType, Parameters: json.RawMessage(w.parameters)}
			done := submitWhenKnown(t, c, submit)
			if w.result != "" && string(done.ResultData) != w.result || done.Status != client.Success {
				t.Errorf("%s %s, want %s", done.Status, done.ResultData, w.result)
			}
			_ = first.Listener.Close() // from here on the worker calls the other address
			first.CloseClientConnections()
			submit.Parameters = json.RawMessage(w.bad)
			failed, err := c.SubmitAndWait(t.Context(), submit)
			if err != nil || failed.Status != client.Failed || failed.Attempt != 1 || !strings.Contains(*failed.ErrorMessage, w.because) {
				t.Errorf("%v: %s", err, failed.Raw)
			}
			if err := worker.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err != nil {
				t.Errorf("after SIGTERM: %v\n%s", err, said.String())
			}
		})
	}
}

// anotherAddress is a second address of a server.
func anotherAddress(t *testing.T, of string) *httptest.Server {
	t.Helper()
	to, err := url.Parse(of)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }})
	t.Cleanup(web.Close)
	return web
}

// submitWhenKnown submits a task as soon as a worker has made its type known, and waits for its end.
func submitWhenKnown(t *testing.T, c *client.Client, submit client.Submit) client.Task {
	t.Helper()
	for {
		done, err := c.SubmitAndWait(t.Context(), submit)
		if err == nil {
			return done.Task
		}
		if client.StatusOf(err) != http.StatusBadRequest {
			t.Fatal(err)
		}
	}
}

func TestTheTaskOfAKilledWorkerIsRunByAnother(t *testing.T) {
	command, ok := workerCommand(t, "python3", exampleWorkers[0].command)
	if !ok {
		return
	}
	c, start := serveAndWork(t, command, "LEASE=2", "SLOTS=1")
	first := start()
	submit := client.Submit{TaskType: "wordcount", Parameters: map[string]any{"text": "a b c", "seconds": 6}}
	var task client.Submitted
	for task.ID == "" {
		var err error
		if task, err = c.Submit(t.Context(), submit); err != nil && client.StatusOf(err) != http.StatusBadRequest {
			t.Fatal(err)
		}
	}
	killed, last := "", ""
	for now, err := range c.Watch(t.Context(), task.ID) {
		if err != nil {
			t.Fatal(err)
		}
		if killed == "" && now.Status == client.Running && now.Progress > 0 { // as the page shows it
			killed = *now.Worker
			if err := first.Kill(); err != nil {
				t.Fatal(err)
			}
			start()
		}
		if now.Status == client.Running {
			last = *now.Worker
		}
		if now.Status.Ended() && (now.Status != client.Success || now.Attempt != 2 || last == killed) {
			t.Errorf("%s, by %s", now.Raw, last)
		}
	}
}

// serveAndWork starts a server, and returns what starts workers of it, which are killed at the end of the test.
func serveAndWork(t *testing.T, command []string, env ...string) (c *client.Client, start func() *os.Process) {
	t.Helper()
	server, err := startServer(t.TempDir(), os.Environ(), "--addr", "127.0.0.1:0", "--data", "data", "--quiet")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.cmd.Process.Kill(); <-server.done })
	if err := server.ready(patience); err != nil {
		t.Fatal(err)
	}
	if c, err = client.New(server.url, nil); err != nil {
		t.Fatal(err)
	}
	return c, func() *os.Process {
		worker := exec.Command(command[0], command[1:]...)
		worker.Env = append(append(os.Environ(), "DAYBOOK_URL="+server.url), env...)
		if err := worker.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = worker.Process.Kill(); _ = worker.Wait() })
		return worker.Process
	}
}

// TestTheExamplesOfTheWorkerProtocolWork pastes the first lines of docs/worker-protocol.md into a shell.
func TestTheExamplesOfTheWorkerProtocolWork(t *testing.T) {
	text, err := os.ReadFile("../../docs/worker-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, script, _ := strings.Cut(string(text), "```sh\n")
	script, _, _ = strings.Cut(script, "```")
	server, err := startServer(t.TempDir(), os.Environ(), "--addr", "127.0.0.1:0", "--data", "data", "--quiet")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.cmd.Process.Kill(); <-server.done })
	if err := server.ready(patience); err != nil {
		t.Fatal(err)
	}
	shell := exec.Command("bash", "-eu", "-c", strings.Replace(script, "http://127.0.0.1:8000", server.url, 1))
	out, err := shell.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte(`"result_data":{"greeting":"Hello, Ada!"}`)) || !bytes.Contains(out, []byte(`"cancel":false`)) {
		t.Errorf("%v\n%s\n%s", err, script, out)
	}
}

// TestRefusedWorkersPrintTheReason starts the workers with tokens that the server refuses: each ends with one line
// that has the server's reason.
func TestRefusedWorkersPrintTheReason(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		if r.Method == http.MethodPut && status.Load() == http.StatusForbidden {
			w.WriteHeader(http.StatusConflict) // the type is configured; the poll is refused
			_, _ = io.WriteString(w, `{"type":"/docs#declared","status":409}`)
			return
		}
		w.WriteHeader(int(status.Load()))
		_, _ = io.WriteString(w, `{"status":1,"title":"No","detail":"The token ci may not\nlease tasks."}`)
	}))
	t.Cleanup(server.Close)
	for _, code := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		status.Store(int32(code))
		for _, w := range exampleWorkers {
			command, ok := workerCommand(t, w.needs, w.command)
			if !ok {
				continue
			}
			worker := exec.CommandContext(t.Context(), command[0], command[1:]...)
			worker.Env = append(os.Environ(), "DAYBOOK_URL="+server.URL, "DAYBOOK_TOKEN=dbk_x")
			out, err := worker.CombinedOutput()
			text := strings.TrimSpace(string(out))
			if worker.ProcessState.ExitCode() != 1 || !strings.Contains(text, "The token ci may not") || !strings.Contains(text, strconv.Itoa(code)) ||
				w.name != "go" && (strings.Contains(text, "\n") || !strings.HasSuffix(text, "may not lease tasks.")) {
				t.Errorf("%s, refused with %d: %v\n%s", w.name, code, err, out)
			}
		}
	}
}

func TestAWorkerThatDoesNotCallIsSilent(t *testing.T) {
	now := time.Now()
	held := []client.WorkerHold{{}}
	for _, c := range []struct {
		worker client.WorkerState
		want   string
	}{
		{client.WorkerState{LastSeen: now.Add(-80 * time.Second)}, "active"},
		{client.WorkerState{LastSeen: now.Add(-2 * time.Minute)}, "silent"},
		{client.WorkerState{LastSeen: now.Add(-2 * time.Minute), Holds: held}, "active"},
		{client.WorkerState{LastSeen: now.Add(-2 * time.Minute), Quiet: true}, "quiet"},
	} {
		if got := workerState(&c.worker, now); got != c.want {
			t.Errorf("%+v is %s, want %s", c.worker, got, c.want)
		}
	}
}
