//go:build unix

package native_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/native"
)

const someURL = "https://auth.example.com/authorize?state=a&x=$(id)"

// command writes a program that notes what it was called with, and then does
// more. It returns its path and where it notes.
func command(t *testing.T, more string) (program, notes string) {
	t.Helper()
	dir := t.TempDir()
	program, notes = filepath.Join(dir, "browser"), filepath.Join(dir, "notes")
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\" > " + notes + ".new && mv " + notes + ".new " + notes + "\n" + more + "\n"
	require.NoError(t, os.WriteFile(program, []byte(script), 0o700))
	return program, notes
}

// noted waits for what a command was called with.
func noted(t *testing.T, notes string) []string {
	t.Helper()
	var text []byte
	require.Eventually(t, func() (ok bool) {
		var err error
		text, err = os.ReadFile(notes)
		return err == nil
	}, patience, time.Millisecond)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func TestTheUsersChoiceOfABrowserCounts(t *testing.T) {
	good, notes := command(t, "exit 0")
	bad, _ := command(t, "exit 1")
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	for choice, want := range map[string][]string{
		good:                                   {someURL},
		good + " --new-window":                 {"--new-window", someURL},
		good + " --url=%s --wait":              {"--url=" + someURL, "--wait"},
		"/no/such/program:" + bad + ":" + good: {someURL},
	} {
		t.Setenv("BROWSER", choice)
		require.NoError(t, native.OpenBrowser(t.Context(), someURL), choice)
		assert.Equal(t, want, noted(t, notes), choice)
		require.NoError(t, os.Remove(notes))
	}
}

func TestABrowserThatStaysIsOnItsWay(t *testing.T) {
	native.ShortenStart(t, 100*time.Millisecond)
	program, notes := command(t, "exec sleep 5")
	t.Setenv("BROWSER", program)
	require.NoError(t, native.OpenBrowser(t.Context(), someURL))
	assert.Equal(t, []string{someURL}, noted(t, notes))
}

// As with a snap, or a service of the desktop, that runs into a timeout of its own.
func TestABrowserThatFailsLateIsNone(t *testing.T) {
	native.ShortenStart(t, 100*time.Millisecond)
	native.ShortenLaunch(t, 100*time.Millisecond)
	late, _ := command(t, "sleep .3; exit 4")
	d := newDesktop(t)
	d.login(d.p)
	p := d.run(func(c *native.Config) { c.OpenBrowser = nil })
	t.Setenv("BROWSER", late)
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	begun := time.Now()
	_, err := p.Login(t.Context(), passport.LoginOptions{})
	require.ErrorIs(t, err, native.ErrNoBrowser)
	assert.ErrorContains(t, err, late+": exit status 4")
	assert.NotErrorIs(t, err, passport.ErrNoLogin)
	l, err := p.Logout(t.Context())
	require.ErrorIs(t, err, native.ErrNoBrowser)
	assert.Equal(t, passport.OutcomeDone, l.App)
	assert.Equal(t, passport.OutcomePending, l.Passport, "nobody has been sent to the auth domain")
	assert.Less(t, time.Since(begun), patience)
}

// Some commands fail although the browser has opened.
func TestABrowserThatHasOpenedThePageIsOne(t *testing.T) {
	native.ShortenStart(t, time.Millisecond)
	late, notes, fail := failing(t)
	d := newDesktop(t)
	p := d.run(func(c *native.Config) { c.OpenBrowser = nil })
	t.Setenv("BROWSER", late)
	browser := d.auth.Browser()
	ended := make(chan error, 1)
	go func() {
		_, err := p.Login(t.Context(), passport.LoginOptions{})
		ended <- err
	}()
	to := d.follow(browser, noted(t, notes)[0])
	fail()
	select {
	case err := <-ended:
		require.NoError(t, err, "the user is still typing")
	case <-time.After(time.Second):
	}
	d.visit(browser, to)
	require.NoError(t, <-ended)
}

// As with BROWSER=firefox, if it is not running yet: a user whom the provider knows is back
// in no time.
func TestABrowserThatIsBackAlreadyIsNotWaitedFor(t *testing.T) {
	native.ShortenStart(t, time.Hour)
	dir := t.TempDir() // removed when the test ends, and with it the command
	stays, notes := command(t, "while [ -d "+dir+" ]; do sleep .01; done; exit 4")
	d := newDesktop(t)
	p := d.run(func(c *native.Config) { c.OpenBrowser = nil })
	second, opened := command(t, "exit 0")
	t.Setenv("BROWSER", stays+":"+second)
	browser := d.auth.Browser()
	ended := make(chan error, 2)
	go func() {
		_, err := p.Login(t.Context(), passport.LoginOptions{})
		ended <- err
	}()
	d.visit(browser, noted(t, notes)[0])
	waitFor(t, ended)
	require.NoError(t, os.Remove(notes))
	go func() {
		l, err := p.Logout(t.Context())
		assert.Equal(t, passport.OutcomeDone, l.Passport)
		ended <- err
	}()
	d.visit(browser, noted(t, notes)[0])
	waitFor(t, ended)
	assert.NoFileExists(t, opened, "one browser is enough")
}

// waitFor waits for a call that returns without an error.
func waitFor(t *testing.T, ended <-chan error) {
	t.Helper()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(patience):
		t.Fatal("it did not end")
	}
}

