package queues

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"daybook/bench/measure"
)

// daybookHTTP is Daybook in a separate server process, loaded over loopback. The
// process is this program once more, started with the argument ServeArg: package
// daybook as it is in the binary, with the task type that does nothing registered.
type daybookHTTP struct {
	job     measure.Job
	server  *exec.Cmd
	in      io.WriteCloser
	address string
	hits    *measure.Hits
	reader  sync.WaitGroup
}

// ServeArg is the first argument of a process that is to run Serve; the job follows.
const ServeArg = "serve-daybook"

func openDaybookHTTP(ctx context.Context, j measure.Job, hits *measure.Hits) (measure.System, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	job, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	d := &daybookHTTP{job: j, hits: hits, server: exec.CommandContext(ctx, self, ServeArg, string(job))}
	d.server.Stderr = os.Stderr
	if d.in, err = d.server.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := d.server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.server.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		return nil, errors.Join(errors.New("the server did not come up"), d.server.Wait())
	}
	d.address = lines.Text()
	d.reader.Go(func() { // each further line is the time of a start
		for lines.Scan() {
			if at, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
				hits.HitAt(time.Unix(0, at))
			}
		}
	})
	return d, nil
}

func (d *daybookHTTP) Caller() (measure.Caller, error) {
	return dialHTTP(d.address, func(n int) (string, string) {
		if n == 1 {
			return "/api/tasks/submit", submitBody()
		}
		return "/api/tasks/batch", batchBody(n)
	})
}

// Work opens the gate.
func (d *daybookHTTP) Work(context.Context) error {
	_, err := io.WriteString(d.in, "work\n")
	return err
}

// Ended asks again after half the time that the rest takes at the rate so far, so that
// asking takes nothing from what is measured.
func (d *daybookHTTP) Ended(ctx context.Context, n int64) (int64, error) {
	began, from := time.Now(), int64(-1)
	for {
		ended, err := d.tasks(ctx, "SUCCESS")
		if err != nil || ended >= n || ctx.Err() != nil {
			return ended, err
		}
		wait := time.Duration(0)
		if from < 0 {
			from = ended
		} else if ended > from {
			wait = time.Duration(float64(time.Since(began)) * float64(n-ended) / float64(ended-from) / 2)
		}
		time.Sleep(min(max(wait, leastWait), mostWait))
	}
}

// How long Ended waits before it asks again.
const (
	leastWait = 2 * time.Millisecond
	mostWait  = 50 * time.Millisecond
)

func (d *daybookHTTP) Left(ctx context.Context) (int64, error) {
	return d.tasks(ctx, "PENDING", "RUNNING")
}

// tasks asks the server how many tasks there are in the statuses.
func (d *daybookHTTP) tasks(ctx context.Context, statuses ...string) (n int64, err error) {
	var stats struct{ Totals map[string]int64 }
	err = d.get(ctx, "/api/stats", func(answer *http.Response) error {
		return json.NewDecoder(answer.Body).Decode(&stats)
	})
	for _, status := range statuses {
		n += stats.Totals[status]
	}
	return n, err
}

// Lag asks the server for the lag of its views.
func (d *daybookHTTP) Lag(ctx context.Context) (lag int64, err error) {
	err = d.get(ctx, "/metrics", func(answer *http.Response) error {
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			if value, ok := strings.CutPrefix(lines.Text(), lagMetric+" "); ok {
				events, err := strconv.ParseFloat(value, 64)
				lag = int64(events)
				return err
			}
		}
		return fmt.Errorf("there is no %s", lagMetric)
	})
	return lag, err
}

// get reads an answer to its end. The context of a wait that is over does not break it
// off: what is asked last is what counts.
func (d *daybookHTTP) get(ctx context.Context, path string, read func(*http.Response) error) error {
	request, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, "http://"+d.address+path, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, answer.Status)
	}
	err = read(answer)
	_, drainErr := io.Copy(io.Discard, answer.Body)
	return errors.Join(err, drainErr)
}

// lagMetric counts the events that the file of ended tasks is behind the log.
const lagMetric = "daybook_view_file_lag_events"

func (d *daybookHTTP) Facts(ctx context.Context) (measure.Facts, error) {
	return measure.Facts{
		Synced:     true,
		Durability: "synced before the answer: " + daybookDurability,
		Settings:   fmt.Sprintf("%d slots, no polling; a separate server process, a keep-alive connection a caller; every event and payload is kept", d.job.Workers),
		PIDs:       []int{d.server.Process.Pid},
	}, ctx.Err()
}

// Close ends the server in order, by closing its input.
func (d *daybookHTTP) Close() error {
	err := d.in.Close()
	d.reader.Wait()
	return errors.Join(err, d.server.Wait())
}
