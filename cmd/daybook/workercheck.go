package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"daybook/client"
)

type workerCheckCmd struct {
	Type       string   `required:"" env:"-" placeholder:"TYPE" help:"A task type that the worker runs."`
	Param      []string `short:"p" sep:"none" placeholder:"KEY=VALUE" help:"A parameter of a task that ends within seconds; may be repeated."`
	Parameters string   `placeholder:"JSON" help:"All its parameters as one JSON object."`
	Long       string   `placeholder:"JSON" help:"Parameters of a task that runs for a minute and reports progress. By default the others with \"seconds\": 60."`
	Addr       string   `env:"-" default:"127.0.0.1:0" placeholder:"HOST:PORT" help:"Address that the worker connects to; by default a free port of loopback."`
	Only       []string `placeholder:"CHECK" help:"Run only these checks; may be repeated."`
	JSON       bool     `help:"Print JSON, for scripts."`
	Command    []string `arg:"" optional:"" help:"The command that starts the worker, after --. Without one, start the worker yourself."`
}

func (workerCheckCmd) Help() string {
	return `Starts a server with a temporary folder, starts the worker with DAYBOOK_URL set to its address, and watches what the
worker does when tasks are cancelled, leases are lost, answers are lost, the server is busy, quiet, killed and started
again, and at last when the worker gets SIGTERM. Each check prints one line; a check that fails prints what was
expected and what was seen. It takes about two minutes. Exit code 1 if a check failed.

The worker connects through a proxy in this command, which shortens leases to 3 seconds. docs/worker-protocol.md says
what a worker must do.

Examples:

    daybook worker-check --type wordcount -p text="to be or not" -- python3 examples/worker.py
    daybook worker-check --type resize --long '{"frames":5000}' --addr 127.0.0.1:9000
    daybook worker-check --type wordcount --only cancel --only quiet -- python3 examples/worker.py`
}

// AfterApply checks what the flags' types do not.
func (c *workerCheckCmd) AfterApply() error {
	short, err := parameters(c.Parameters, c.Param)
	if err != nil {
		return err
	}
	if c.Parameters, err = object(short); err != nil {
		return err
	}
	long := maps.Clone(short)
	long["seconds"] = json.RawMessage("60")
	if c.Long != "" {
		if long, err = parameters(c.Long, nil); err != nil {
			return fmt.Errorf("--long: %w", err)
		}
	}
	if c.Long, err = object(long); err != nil {
		return err
	}
	for _, name := range c.Only {
		if !slices.Contains(checkNames(), name) {
			return fmt.Errorf("--only: there is no check %q; they are %s", name, strings.Join(checkNames(), ", "))
		}
	}
	return nil
}

