package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"daybook/bench/measure"
	"daybook/bench/queues"
	"daybook/bench/servers"
)

// turn is one job for one system.
type turn struct {
	self   string
	spec   queues.Spec
	server *servers.Server // nil = needs none
	job    measure.Job
	facts  measure.Facts
}

// overtime is what a child gets beyond the limits of its job.
const overtime = 120 * time.Second

// fillAndStart leaves a large backlog, stops all processes, and measures from the start
// of the first of them to the first task.
func (t *turn) fillAndStart(ctx context.Context, large int) (measure.Result, error) {
	t.job.Row, t.job.Backlog = measure.Fill, large
	if r, err := t.child(ctx); err != nil {
		return r, fmt.Errorf("fill: %w", err)
	}
	if t.server != nil {
		if err := t.server.Stop(); err != nil {
			return measure.Result{}, err
		}
	}
	t.job.Row = measure.Start
	began := time.Now()
	if t.server != nil {
		if err := t.server.Start(ctx); err != nil {
			return measure.Result{}, err
		}
	}
	r, err := t.child(ctx)
	r.Seconds = time.Duration(r.First - began.UnixNano()).Seconds()
	return r, err
}

// child runs the job in a separate process.
func (t *turn) child(ctx context.Context) (r measure.Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.limit())
	defer cancel()
	job, err := json.Marshal(t.job)
	if err != nil {
		return r, err
	}
	cmd := exec.CommandContext(ctx, t.self, childArg, string(job))
	if t.spec.Open == nil {
		cmd = exec.CommandContext(ctx, "node", filepath.Join(bullmqDir, "child.mjs"), string(job))
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return r, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return r, err
	}
	if err := cmd.Start(); err != nil {
		return r, err
	}
	r, err = t.listen(out, in)
	in.Close()
	waitErr := cmd.Wait()
	if ctx.Err() != nil {
		waitErr = errors.Join(ctx.Err(), waitErr)
	}
	return r, errors.Join(err, waitErr)
}

// limit is when a child is taken to hang.
func (t *turn) limit() time.Duration {
	return overtime + t.job.Load() + time.Duration(2*t.job.Limit*float64(time.Second))
}

// listen hears the child out.
func (t *turn) listen(out io.Reader, in io.Writer) (measure.Result, error) {
	var (
		r           measure.Result
		done        bool
		idle, after float64
		errs        []error
	)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m measure.Message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return r, fmt.Errorf("the child said %q: %w", lines.Text(), err)
		}
		switch {
		case m.Facts != nil:
			t.facts = *m.Facts
		case m.Result != nil:
			r, done = *m.Result, true
		case m.Error != "":
			errs = append(errs, errors.New(m.Error))
		case m.Phase != "":
			mb, err := t.memory()
			if err != nil {
				return r, err
			}
			if m.Phase == "idle" {
				idle = mb
			} else {
				after = mb
			}
			if _, err := io.WriteString(in, "go on\n"); err != nil {
				return r, err
			}
		}
	}
	r.Idle, r.After = idle, after
	if !done && errs == nil {
		errs = append(errs, errors.New("the child ended without a result"))
	}
	return r, errors.Join(append(errs, lines.Err())...)
}

// memory is what the system and its server hold, a second after all is quiet.
func (t *turn) memory() (float64, error) {
	time.Sleep(time.Second)
	pids := t.facts.PIDs
	if t.server != nil {
		pids = append(append([]int{}, pids...), t.server.PIDs()...)
	}
	return servers.Memory(pids)
}
