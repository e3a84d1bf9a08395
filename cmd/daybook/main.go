// Command daybook serves a task queue that writes everything down, and talks to one.
//
// It alone reads the environment and ends the process; all it does beyond that is
// to read flags, to call the packages that do the work, and to show what they say.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/term"
)

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // by Ctrl-C, while what was waited for goes on: 128 + SIGINT
)

func main() {
	os.Exit(run(onSignals(), os.Args[1:], processStdio()))
}

// onSignals returns a context that ends at the first SIGINT or SIGTERM; what later ones do,
// says obey.
func onSignals() context.Context {
	signals := make(chan os.Signal, 3)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	second := &hurry{}
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), hurryKey{}, second))
	go func() { // lives as long as the process
		second.handle(signals, cancel)
		os.Exit(exitFailed)
	}()
	return ctx
}

// hurry is what the second signal does to a command that has more to end than itself.
type hurry struct{ do atomic.Pointer[func()] }

type hurryKey struct{}

// handle calls stop at the first signal. At the second it calls what was given to onHurry, and
// returns at the third; it returns at the second if nothing was given. Whoever calls it ends
// the process then.
func (h *hurry) handle(signals <-chan os.Signal, stop func()) {
	<-signals
	stop()
	<-signals
	if do := h.do.Load(); do != nil {
		(*do)()
		<-signals
	}
}

// onHurry says what the second signal does, instead of ending the process.
func onHurry(ctx context.Context, do func()) {
	if h, ok := ctx.Value(hurryKey{}).(*hurry); ok {
		h.do.Store(&do)
	}
}

func processStdio() *stdio {
	plain := os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
	s := &stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	s.outTerminal = term.IsTerminal(int(os.Stdout.Fd()))
	s.errTerminal = term.IsTerminal(int(os.Stderr.Fd()))
	s.outColour = s.outTerminal && !plain
	s.errColour = s.errTerminal && !plain
	s.size = func() (columns, lines int) {
		for _, f := range []*os.File{os.Stdout, os.Stderr} {
			if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
				return w, h
			}
		}
		return 80, 24
	}
	return s
}

