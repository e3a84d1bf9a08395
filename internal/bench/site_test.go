package bench_test

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"daybook/client"
)

// site is the real binary on a data folder that outlives it.
type site struct {
	t       *testing.T
	dir     string
	address string
	cmd     *exec.Cmd
	client  *client.Client
	web     *http.Client
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "daybook-curves-")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, dir: dir, web: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(s.remove)
	return s
}

func (s *site) url() string { return "http://" + s.address }

// start runs the server and returns how long it took until it was ready.
func (s *site) start() time.Duration {
	s.t.Helper()
	path, err := binary()
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd = exec.Command(path, "serve", "--addr", "127.0.0.1:0", "--data", s.dir, "--concurrency", strconv.Itoa(curveSlots), "--quiet", "--grace", "1s")
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.t.Fatal("the server did not come up: ", err)
	}
	_, s.address, _ = strings.Cut(strings.TrimSpace(line), "http://")
	for {
		resp, err := s.web.Get(s.url() + "/readyz")
		if err != nil {
			s.t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			break
		}
		if err := pause(s.t.Context(), time.Millisecond); err != nil {
			s.t.Fatal(err)
		}
	}
	took := time.Since(begin)
	if s.client, err = client.New(s.url(), s.web); err != nil {
		s.t.Fatal(err)
	}
	return took
}

// get reads an answer and returns the address of the next page, "" if there is none, and how
// long it took.
func (s *site) get(path string) (next string, took time.Duration) {
	s.t.Helper()
	begin := time.Now()
	resp, err := s.web.Get(s.url() + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		s.t.Fatal(err)
	}
	took = time.Since(begin)
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: %s", path, resp.Status)
	}
	if link, _, ok := strings.Cut(strings.TrimPrefix(resp.Header.Get("Link"), "<"), ">"); ok {
		next = strings.TrimPrefix(link, s.url())
	}
	return next, took
}

// resident is the memory that the server holds, in bytes; 0 where the system does not tell.
func (s *site) resident() float64 {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "statm"))
	if err != nil {
		return 0
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return pages * float64(os.Getpagesize())
}

// stop ends the server in order.
func (s *site) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	s.web.CloseIdleConnections()
	if err := s.cmd.Wait(); err != nil {
		s.t.Fatal(err)
	}
	s.cmd = nil
}

// kill ends it at once.
func (s *site) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
	s.web.CloseIdleConnections()
}

// remove ends it and takes its folder away. It may be called again.
func (s *site) remove() {
	s.kill()
	if err := os.RemoveAll(s.dir); err != nil {
		s.t.Error(err)
	}
}
