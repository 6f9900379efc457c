package native

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// ErrNoBrowser reports that no browser could be opened: there is none, or no
// screen to show it on.
var ErrNoBrowser = errors.New("native: no browser could be opened: set BROWSER to the command of one, or sign in with a code (LoginWithDevice)")

// startTime is how long a command that is to open a browser may take to fail.
const startTime = 2 * time.Second

// OpenBrowser shows an http or https URL in the user's browser: that of the
// environment variable BROWSER (commands separated by colons, of which the first
// that works counts; %s in one stands for the URL), or else that of the system,
// by xdg-open, open or rundll32. It returns once the browser is on its way, and
// does not end it with ctx. ErrNoBrowser: none could be opened.
//
// It is the default of Config.OpenBrowser, and there for functions that do
// something beside it, such as to print the URL in case the browser does not show
// up.
func OpenBrowser(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("native: OpenBrowser: not an http or https URL")
	}
	reasons := []error{ErrNoBrowser}
	for _, command := range browsers(runtime.GOOS, os.Getenv, u.String()) {
		err := start(ctx, command)
		if err == nil {
			return nil
		}
		reasons = append(reasons, fmt.Errorf("native: %s: %w", command[0], err))
	}
	return errors.Join(reasons...)
}

// browsers are the commands that may show a URL, the best first.
func browsers(system string, getenv func(string) string, address string) (commands [][]string) {
	for _, text := range strings.Split(getenv("BROWSER"), ":") {
		if command := strings.Fields(text); len(command) > 0 {
			commands = append(commands, withURL(command, address))
		}
	}
	switch system {
	case "windows":
		return append(commands, []string{"rundll32", "url.dll,FileProtocolHandler", address})
	case "darwin":
		return append(commands, []string{"open", address})
	}
	if getenv("DISPLAY") == "" && getenv("WAYLAND_DISPLAY") == "" {
		return commands // xdg-open would take over the terminal with a browser for text
	}
	return append(commands, []string{"xdg-open", address})
}

func withURL(command []string, address string) []string {
	if !slices.ContainsFunc(command, func(word string) bool { return strings.Contains(word, "%s") }) {
		return append(command, address)
	}
	for i, word := range command {
		command[i] = strings.ReplaceAll(word, "%s", address)
	}
	return command
}

// start runs a command that opens a browser, or is one. One that goes on running
// is taken for a success.
func start(ctx context.Context, command []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.SysProcAttr = apart()
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the command, and frees what the system has of it
	timer := time.NewTimer(startTime)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
	case <-ctx.Done():
	}
	return nil
}
