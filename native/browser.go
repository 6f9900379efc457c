package native

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// ErrNoBrowser reports that no browser could be opened: there is none, or no
// display, or it did not start. Errors that wrap it say what has been tried.
var ErrNoBrowser = errors.New("native: no browser could be opened: set BROWSER to the command of one, or sign in with a code (LoginWithDevice)")

// Tests shorten these.
var (
	// startTime is how long to wait for a command that opens a browser to fail.
	startTime = 2 * time.Second

	// launchTime is how long to wait for the page to be opened after the command has
	// failed late: a browser that starts slowly may still open it.
	launchTime = 10 * time.Second
)

// OpenBrowser opens an http or https URL in the user's browser. It returns once the
// browser is starting; ctx does not stop the browser.
//
// BROWSER in the environment names the commands to try, in order: separated by
// colons (by semicolons on Windows), each with arguments if it has any, quoted as
// in a shell. %s stands for the URL, which is the last argument otherwise. Then it
// tries the system's own: xdg-open (or gio, or x-www-browser, where that is not installed),
// open or rundll32, preceded by wslview in the Windows Subsystem for Linux.
//
// The browser does not inherit variables that a launcher (Steam, an AppImage, a snap) set
// for the program, such as LD_LIBRARY_PATH, LD_PRELOAD and PYTHONHOME, because it needs
// other libraries. Any user of the machine can see the command line.
//
// ErrNoBrowser: none could be opened. In an SSH session without a display, the
// error says so.
//
// It is the default of Config.OpenBrowser. Call it from your own function to do
// more, such as to print the URL in case no browser appears.
func OpenBrowser(ctx context.Context, address string) error {
	_, err := openBrowser(ctx, address)
	return err
}

// openBrowser is OpenBrowser. ended receives how the command ends that was still running
// when openBrowser returned. It waits no more, and tries no other, when ctx is done.
func openBrowser(ctx context.Context, address string) (ended <-chan error, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("native: OpenBrowser: not an http or https URL")
	}
	here := platform{system: runtime.GOOS, getenv: os.Getenv, executable: isExecutable}
	commands, err := here.browsers(u.String())
	reasons := []error{ErrNoBrowser, err}
	for i, command := range commands {
		if i > 0 && ctx.Err() != nil {
			return nil, fmt.Errorf("native: no browser was opened in time: %w", ctx.Err())
		}
		ended, err := start(ctx, command)
		if err == nil {
			return ended, nil
		}
		reasons = append(reasons, err)
	}
	return nil, errors.Join(reasons...)
}

func commandError(command []string, err error) error {
	return fmt.Errorf("native: %s: %w", command[0], err)
}

func isExecutable(command string) bool {
	_, err := exec.LookPath(command)
	return err == nil
}

// platform is everything that the choice of a browser depends on.
type platform struct {
	system     string // as runtime.GOOS
	getenv     func(string) string
	executable func(command string) bool
}

var errSSH = errors.New("native: this is an SSH session without a display, and a browser would open on the machine at the other end: sign in with a code (LoginWithDevice)")

// browsers returns the commands that may show a URL, the best first. err says why
// some are missing.
func (p platform) browsers(address string) (commands [][]string, err error) {
	chosen, err := p.chosen(p.getenv("BROWSER"))
	for _, command := range chosen {
		commands = append(commands, withURL(command, address))
	}
	display := p.getenv("DISPLAY") != "" || p.getenv("WAYLAND_DISPLAY") != ""
	switch {
	case p.isWSL():
		commands = append(commands,
			[]string{"wslview", address},
			[]string{"rundll32.exe", "url.dll,FileProtocolHandler", address})
	case p.isSSH() && !display:
		return commands, errors.Join(err, errSSH)
	case p.system == "windows":
		return append(commands, []string{"rundll32", "url.dll,FileProtocolHandler", address}), err
	case p.system == "darwin":
		return append(commands, []string{"open", address}), err
	}
	if display { // without one, xdg-open would start a text browser in the terminal
		commands = append(commands, append(p.opener(), address))
	}
	return commands, err
}

