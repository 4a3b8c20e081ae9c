// Command tilld takes a customer's QR payment at a checkout lane, with or without a network, and settles it
// once at head office.
//
// This package only parses the command line and the signals; internal/lane, internal/hq, internal/issuer and internal/demo
// plug the parts together. Standard output carries what was asked for, standard error everything else.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"tilld/agent/payment"
)

// version is set by the linker; see the Makefile.
var version = "devel"

// The exit codes. They are part of the interface: scripts decide by them.
const (
	exitOK       = 0
	exitNegative = 1 // the answer is no: not a payment code, a journal that does not verify, a bad configuration
	exitUsage    = 2 // the command line is wrong
	exitFailure  = 3 // it could not be done: a file, a port, a server
	exitAborted  = 130
)

// errNegative is an answer, already printed, that is no.
var errNegative = errors.New("no")

// usageError is a fault of the command line that the parser can't see.
type usageError struct{ msg string }

func (e usageError) Error() string { return e.msg }

// streams are the process's own, so that tests can hold them.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

type commands struct {
	Lane    laneCmd    `cmd:"" help:"Run a checkout lane, or make it join a chain."`
	HQ      hqCmd      `cmd:"" name:"hq" help:"Run head office, or administer it."`
	Issuer  issuerCmd  `cmd:"" help:"Run the house wallet's issuer, or administer it."`
	Code    codeCmd    `cmd:"" help:"Look at a customer's code."`
	Journal journalCmd `cmd:"" help:"Look at a lane's journal, or at a copy of one."`
	Demo    demoCmd    `cmd:"" help:"Run HQ, a broker and two lanes on this machine, with a customer's phone."`
	Config  configCmd  `cmd:"" help:"Check a configuration file, or print a commented one."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

const description = `Takes a customer's QR payment at a checkout lane, with or without a network, and settles it once at
head office.

Exit codes: 0 done; 1 the answer is no (not a payment code, a journal that does not verify, a bad
configuration); 2 the command line is wrong; 3 it could not be done; 130 interrupted.`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() { // the first signal ends the work in order, a second one at once
		<-ctx.Done()
		stop()
	}()
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, std streams) int {
	var cli commands
	exit := -1
	parser, err := kong.New(&cli,
		kong.Name("tilld"), kong.Description(description), kong.UsageOnError(),
		kong.Writers(std.out, std.err),
		kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110, NoExpandSubcommands: true}),
	)
	if err != nil {
		fmt.Fprintln(std.err, "tilld:", err)
		return exitFailure
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 {
		return exit // --help has been printed
	}
	if err != nil {
		fmt.Fprintf(std.err, "tilld: %v\n", err)
		if e, ok := errors.AsType[*kong.ParseError](err); ok {
			fmt.Fprintln(std.err, hint(e.Context))
		}
		return exitUsage
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	code := report(parsed.Run(std), std.err)
	if code == exitUsage {
		fmt.Fprintln(std.err, hint(parsed))
	}
	return code
}

// hint names the help of the command that was meant. A role's default command is explained in the role's own.
func hint(c *kong.Context) string {
	name := c.Model.Name
	if node := c.Selected(); node != nil {
		if node.Parent != nil && node.Parent.DefaultCmd == node {
			node = node.Parent
		}
		name = node.FullPath()
	}
	return "Try: " + name + " --help"
}

// report turns a command's error into an exit code, and prints it unless the command has.
func report(err error, w io.Writer) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errNegative):
		if err.Error() != errNegative.Error() { // kong has wrapped it
			fmt.Fprintln(w, "tilld:", plain(err.Error()))
		}
		return exitNegative
	case errors.Is(err, context.Canceled):
		return exitAborted
	}
	fmt.Fprintln(w, "tilld:", plain(worded(err)))
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailure
}

// worded is an error for people: without the name of the function that it came from.
func worded(err error) string {
	if e, ok := errors.AsType[*payment.Error](err); ok && e.Msg != "" {
		return strings.Replace(err.Error(), e.Error(), e.Msg, 1)
	}
	return err.Error()
}

type versionCmd struct{}

// Run prints one line.
func (versionCmd) Run(std streams) error {
	_, err := fmt.Fprintln(std.out, "tilld", version)
	return err
}
