package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"daybook/internal/load"
)

func TestCtrlCPrintsWhatABenchHasAndLeavesNothing(t *testing.T) {
	temp := t.TempDir()
	bench := exec.Command("daybook", "bench", "--duration", "10m", "--connections", "4", "--temp", temp)
	bench.Env = append(os.Environ(), "DAYBOOK_SERVER=")
	bench.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out, stderr bytes.Buffer
	bench.Stdout, bench.Stderr = &out, &stderr
	if err := bench.Start(); err != nil {
		t.Fatal(err)
	}
	awaitTasks(t, temp)
	// A terminal sends it to the whole group.
	if err := syscall.Kill(-bench.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := bench.Wait(); err != nil {
		t.Errorf("%v: %s", err, &stderr)
	}
	for _, want := range []string{"the run was ended early", "tasks", "0 failed", "started for this run"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &out)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// awaitTasks returns when the log within temp has some.
func awaitTasks(t *testing.T, temp string) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		logs, err := filepath.Glob(filepath.Join(temp, "*", "log-*.db-wal"))
		if err != nil {
			t.Fatal(err)
		}
		if len(logs) == 1 {
			if info, err := os.Stat(logs[0]); err == nil && info.Size() > 1<<20 {
				return
			}
		}
	}
	t.Fatal("no tasks are sent")
}

func TestAServerThatCannotStartIsToldOf(t *testing.T) {
	_, err := startOwnServer(t.Context(), filepath.Join(t.TempDir(), "absent"), 8)
	if err == nil {
		t.Error("it started in a folder that is not there")
	}
	_, err = startOwnServer(t.Context(), t.TempDir(), 0)
	if err == nil || !strings.Contains(err.Error(), "1 to 10,000") {
		t.Errorf("what the server said is not told: %v", err)
	}
}

func TestAReportIsForPeople(t *testing.T) {
	var out bytes.Buffer
	s := &stdio{out: &out}
	r := &load.Report{
		Settings: load.Settings{URL: "http://127.0.0.1:8000", Type: "SLEEP", Parameters: 240, Rate: 2000, Connections: 8, Batch: 100, Duration: 60, Wait: true},
		Machine:  load.Machine{OS: "linux", CPU: "Some Processor", CPUs: 2, Go: "go1.26"}, Server: &load.Server{Concurrency: 8, InMemory: true, Processor: 2, Memory: 50 << 20},
		Elapsed: 60, Interrupted: true, Processor: 1, Interval: 1,
		Requests: load.Requests{Answered: 1200, Failed: 3, Unsent: 1_000_000},
		Tasks:    load.Tasks{Accepted: 120_000, PerSecond: 1999.6, Succeeded: 119_999, Open: 1, EndedPerSecond: 1999},
		Latency:  load.Latencies{Count: 1200, P50: 0.512, P90: 1.1, P99: 12.4, P999: 999, Max: 2345},
		Late:     &load.Latencies{}, EndToEnd: &load.Latencies{Count: 119_999, P50: 3},
		Failures: []load.Failure{{Status: 503, Detail: "full\x1b[31m", Count: 2}, {Status: 0, Detail: "EOF", Count: 1}},
		Course:   []load.Part{{Accepted: 1000}, {Accepted: 2000}, {Accepted: 3000}, {Accepted: 1}},
	}
	if err := (&benchCmd{}).print(s, r); err != nil {
		t.Fatal(err)
	}
	const want = `load       SLEEP with 240 bytes, 100 a post, 8 connections, 2000 tasks/s, 60 s
server     started for this run, 8 slots
machine    2 × Some Processor, linux, go1.26
tasks      120,000 accepted in 60.0 s: 2,000 a second
requests   1,200 answered, 3 failed
latency    p50 0.51 ms   p90 1.10 ms   p99 12 ms   p99.9 999 ms   max 2.3 s
sent late  none
to the end p50 3.00 ms   p90 0.00 ms   p99 0.00 ms   p99.9 0.00 ms   max 0.00 ms
ended      119,999 succeeded, 1,999 a second, 1 not ended
course     ▃▅█  1,000 to 3,000 tasks/s
processor  8.3 µs a task for sending, 16.7 µs for the server, start and stop included; at most 50 MiB resident
failed     2 × 503: full\u001b[31m
failed     1 × no answer: EOF
note       the folder was not on a disk, so a sync cost nothing: --temp names another
note       the run was ended early
note       the server did not keep up: 1,000,000 requests were due and not sent
`
	if out.String() != want {
		t.Errorf("got:\n%s", &out)
	}
	out.Reset()
	if err := (&benchCmd{JSON: true}).print(s, r); err != nil {
		t.Fatal(err)
	}
	var back struct {
		Daybook string
		load.Report
	}
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back.Daybook == "" || back.Tasks != r.Tasks || bytes.Count(out.Bytes(), []byte("\n")) != 1 {
		t.Errorf("%v: %s", err, &out)
	}
}
