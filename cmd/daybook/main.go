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
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/term"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(run(onSignals(), os.Args[1:], processStdio()))
}

// onSignals returns a context that ends at the first SIGINT or SIGTERM. The second
// one ends the process at once.
func onSignals() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() { // lives as long as the process
		<-signals
		cancel()
		<-signals
		os.Exit(exitFailed)
	}()
	return ctx
}

func processStdio() *stdio {
	plain := os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
	s := &stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	s.outTerminal = term.IsTerminal(int(os.Stdout.Fd()))
	s.errTerminal = term.IsTerminal(int(os.Stderr.Fd()))
	s.outColour = s.outTerminal && !plain
	s.errColour = s.errTerminal && !plain
	s.width = func() int {
		for _, f := range []*os.File{os.Stdout, os.Stderr} {
			if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
				return w
			}
		}
		return 80
	}
	return s
}

// cli is the whole command line.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Start the server: queue, API and page."`
	Submit  submitCmd  `cmd:"" help:"Submit a task."`
	Tasks   tasksCmd   `cmd:"" help:"List tasks."`
	Task    taskCmd    `cmd:"" help:"Show one task and its history."`
	Watch   watchCmd   `cmd:"" help:"Show changes live."`
	Cancel  cancelCmd  `cmd:"" help:"Call tasks off."`
	Retry   retryCmd   `cmd:"" help:"Send failed or cancelled tasks round again."`
	Log     logCmd     `cmd:"" help:"Print the log, or follow it."`
	Verify  verifyCmd  `cmd:"" help:"Prove that nothing in the log was changed."`
	Bench   benchCmd   `cmd:"" help:"Load a server and measure how it answers."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// Help is shown below the usage of the program itself.
func (cli) Help() string {
	return `Start a server and open its page, then submit something from another terminal:

    daybook serve
    daybook submit SLEEP -p seconds=3 --wait

Every flag can also be set in the environment: --server is DAYBOOK_SERVER.
Exit codes: 0 done, 1 failed, 2 wrong use.`
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
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return s.misuse(err)
	}
	return s.fail(parsed.Run())
}

// earlyExit carries kong's wish to exit (after --help) up to run.
type earlyExit int

func newParser(ctx context.Context, s *stdio) (*kong.Kong, error) {
	return kong.New(&cli{},
		kong.Name("daybook"),
		kong.Description("A task queue that writes everything down."),
		kong.Writers(s.out, s.err),
		kong.Exit(func(code int) { panic(earlyExit(code)) }),
		kong.DefaultEnvars("DAYBOOK"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
	)
}

// usageError is a wrong use that only the command itself can see.
type usageError struct{ error }

func misuse(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errSilent fails without a word: what is wrong has been told already.
var errSilent = errors.New("")

// stdio is the terminal, or the pipe, that the command talks to.
type stdio struct {
	in       io.Reader
	out, err io.Writer

	outTerminal, errTerminal bool
	outColour, errColour     bool
	width                    func() int // columns
}

// fail tells err, if there is one, and returns the exit code.
func (s *stdio) fail(err error) int {
	var wrong usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errSilent):
		return exitFailed
	case errors.As(err, &wrong):
		return s.misuse(err)
	}
	fmt.Fprintf(s.err, "%s %v\n", s.paintErr("31", "daybook:"), err)
	return exitFailed
}

// misuse tells a wrong use and returns its exit code.
func (s *stdio) misuse(err error) int {
	fmt.Fprintf(s.err, "%s %v\n", s.paintErr("31", "daybook:"), err)
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil && parse.Context.Selected() != nil {
		fmt.Fprintf(s.err, "Try: daybook %s --help\n", parse.Context.Selected().Name)
	}
	return exitUsage
}
