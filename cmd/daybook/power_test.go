package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"daybook"
	"daybook/internal/powercut"
)

var cuts = flag.Int("cuts", 20, "how many power cuts are simulated")

// powered is a server whose writes and answers are recorded.
type powered struct {
	t    *testing.T
	cmd  *exec.Cmd
	run  *powercut.Run
	url  string
	http *http.Client
}

// startPowered starts the server in root and returns when it serves.
func startPowered(t *testing.T, recording *powercut.Recording, root string) *powered {
	t.Helper()
	p := &powered{t: t, cmd: exec.Command("daybook", "serve", "--addr", "127.0.0.1:0", "--data", "data", "--quiet", "--grace", "1s"),
		http: &http.Client{Transport: &http.Transport{DisableCompression: true}}}
	p.cmd.Dir = root
	var stderr lockedBuffer
	p.cmd.Stderr = &stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.run, err = recording.Start(p.cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.run.Signal(syscall.SIGKILL); _ = p.run.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server says nothing: %v\n%s", err, stderr.String())
	}
	p.url = strings.TrimSpace(line[strings.LastIndexByte(strings.TrimSpace(line), ' ')+1:])
	return p
}

// end sends the signal and waits for the end of the server and its recording. An error is one of
// the recording.
func (p *powered) end(s syscall.Signal) error {
	p.t.Helper()
	p.http.CloseIdleConnections()
	if err := p.run.Signal(s); err != nil {
		p.t.Fatal(err)
	}
	err := p.run.Wait()
	_ = p.cmd.Wait() // its exit code is that of the signal
	return err
}

// recordServer records a server that is killed once, stopped once and killed again. A recording in
// which strace has not read all says nothing of the server: it is made again.
func recordServer(t *testing.T) *powercut.Recording {
	t.Helper()
	for try := 1; ; try++ {
		root := t.TempDir()
		recording, err := powercut.New(root)
		if err != nil {
			t.Fatal(err)
		}
		for run, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL} {
			p := startPowered(t, recording, root)
			p.use(run)
			err = errors.Join(err, p.end(signal))
		}
		if err == nil {
			return recording
		}
		t.Logf("recording %d: %v", try, err)
		if try == 3 {
			t.Fatal("the server cannot be recorded")
		}
	}
}

// post sends a body that the server must take.
func (p *powered) post(path, kind string, body []byte) {
	p.t.Helper()
	a, err := p.http.Post(p.url+path, kind, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	defer a.Body.Close()
	if text, err := io.ReadAll(a.Body); err != nil || a.StatusCode/100 != 2 {
		p.t.Fatalf("%s: %s %s, %v", path, a.Status, text, err)
	}
}

// use submits tasks and uploads files.
func (p *powered) use(run int) {
	p.t.Helper()
	for i := range 12 {
		p.post("/api/tasks/submit", "application/json", []byte(`{"task_type":"SLEEP","parameters":{"seconds":0}}`))
		p.post("/api/files?name=a.csv", "application/octet-stream", fmt.Appendf(nil, "n\n%d\n%d\n%s", run, i, strings.Repeat("1\n", 700*i)))
		if i%4 == 3 {
			p.post("/api/tasks/batch", "application/json", []byte(`[{"task_type":"SLEEP","tags":["many"]},{"task_type":"SLEEP"}]`))
		}
	}
}

var (
	taskID = regexp.MustCompile(`"id":"([0-9A-HJKMNP-TV-Z]{26})"`)
	fileID = regexp.MustCompile(`"sha256":"([0-9a-f]{64})"`)
)

// acknowledged returns the tasks and files that the answers of a server name.
func acknowledged(said [][]byte) (tasks, files map[string]bool) {
	tasks, files = map[string]bool{}, map[string]bool{}
	for _, text := range said {
		if !bytes.HasPrefix(text, []byte("HTTP/1.1 2")) {
			continue
		}
		for _, m := range taskID.FindAllSubmatch(text, -1) {
			tasks[string(m[1])] = true
		}
		for _, m := range fileID.FindAllSubmatch(text, -1) {
			files[string(m[1])] = true
		}
	}
	return tasks, files
}

// missing opens the folder that a power cut has left and says what is not in it, nil if all is.
func missing(t *testing.T, dir string, tasks, files map[string]bool) (err error) {
	d, err := daybook.Open(t.Context(), daybook.Options{Data: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("the start is refused: %w", err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	get := func(path string) []byte {
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+path, nil))
		if w.Code != http.StatusOK {
			err = errors.Join(err, fmt.Errorf("GET %s: %d", path, w.Code))
		}
		return w.Body.Bytes()
	}
	for id := range tasks {
		get("/api/tasks/" + id)
	}
	for id := range files {
		if sum := sha256.Sum256(get("/api/files/" + id)); hex.EncodeToString(sum[:]) != id {
			err = errors.Join(err, fmt.Errorf("file %s has other bytes", id))
		}
	}
	return err
}

// The server itself, killed once, stopped once and killed again: after a power cut at any moment
// of it, it starts and has each task and each file that it had acknowledged.
func TestAPowerCutLosesNothingAcknowledged(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("what a server writes is recorded by strace, which is not here")
	}
	recording := recordServer(t)
	temp := t.TempDir()
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d events, seed %d", recording.Events(), seed)
	bad, most := 0, 0
	err := recording.Each(powercut.Options{Cuts: *cuts, Seed: seed, Temp: temp}, func(c powercut.Cut) {
		tasks, files := acknowledged(c.Said)
		most = max(most, len(tasks)+len(files))
		if err := missing(t, filepath.Join(c.Dir, "data"), tasks, files); err != nil {
			if bad++; bad <= 10 {
				t.Errorf("cut after %d of %d events, what was not synced is %v: %.1000v", c.At, c.Of, c.Fate, err)
			}
		}
	})
	if err != nil || bad > 0 {
		t.Errorf("%d of %d power cuts lost something, %v", bad, *cuts, err)
	}
	if most != 90 { // by use, in three runs
		t.Errorf("%d tasks and files were acknowledged, not 90: the recording misses answers", most)
	}
	lost := 0
	err = recording.Each(powercut.Options{Cuts: 30, Seed: seed, Temp: temp, IgnoreSyncs: true}, func(c powercut.Cut) {
		tasks, files := acknowledged(c.Said)
		if c.Fate != powercut.Kept && missing(t, filepath.Join(c.Dir, "data"), tasks, files) != nil {
			lost++
		}
	})
	t.Logf("on a disk that syncs nothing %d of 20 power cuts lost something", lost)
	if err != nil || lost < 10 {
		t.Errorf("a disk that syncs nothing lost something in %d of 20 power cuts, %v: the test does not see losses", lost, err)
	}
}
