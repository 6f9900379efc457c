// Command passport helps with programs that sign users in with package passport.
//
//	passport doctor [flags] [CONFIG]         finds out what is wrong with a deployment
//	passport verify [-config CONFIG] [FILE]  says whether a token is accepted, and why not
//	passport keygen [-o FILE]                makes a key for Config.EncryptionKeys
//	passport serve [flags]                   serves a stand-in for the auth domain, for development
//
// CONFIG is a JSON file as docs/configuration.md describes it. Without one, the
// configuration comes from the environment (PASSPORT_CLIENT_ID, ...). verify reads the
// token from FILE or standard input, because others can see a command line.
//
// passport COMMAND -h explains a command, its flags and its exit codes: 0 is success, 64
// is wrong usage. docs/doctor.md lists what doctor finds.
//
// Install it with
//
//	go install github.com/passport-go/passport/cmd/passport@latest
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// The exit codes of all commands. Each says in its help which it uses.
const (
	exitOK       = 0
	exitRefused  = 1
	exitFailed   = 2
	exitBadUsage = 64 // EX_USAGE of sysexits.h
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, terminal{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

// terminal is what a command reads from and writes to.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

type command struct {
	name, summary string
	run           func(context.Context, terminal, []string) int
}

var commands = []command{
	{"doctor", "finds out what is wrong with a deployment", examine},
	{"verify", "says whether a token is accepted, and why not", verify},
	{"keygen", "makes a key for Config.EncryptionKeys", keygen},
	{"serve", "serves a stand-in for the auth domain, for development", serve},
}

func run(ctx context.Context, t terminal, args []string) int {
	if len(args) == 0 {
		usage(t.err)
		return exitBadUsage
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		usage(t.out)
		return exitOK
	}
	for _, c := range commands {
		if c.name == args[0] {
			return c.run(ctx, t, args[1:])
		}
	}
	fmt.Fprint(t.err, "passport: there is no such command\n\n")
	usage(t.err)
	return exitBadUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, "usage: passport COMMAND [flags]\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-8s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\npassport COMMAND -h explains one.\n")
}

// newFlags returns the flags of a command, with its help.
func newFlags(t terminal, name, help string) *flag.FlagSet {
	flags := flag.NewFlagSet("passport "+name, flag.ContinueOnError)
	flags.SetOutput(t.err)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), help)
		flags.PrintDefaults()
	}
	return flags
}

// No command prints its arguments: a token or a key may be among them by mistake.

// parse reads the flags and at most so many arguments. If ok is false, the command
// ends with the exit code.
func parse(t terminal, flags *flag.FlagSet, args []string, most int) (code int, ok bool) {
	flags.SetOutput(io.Discard) // package flag prints what it does not understand
	err := flags.Parse(args)
	flags.SetOutput(t.err)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.Usage()
		return exitOK, false
	case err != nil:
		fmt.Fprintf(t.err, "%s: %s\n", flags.Name(), flagMistake(err))
		flags.Usage()
		return exitBadUsage, false
	case flags.NArg() > most:
		fmt.Fprintf(t.err, "%s: %d arguments are too many; flags come before arguments\n", flags.Name(), flags.NArg())
		return exitBadUsage, false
	}
	return exitOK, true
}

// flagMistake says which flag is wrong, and why, without its value.
func flagMistake(err error) string {
	text := err.Error()
	switch {
	case strings.HasPrefix(text, "invalid"):
		return "invalid value" + text[max(strings.LastIndex(text, " for -"), strings.LastIndex(text, " for flag -"), 0):]
	case strings.HasPrefix(text, "flag needs an argument"):
		return text
	}
	return "unknown flag"
}

// withoutPath leaves out the name of a file, which its user knows.
func withoutPath(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