// opener is the first command that there is of those with which Unix desktops open a URL,
// and not all of them: a second browser could not finish what the first has begun.
func (p platform) opener() []string {
	for _, command := range [][]string{{"xdg-open"}, {"gio", "open"}, {"x-www-browser"}} {
		if p.executable(command[0]) {
			return command
		}
	}
	return []string{"xdg-open"} // whose absence the error says
}

func (p platform) isWSL() bool {
	return p.system == "linux" && (p.getenv("WSL_DISTRO_NAME") != "" || p.getenv("WSL_INTEROP") != "")
}

func (p platform) isSSH() bool {
	return p.getenv("SSH_CONNECTION") != "" || p.getenv("SSH_TTY") != ""
}

// start runs a command that opens a browser, or is one. A command that keeps running
// counts as a success; ended receives how it ends.
func start(ctx context.Context, command []string) (ended <-chan error, err error) {
	env := browserEnv(os.Environ())
	cmd := exec.Command(lookPath(command[0], env), command[1:]...)
	cmd.SysProcAttr = apart()
	cmd.Env = env
	if err := cmd.Start(); err != nil {
		return nil, commandError(command, err)
	}
	done := make(chan error, 1)
	go func() { // ends with the command, and reaps it
		err := cmd.Wait()
		if err != nil {
			err = commandError(command, err)
		}
		done <- err
	}()
	timer := time.NewTimer(startTime)
	defer timer.Stop()
	select {
	case err := <-done:
		return done, err
	case <-timer.C:
	case <-ctx.Done():
	}
	return done, nil
}

// openBrowser opens the user's browser at l. It is watched unless the program opens it.
func (p *Passport) openBrowser(ctx context.Context, l *loopback, address string) error {
	if p.c.OpenBrowser != nil {
		return l.openBy(ctx, func(ctx context.Context) error { return p.c.OpenBrowser(ctx, address) })
	}
	starting, started := context.WithCancel(ctx)
	defer started()
	l.serving.Go(func() {
		select {
		case <-l.launched:
			started()
		case <-starting.Done():
		}
	})
	ended, err := openBrowser(starting, address)
	switch {
	case err == nil:
		l.serving.Go(func() { l.watch(ended) })
	case l.hasLaunched():
		return nil
	}
	return err
}

// openBy calls open, and waits until it returns or the browser has opened the page: what
// starts a browser often waits for its end, and the browser for an answer of ours. The
// context of open does not end with the login, since it may be the browser's, unless the
// login ends before the browser has opened the page.
func (l *loopback) openBy(ctx context.Context, open func(context.Context) error) error {
	opening, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	opened := make(chan error, 1)
	go func() { opened <- open(opening) }() // ends when open does
	gaveUp := false
	defer func() {
		if gaveUp {
			giveUp()
		}
	}()
	select {
	case err := <-opened:
		if l.hasLaunched() {
			return nil
		}
		return err
	case <-l.launched:
	case err := <-l.failed:
		l.fail(err) // for wait
		gaveUp = true
	case <-ctx.Done():
		gaveUp = true
	}
	return nil
}

// watch ends the wait for a browser whose command fails late, as snaps and desktop
// services do that run into a timeout of their own.
func (l *loopback) watch(ended <-chan error) {
	select {
	case err := <-ended:
		if err != nil && !l.launches(launchTime) {
			l.fail(errors.Join(ErrNoBrowser, err))
		}
	case <-l.alive.Done():
	}
}

// launches waits for a browser that opens the page although its command has failed.
func (l *loopback) launches(within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-l.launched:
		return true
	case <-l.alive.Done():
		return true // nobody waits any more
	case <-timer.C:
		return false
	}
}