// cli is the whole command line.
type cli struct {
	Serve     serveCmd     `cmd:"" help:"Start the server: queue, API and page."`
	Submit    submitCmd    `cmd:"" help:"Submit a task."`
	Tasks     tasksCmd     `cmd:"" help:"List tasks."`
	Task      taskCmd      `cmd:"" help:"Show one task and its history."`
	Watch     watchCmd     `cmd:"" help:"Show changes live."`
	Cancel    cancelCmd    `cmd:"" help:"Cancel tasks."`
	Retry     retryCmd     `cmd:"" help:"Retry failed or cancelled tasks."`
	Move      moveCmd      `cmd:"" help:"Change the priority or the start time of pending tasks."`
	Bulk      bulkCmd      `cmd:"" help:"Change all tasks that match a filter."`
	Erase     eraseCmd     `cmd:"" help:"Erase the parameters, results and texts of tasks that have ended."`
	Undo      undoCmd      `cmd:"" help:"Undo a cancel, a change of priority, a pause or a bulk."`
	Workflow  workflowCmd  `cmd:"" help:"Submit several tasks that depend on each other out of a file; show, cancel and retry them."`
	Event     eventCmd     `cmd:"" help:"Send an event that tasks wait for."`
	Approvals approvalsCmd `cmd:"" help:"List what tasks ask of people."`
	Approve   approveCmd   `cmd:"" help:"Approve what a task asks."`
	Reject    rejectCmd    `cmd:"" help:"Reject what a task asks."`
	Queue     queueCmd     `cmd:"" help:"Pause, resume and limit queues."`
	Worker    workerCmd    `cmd:"" help:"List workers, and quiet them."`
	Schedule  scheduleCmd  `cmd:"" help:"Submit tasks by cron and interval."`
	Outbox    outboxCmd    `cmd:"" help:"Submit tasks that a program has left in its own database."`
	Log       logCmd       `cmd:"" help:"Print the log, or follow it."`
	Replay    replayCmd    `cmd:"" help:"Show the counts of all tasks as they were at an earlier point of the log."`
	TaskLog   taskLogCmd   `cmd:"" name:"task-log" aliases:"logs" help:"Print the lines that a task has written, or follow them."`
	Trace     traceCmd     `cmd:"" help:"Print the trace of a task as OpenTelemetry spans."`
	Doctor    doctorCmd    `cmd:"" help:"Explain why a server does not start on a data folder, and how to repair it."`
	SQL       sqlCmd       `cmd:"" name:"sql" help:"Query the views of a data folder with SQL."`
	Verify    verifyCmd    `cmd:"" help:"Verify that the log and the files are unchanged."`
	Cluster   clusterCmd   `cmd:"" help:"Show the cluster that a server belongs to."`
	Bench     benchCmd     `cmd:"" help:"Measure the throughput and latency of a server."`
	Types     typesCmd     `cmd:"" help:"List the task types, and declare those that workers run."`
	Alert     alertCmd     `cmd:"" help:"Watch queues and failures: create, list and delete alerts."`
	Webhook   webhookCmd   `cmd:"" help:"Send events to other servers: create, list, test and delete webhooks."`
	Token     tokenCmd     `cmd:"" help:"Create, list and revoke tokens."`
	Config    configCmd    `cmd:"" help:"Check a configuration file."`

	WorkerCheck workerCheckCmd `cmd:"" name:"worker-check" help:"Test a worker in any language against a real server."`

	Healthcheck healthcheckCmd `cmd:"" help:"Check that a server is healthy, for containers."`

	Version versionCmd `cmd:"" help:"Print the version."`

	Completion completionCmd `cmd:"" help:"Print completions for a shell."`
}

// Help is shown below the usage of the program itself.
func (cli) Help() string {
	return `Start a server and open its page, then submit a task from another terminal:

    daybook serve
    daybook submit SLEEP -p seconds=3 --wait

"daybook help COMMAND" explains one command. All flags of serve can also be set in the environment
(--data is DAYBOOK_DATA), and those of other commands that name the variable: DAYBOOK_SERVER,
DAYBOOK_CA, DAYBOOK_JSON. A server that has tokens needs one: set DAYBOOK_TOKEN.

Exit codes: 0 done, 1 failed, 2 usage error, 130 interrupted while waiting.`
}

// run parses the arguments, carries out the command and returns the exit code.
func run(ctx context.Context, args []string, s *stdio) (code int) {
	defer func() {
		if r := recover(); r != nil {
			wanted, ok := r.(earlyExit)
			if !ok {
				panic(r)
			}
			code = int(wanted)
		}
	}()
	parser, err := newParser(ctx, s)
	if err != nil {
		return s.fail(err)
	}
	parsed, err := parser.Parse(spelled(args))
	if err != nil {
		return s.misuse(err)
	}
	if err := errors.Join(nothingEmpty(parsed), nothingZero(parsed)); err != nil {
		return s.misuse(err)
	}
	return s.fail(parsed.Run())
}

// nothingEmpty refuses an argument or flag that was given as an empty text: it comes from a
// variable that is not set, and means something other than leaving it out.
func nothingEmpty(parsed *kong.Context) error {
	for _, p := range parsed.Path {
		name, value := "", (*kong.Value)(nil)
		switch {
		case p.Flag != nil:
			name, value = "--"+p.Flag.Name, p.Flag.Value
		case p.Positional != nil:
			name, value = "<"+p.Positional.Name+">", p.Positional
		default:
			continue
		}
		empty := value.Target.Kind() == reflect.String && value.Target.Len() == 0
		if value.Target.Kind() == reflect.Slice && value.Target.Type().Elem().Kind() == reflect.String {
			empty = value.Target.Len() == 0
			for i := range value.Target.Len() {
				empty = empty || value.Target.Index(i).Len() == 0
			}
		}
		if empty {
			if value.Required {
				return misuse("%s must not be empty; give it a value, or check the variable it comes from", name)
			}
			return misuse("%s must not be empty; leave it out, or check the variable it comes from", name)
		}
	}
	return nil
}

