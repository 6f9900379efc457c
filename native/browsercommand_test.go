package native

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// on is a machine with this environment and these programs.
func on(system string, env map[string]string, programs ...string) platform {
	return platform{
		system:     system,
		getenv:     func(name string) string { return env[name] },
		executable: func(command string) bool { return slices.Contains(programs, command) },
	}
}

func TestBrowserIsReadAsAShellReadsIt(t *testing.T) {
	const firefox = "/opt/My Browser/firefox"
	for value, want := range map[string][][]string{
		"":                                    nil,
		" : ::":                               nil,
		"firefox":                             {{"firefox", "URL"}},
		"  firefox  --new-window\t":           {{"firefox", "--new-window", "URL"}},
		"firefox:lynx":                        {{"firefox", "URL"}, {"lynx", "URL"}},
		"firefox --url=%s --wait":             {{"firefox", "--url=URL", "--wait"}},
		firefox:                               {{firefox, "URL"}},
		firefox + ":lynx":                     {{firefox, "URL"}, {"lynx", "URL"}},
		`"/opt/Other Browser/x" -P 'my user'`: {{"/opt/Other Browser/x", "-P", "my user", "URL"}},
		`/opt/Other\ Browser/x -P it\'s`:      {{"/opt/Other Browser/x", "-P", "it's", "URL"}},
		`sh -c 'echo "a:b" %s' ""`:            {{"sh", "-c", `echo "a:b" URL`, ""}},
		`x "say \"hi\""`:                      {{"x", `say "hi"`, "URL"}},
		`x 'a\b'`:                             {{"x", `a\b`, "URL"}},
	} {
		commands, err := on("linux", map[string]string{"BROWSER": value}, firefox).browsers("URL")
		require.NoError(t, err, value)
		assert.Equal(t, want, commands, value)
	}
}

func TestAQuoteThatIsNotClosedIsSaid(t *testing.T) {
	for _, value := range []string{`x 'y`, `x "y`, `x \`} {
		commands, err := on("linux", map[string]string{"BROWSER": "lynx:" + value}).browsers("URL")
		require.ErrorIs(t, err, errQuote, value)
		assert.Equal(t, [][]string{{"lynx", "URL"}}, commands, "what stands before it")
	}
	commands, err := on("linux", map[string]string{"BROWSER": "/home/o'brien/x"}, "/home/o'brien/x").browsers("URL")
	require.NoError(t, err)
	assert.Equal(t, [][]string{{"/home/o'brien/x", "URL"}}, commands)
}

func TestOnWindowsPathsHaveColonsAndBackslashes(t *testing.T) {
	system := []string{"rundll32", "url.dll,FileProtocolHandler", "URL"}
	for value, want := range map[string][]string{
		`C:\Browser\x.exe`:                    {`C:\Browser\x.exe`, "URL"},
		`C:\Program Files\x.exe`:              {`C:\Program Files\x.exe`, "URL"},
		`"C:\Program Files\y.exe" -new "%s"`:  {`C:\Program Files\y.exe`, "-new", "URL"},
		`C:\Program Files\x.exe;C:\other.exe`: {`C:\Program Files\x.exe`, "URL"},
	} {
		commands, err := on("windows", map[string]string{"BROWSER": value}, `C:\Program Files\x.exe`).browsers("URL")
		require.NoError(t, err)
		assert.Equal(t, want, commands[0], value)
		assert.Equal(t, system, commands[len(commands)-1])
	}
}

func TestTheBrowserOfWindowsIsUsedInItsSubsystemForLinux(t *testing.T) {
	for _, env := range []map[string]string{
		{"WSL_DISTRO_NAME": "Debian"},
		{"WSL_INTEROP": "/run/WSL/8_interop", "SSH_TTY": "/dev/pts/1"},
	} {
		commands, err := on("linux", env).browsers("URL")
		require.NoError(t, err)
		assert.Equal(t, [][]string{{"wslview", "URL"}, {"rundll32.exe", "url.dll,FileProtocolHandler", "URL"}}, commands)
	}
	commands, err := on("linux", map[string]string{"WSL_DISTRO_NAME": "Debian", "DISPLAY": ":0", "BROWSER": "x"}).browsers("URL")
	require.NoError(t, err)
	assert.Equal(t, []string{"x", "URL"}, commands[0])
	assert.Equal(t, []string{"xdg-open", "URL"}, commands[3])
}

// Some desktops come without xdg-utils.
func TestADesktopWithoutXDGOpenHasABrowserToo(t *testing.T) {
	screen := map[string]string{"WAYLAND_DISPLAY": "wayland-0"}
	for _, test := range []struct {
		installed []string
		want      []string
	}{
		{nil, []string{"xdg-open", "URL"}},
		{[]string{"x-www-browser"}, []string{"x-www-browser", "URL"}},
		{[]string{"x-www-browser", "gio"}, []string{"gio", "open", "URL"}},
		{[]string{"x-www-browser", "gio", "xdg-open"}, []string{"xdg-open", "URL"}},
	} {
		commands, err := on("linux", screen, test.installed...).browsers("URL")
		require.NoError(t, err)
		assert.Equal(t, [][]string{test.want}, commands)
	}
}

func TestASessionOverSSHWithoutADisplaySaysSo(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows", "freebsd"} {
		commands, err := on(system, map[string]string{"SSH_CONNECTION": "10.0.0.1 50000 10.0.0.2 22"}).browsers("URL")
		assert.Empty(t, commands, system)
		require.ErrorIs(t, err, errSSH, system)
		assert.ErrorContains(t, err, "LoginWithDevice")

		commands, err = on(system, map[string]string{"SSH_TTY": "/dev/pts/1", "BROWSER": "/vscode/browser.sh"}).browsers("URL")
		require.ErrorIs(t, err, errSSH, system)
		assert.Equal(t, [][]string{{"/vscode/browser.sh", "URL"}}, commands, "whoever sets it knows a way")
	}
	commands, err := on("linux", map[string]string{"SSH_TTY": "/dev/pts/1", "DISPLAY": "localhost:10.0"}).browsers("URL")
	require.NoError(t, err)
	assert.Equal(t, [][]string{{"xdg-open", "URL"}}, commands, "X is forwarded")
}
