// Package testprograms names every program that the tests and the Makefile start,
// how to find it, and which Debian packages hold it. The installer (.ci/tools) and
// the test helpers both read this table, and a test reads the whole tree: a program
// that is started anywhere and not named here fails it.
package testprograms

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Program is one that tests start.
type Program struct {
	// Name is the file's name, and Names are others that it goes by.
	Name  string
	Names []string

	// Env is the environment variable that names another program to use instead.
	Env string

	// Places are patterns of paths outside PATH. Where several match, the last in
	// lexical order is used.
	Places []string

	// Packages are Debian's.
	Packages []string

	// For says what starts it.
	For string

	// Recipe is the Makefile's target that needs it; empty for make test.
	Recipe string
}

// All is the table.
var All = []Program{
	{Name: "go", For: "compiling what the tests run"},
	{Name: "make", Packages: []string{"make"}, For: "the recipes in the Makefile"},
	{Name: "git", Packages: []string{"git"}, For: "the recipes that ask what is committed"},
	{Name: "gcc", Packages: []string{"gcc", "libc6-dev"}, For: "the race detector"},
	{
		Name: "chromium", Names: []string{"chromium-browser", "google-chrome"}, Env: "CHROMIUM",
		Packages: []string{"chromium", "fonts-liberation"}, For: "the tests that range over browser engines",
	},
	{
		Name: "chromium-headless-shell", Names: []string{"chrome-headless-shell"}, Env: "CHROMIUM_SHELL",
		Packages: []string{"chromium-headless-shell", "fonts-liberation"}, For: "the tests in a browser",
	},
	{
		Name: "firefox-esr", Names: []string{"firefox"}, Env: "FIREFOX",
		Packages: []string{"firefox-esr"}, For: "the tests that range over browser engines",
	},
	{
		Name:     "WebKitWebDriver",
		Packages: []string{"webkit2gtk-driver"}, For: "the tests that range over browser engines",
	},
	{
		Name:     "MiniBrowser",
		Places:   []string{"/usr/lib/*/webkit2gtk-4.*/MiniBrowser"},
		Packages: []string{"libwebkit2gtk-4.1-0"}, For: "the tests that range over browser engines: WebKit's",
	},
	{Name: "Xvfb", Packages: []string{"xvfb"}, For: "the tests that range over browser engines: a screen for WebKit"},
	{
		Name: "redis-server", Env: "PASSPORT_REDIS_SERVER",
		Packages: []string{"redis-server"}, For: "storage/redis, examples/cluster and the tests of whole processes",
	},
	{
		Name:     "initdb",
		Places:   []string{"/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb", "/opt/homebrew/opt/postgresql@*/bin/initdb"},
		Packages: []string{"postgresql"}, For: "storage/postgres and the tests of whole processes",
	},
	{
		Name:     "postgres",
		Places:   []string{"/usr/lib/postgresql/*/bin/postgres", "/usr/pgsql-*/bin/postgres", "/opt/homebrew/opt/postgresql@*/bin/postgres"},
		Packages: []string{"postgresql"}, For: "storage/postgres and the tests of whole processes",
	},
	{
		Name:     "pg_basebackup",
		Places:   []string{"/usr/lib/postgresql/*/bin/pg_basebackup", "/usr/pgsql-*/bin/pg_basebackup", "/opt/homebrew/opt/postgresql@*/bin/pg_basebackup"},
		Packages: []string{"postgresql"}, For: "storage/postgres with a standby",
	},
	{
		Name: "pgbouncer", Places: []string{"/usr/sbin/pgbouncer"},
		Packages: []string{"pgbouncer"}, For: "storage/postgres behind a proxy that pools transactions",
	},
	{Name: "dbus-run-session", Packages: []string{"dbus-daemon"}, For: "storage/keyring: a D-Bus session of its own"},
	{Name: "dbus-daemon", Packages: []string{"dbus-daemon"}, For: "storage/keyring: dbus-run-session starts it"},
	{Name: "gnome-keyring-daemon", Packages: []string{"gnome-keyring"}, For: "storage/keyring: the Secret Service"},
	{Name: "nginx", Places: []string{"/usr/sbin/nginx"}, Packages: []string{"nginx"}, For: "examples/proxy"},
	{Name: "npm", Packages: []string{"npm"}, For: "installing the JavaScript SDK, oidc-provider, a recent Node.js and npm"},
	{Name: "node", Packages: []string{"nodejs"}, For: "npm; the tests run a newer one, which npm installs"},

	{Name: "mmdebstrap", Packages: []string{"mmdebstrap"}, For: "the new Debian root", Recipe: "fresh"},
	{
		Name: "wine64", Names: []string{"wine"}, Places: []string{"/usr/lib/wine/wine64"},
		Packages: []string{"wine64"}, For: "the tests built for Windows", Recipe: "wine",
	},
	{
		Name:     "x86_64-w64-mingw32-gcc",
		Packages: []string{"gcc-mingw-w64-x86-64"}, For: "the library that Wine lacks", Recipe: "wine",
	},
}

// Find returns the path of a program that the table has. An error names the
// packages to install.
func Find(name string) (string, error) {
	i := slices.IndexFunc(All, func(p Program) bool { return p.Name == name })
	if i < 0 {
		return "", fmt.Errorf("testprograms: %s is not in the table", name)
	}
	return All[i].find()
}

// Missing returns the programs that a recipe needs and that are not found.
func Missing(recipe string) (missing []Program) {
	for _, p := range All {
		if _, err := p.find(); p.Recipe == recipe && err != nil {
			missing = append(missing, p)
		}
	}
	return missing
}

func (p Program) find() (string, error) {
	names := append([]string{p.Name}, p.Names...)
	if instead := os.Getenv(p.Env); p.Env != "" && instead != "" {
		names = []string{instead}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	for _, place := range p.Places {
		if found, err := filepath.Glob(place); err == nil && len(found) > 0 {
			return slices.Max(found), nil
		}
	}
	return "", fmt.Errorf("%s is missing, for %s%s", strings.Join(names, " or "), p.For, p.advice())
}

func (p Program) advice() string {
	switch {
	case len(p.Packages) == 0:
		return ""
	case p.Env == "":
		return fmt.Sprintf(": apt-get install %s", strings.Join(p.Packages, " "))
	default:
		return fmt.Sprintf(": apt-get install %s, or set %s to a program to use instead", strings.Join(p.Packages, " "), p.Env)
	}
}