// nothingZero refuses a flag with the tag "positive" that was given as 0 or less: the server would get the same as without the
// flag, and take its default.
func nothingZero(parsed *kong.Context) error {
	for _, p := range parsed.Path {
		if p.Flag == nil || !p.Flag.Tag.Has("positive") {
			continue
		}
		if v := p.Flag.Target; v.CanInt() && v.Int() <= 0 {
			return misuse("--%s must be more than 0; leave it out for what holds without it", p.Flag.Name)
		}
	}
	return nil
}

// spelled turns what people type into what the parser knows: "help X" into "X --help",
// "--version" into the command, and "--priority -5" and "-n -1" into "--priority=-5" and
// "-n-1", which would be read as flags else.
func spelled(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "--version":
		return append([]string{"version"}, args[1:]...)
	case args[0] == "help":
		return append(args[1:len(args):len(args)], "--help")
	}
	var out []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(out, args[i:]...)
		}
		long := strings.HasPrefix(arg, "--") && !strings.Contains(arg, "=")
		short := len(arg) == 2 && arg[0] == '-' && arg[1] != '-'
		if short && i+1 < len(args) && negativeNumber.MatchString(args[i+1]) {
			i++
			arg += args[i]
		}
		if long && i+1 < len(args) && negativeNumber.MatchString(args[i+1]) {
			i++
			arg += "=" + args[i]
		}
		out = append(out, arg)
	}
	return out
}

// negativeNumber matches -5, -0.5 and -1h, and no flag.
var negativeNumber = regexp.MustCompile(`^-[0-9.]`)

// earlyExit carries kong's wish to exit (after --help) up to run.
type earlyExit int

func newParser(ctx context.Context, s *stdio) (*kong.Kong, error) {
	options := append(environment(),
		kong.Name("daybook"),
		kong.Description("A task queue that writes everything down."),
		kong.Writers(s.out, s.err),
		kong.Exit(func(code int) { panic(earlyExit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
	)
	return kong.New(&cli{}, options...)
}

// usageError is a wrong use that only the command itself can see.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func misuse(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errSilent fails without a word: what is wrong has been told already.
var errSilent = errors.New("")

// errInterrupted ends with exitInterrupted: what goes on has been told already.
var errInterrupted = errors.New("interrupted")

// stdio is the terminal, or the pipe, that the command talks to.
type stdio struct {
	in       io.Reader
	out, err io.Writer

	outTerminal, errTerminal bool
	outColour, errColour     bool
	size                     func() (columns, lines int)
}

// width is how many columns there are.
func (s *stdio) width() int {
	columns, _ := s.size()
	return columns
}

// fail tells err, if there is one, and returns the exit code.
func (s *stdio) fail(err error) int {
	var wrong usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errSilent):
		return exitFailed
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.As(err, &wrong):
		return s.misuse(err)
	}
	s.sayError(err)
	return exitFailed
}

// sayError prints err. Its text may be that of a server, or of an argument.
func (s *stdio) sayError(err error) {
	fmt.Fprintf(s.err, "%s %s\n", s.paintErr("31", "daybook:"), s.safe(err.Error()))
}

// misuse tells a wrong use and returns its exit code.
func (s *stdio) misuse(err error) int {
	s.sayError(err)
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil && parse.Context.Selected() != nil {
		fmt.Fprintf(s.err, "Try: %s --help\n", parse.Context.Selected().FullPath())
	}
	return exitUsage
}