func (c *workerCheckCmd) Run(ctx context.Context, s *stdio) (err error) {
	dir, err := os.MkdirTemp("", "daybook-check-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	k := &workerCheck{cmd: c, dir: dir}
	defer k.stopAll()
	if err := k.start(ctx, s); err != nil {
		return err
	}
	failed := 0
	for _, check := range checks {
		if !c.wants(check.name) || check.needsCommand && len(c.Command) == 0 {
			continue
		}
		fault := k.run(ctx, check)
		if ctx.Err() != nil {
			return errSilent
		}
		if fault != nil {
			failed++
		}
		if err := c.print(s, check, fault); err != nil {
			return err
		}
		if errors.Is(fault, errNeverAsks) {
			break
		}
	}
	if failed > 0 {
		if said := k.said.String(); said != "" {
			fmt.Fprintln(s.err, "The worker printed:")
			for line := range strings.Lines(said) {
				fmt.Fprintln(s.err, "  "+s.safe(strings.TrimRight(line, "\r\n")))
			}
		}
		return fmt.Errorf("%s failed; docs/worker-protocol.md says what a worker must do", counted(failed, "check"))
	}
	return nil
}

// object is parameters as JSON.
func object(params map[string]json.RawMessage) (string, error) {
	text, err := json.Marshal(params)
	return string(text), err
}

// wants reports whether a check is to run. The first always is: it waits for the worker.
func (c *workerCheckCmd) wants(name string) bool {
	return len(c.Only) == 0 || name == checks[0].name || slices.Contains(c.Only, name)
}

// print prints what came of one check.
func (c *workerCheckCmd) print(s *stdio, check check, fault error) error {
	if c.JSON {
		line := struct {
			Check  string `json:"check"`
			OK     bool   `json:"ok"`
			Expect string `json:"expected"`
			Seen   string `json:"seen,omitempty"`
		}{check.name, fault == nil, check.expect, ""}
		if fault != nil {
			line.Seen = fault.Error()
		}
		return json.NewEncoder(s.out).Encode(line)
	}
	if fault == nil {
		_, err := fmt.Fprintf(s.out, "%s    %-14s %s\n", s.paint("32", "ok"), check.name, check.expect)
		return err
	}
	_, err := fmt.Fprintf(s.out, "%s  %-14s expected: %s\n%20s seen: %s\n", s.paint("31", "FAIL"), check.name, check.expect, "", s.safe(fault.Error()))
	return err
}

// workerCheck is one run: a server, a proxy before it, and the worker that connects to the proxy.
type workerCheck struct {
	cmd    *workerCheckCmd
	dir    string
	server *ownServer
	client *client.Client // of the server
	front  *checkProxy
	worker *exec.Cmd // nil = the user starts it
	exited chan struct{}
	code   int         // of the worker; set before exited is closed
	said   *tailBuffer // what the worker printed
}

func (k *workerCheck) start(ctx context.Context, s *stdio) error {
	k.said = &tailBuffer{}
	if err := k.startServer(ctx); err != nil {
		return err
	}
	front, err := newCheckProxy(ctx, k.cmd.Addr)
	if err != nil {
		return err
	}
	k.front = front
	front.to(k.server.url)
	if len(k.cmd.Command) == 0 {
		_, err := fmt.Fprintf(s.err, "Start the worker with DAYBOOK_URL=%s\n", front.url())
		return err
	}
	k.worker = exec.CommandContext(context.WithoutCancel(ctx), k.cmd.Command[0], k.cmd.Command[1:]...)
	k.worker.Env = append(os.Environ(), "DAYBOOK_URL="+front.url())
	k.worker.Stdout, k.worker.Stderr = k.said, k.said
	k.worker.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for this command, which stops the worker
	endWithUs(k.worker.SysProcAttr)
	k.worker.WaitDelay = time.Second
	if err := k.worker.Start(); err != nil {
		return fmt.Errorf("start the worker: %w", err)
	}
	k.exited = make(chan struct{})
	go func() {
		_ = k.worker.Wait() // the exit code is what counts
		k.code = k.worker.ProcessState.ExitCode()
		close(k.exited)
	}()
	return nil
}

// startServer starts the server, or starts it again.
func (k *workerCheck) startServer(ctx context.Context) (err error) {
	if k.server, err = serveIn(ctx, k.dir, 1); err != nil {
		return err
	}
	k.client, err = client.New(k.server.url, nil)
	return err
}

// stopAll ends what is left.
func (k *workerCheck) stopAll() {
	if k.exited != nil {
		_ = syscall.Kill(-k.worker.Process.Pid, syscall.SIGKILL) // the group: what the worker started too
		<-k.exited
	}
	if k.front != nil {
		k.front.close()
	}
	if k.server != nil {
		k.server.kill()
	}
}

// tailBuffer keeps the last of what is written to it.
type tailBuffer struct {
	mu   sync.Mutex
	last []byte // guarded by mu
}

const tailBytes = 4 << 10

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = append(b.last, p...)
	if over := len(b.last) - tailBytes; over > 0 {
		b.last = append(b.last[:0], b.last[over:]...)
	}
	return len(p), nil
}

func (b *tailBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.last)
}