// As with a browser that starts slowly, after a service of the desktop has given up on it.
func TestABrowserMayOpenThePageAfterItsCommandHasFailed(t *testing.T) {
	native.ShortenStart(t, time.Millisecond)
	late, notes, fail := failing(t)
	d := newDesktop(t)
	p := d.run(func(c *native.Config) { c.OpenBrowser = nil })
	t.Setenv("BROWSER", late)
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	ended := make(chan error, 1)
	go func() {
		_, err := p.Login(t.Context(), passport.LoginOptions{})
		ended <- err
	}()
	address := noted(t, notes)[0]
	fail()
	select {
	case err := <-ended:
		require.NoError(t, err, "the browser is still starting")
	case <-time.After(time.Second): // of ten
	}
	d.visit(d.auth.Browser(), address)
	require.NoError(t, <-ended)
}

// failing is a command that fails 0.3 s after fail is called, by when it counts as started.
func failing(t *testing.T) (program, notes string, fail func()) {
	t.Helper()
	dir := t.TempDir() // removed when the test ends, and with it the command
	now := filepath.Join(dir, "now")
	program, notes = command(t, "until [ -e "+now+" ] || [ ! -d "+dir+" ]; do sleep .01; done; sleep .3; exit 4")
	return program, notes, func() {
		t.Helper()
		require.NoError(t, os.WriteFile(now, nil, 0o600))
	}
}

func TestABrowserGetsNoneOfTheLibrariesOfALauncher(t *testing.T) {
	program, notes := command(t, `test -z "$LD_LIBRARY_PATH$LD_AUDIT" && test "$HOME" = /home/user`)
	t.Setenv("LD_LIBRARY_PATH", "/steam/lib")
	t.Setenv("LD_AUDIT", "/steam/audit.so")
	t.Setenv("HOME", "/home/user")
	t.Setenv("BROWSER", program)
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	require.NoError(t, native.OpenBrowser(t.Context(), someURL))
	assert.Equal(t, []string{someURL}, noted(t, notes))
}

func TestWithoutAScreenThereIsNoBrowser(t *testing.T) {
	bad, _ := command(t, "exit 3")
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	for _, choice := range []string{"", bad} {
		t.Setenv("BROWSER", choice)
		err := native.OpenBrowser(t.Context(), someURL)
		require.ErrorIs(t, err, native.ErrNoBrowser, choice)
		assert.NotContains(t, err.Error(), "state=a", "the URL is for the user alone")
	}
}

func TestTheSystemsBrowserIsAskedWhereThereIsAScreen(t *testing.T) {
	program, notes := command(t, "exit 0")
	require.NoError(t, os.Rename(program, filepath.Join(filepath.Dir(program), "xdg-open")))
	require.NoError(t, os.Symlink("xdg-open", filepath.Join(filepath.Dir(program), "open")))
	t.Setenv("PATH", filepath.Dir(program)+":"+os.Getenv("PATH"))
	t.Setenv("BROWSER", "")
	t.Setenv("DISPLAY", ":0")
	require.NoError(t, native.OpenBrowser(context.Background(), someURL))
	assert.Equal(t, []string{someURL}, noted(t, notes))
}

func TestTheDesktopsOwnCommandIsPreferredToABundledOne(t *testing.T) {
	bundled, ofBundled := command(t, "exit 0")
	own, notes := command(t, "exit 0")
	app := filepath.Dir(bundled)
	t.Setenv("APPDIR", app)
	t.Setenv("BROWSER", "browser")
	t.Setenv("PATH", app+"::"+filepath.Dir(own)+":"+os.Getenv("PATH"))
	require.NoError(t, native.OpenBrowser(t.Context(), someURL))
	assert.Equal(t, []string{someURL}, noted(t, notes))
	assert.NoFileExists(t, ofBundled)

	require.NoError(t, os.Remove(own))
	require.NoError(t, native.OpenBrowser(t.Context(), someURL))
	assert.Equal(t, []string{someURL}, noted(t, ofBundled), "better than none")
}

func TestOnlyWebPagesAreOpened(t *testing.T) {
	program, notes := command(t, "exit 0")
	t.Setenv("BROWSER", program)
	for _, address := range []string{"", "file:///etc/passwd", "javascript:alert(1)", "--version", "/usr/bin/id"} {
		assert.Error(t, native.OpenBrowser(t.Context(), address), address)
	}
	assert.NoFileExists(t, notes)
}
