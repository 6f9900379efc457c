// Cli is a command line program that signs its user in and out by the system's
// browser. It needs neither an account nor a network: the first command brings an
// auth domain of its own, and runs until Ctrl-C; the others go in a second
// terminal.
//
//	go run ./examples/cli serve
//
//	go run ./examples/cli login             by the browser
//	go run ./examples/cli login --device    by a code, entered in any browser
//	go run ./examples/cli whoami
//	go run ./examples/cli logout            of the program and of Passport
//	go run ./examples/cli logout --local    of the program alone
//
// It exits with 0 if all went well; 1 if not, and for whoami if nobody is signed
// in; 2 if it was called wrongly; 3 if the user is signed out of the program and
// may not be of Passport; and 130 after Ctrl-C.
//
// The session is kept in the directory passport-example-cli of the user's
// configuration, or in the one that PASSPORT_EXAMPLE_DIR names. With
// PASSPORT_CLIENT_ID set the real auth domain is used, as passport.ConfigFromEnv
// describes; package native says what to register there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// The exit codes.
const (
	allWell = iota
	failed
	misused
	unconfirmed
	interrupted = 128 + 2 // and the number of SIGINT
)

const usage = `Usage:

  cli login [--device]    sign in by the browser, or by a code
  cli whoami              who is signed in
  cli logout [--local]    sign out, or only out of this program
  cli serve               an auth domain to try it with, until Ctrl-C
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Args[1:], terminal{out: os.Stdout, err: os.Stderr}))
}

// terminal is where results go, and everything else.
type terminal struct{ out, err io.Writer }

func (t terminal) print(format string, args ...any) { _, _ = fmt.Fprintf(t.out, format, args...) }
func (t terminal) tell(format string, args ...any)  { _, _ = fmt.Fprintf(t.err, format, args...) }

// run carries out one command and returns the exit code.
func run(ctx context.Context, args []string, t terminal) int {
	command, device, local, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		t.print(usage)
		return allWell
	}
	if err != nil {
		t.tell("%v\n\n%s", err, usage)
		return misused
	}
	if command == "serve" {
		return report(t, serve(ctx, t))
	}
	p, err := open(t)
	if err != nil {
		return report(t, err)
	}
	defer p.close()
	switch {
	case device:
		return report(t, p.loginWithDevice(ctx))
	case local:
		return p.logoutLocal(ctx)
	case command == "login":
		return report(t, p.login(ctx))
	case command == "logout":
		return p.logout(ctx)
	}
	return report(t, p.whoami(ctx))
}

// parse reads the command and its flags.
func parse(args []string) (command string, device, local bool, err error) {
	if len(args) == 0 {
		return "", false, false, flag.ErrHelp
	}
	command = args[0]
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	switch command {
	case "login":
		flags.BoolVar(&device, "device", false, "")
	case "logout":
		flags.BoolVar(&local, "local", false, "")
	case "whoami", "serve":
	case "help", "-h", "-help", "--help":
		return "", false, false, flag.ErrHelp
	default:
		return "", false, false, fmt.Errorf("there is no command %q", command)
	}
	if err := flags.Parse(args[1:]); err != nil {
		return "", false, false, err
	}
	if flags.NArg() > 0 {
		return "", false, false, fmt.Errorf("%s takes no %q", command, flags.Arg(0))
	}
	return command, device, local, nil
}
