// Package wasmtest runs Go programs, and first of all tests, that are compiled for
// GOOS=js GOARCH=wasm, in the pages of a real Chromium.
package wasmtest

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/browsertest"
)

const (
	// buildPatience and runPatience bound what takes seconds on a quiet machine.
	buildPatience = 5 * time.Minute
	runPatience   = 5 * time.Minute
)

// Build compiles a program, by its import path, and returns it.
func Build(t testing.TB, pkg string) []byte {
	t.Helper()
	return compile(t, "build", pkg)
}

// BuildTest compiles the tests of a package into a program.
func BuildTest(t testing.TB, pkg string) []byte {
	t.Helper()
	return compile(t, "test", "-c", pkg)
}

// programs holds what has been compiled, by the command.
var programs struct {
	sync.Mutex
	compiled map[string][]byte
}

func compile(t testing.TB, command string, args ...string) []byte {
	t.Helper()
	programs.Lock()
	defer programs.Unlock()
	name := fmt.Sprint(command, args)
	if program := programs.compiled[name]; program != nil {
		return program
	}
	ctx, cancel := context.WithTimeout(t.Context(), buildPatience)
	defer cancel()
	path := filepath.Join(t.TempDir(), "program.wasm")
	// Without names and DWARF it is linked in half of the time.
	compiler := exec.CommandContext(ctx, "go", append([]string{command, "-ldflags=-s -w", "-o", path}, args...)...)
	compiler.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := compiler.CombinedOutput()
	require.NoError(t, err, "%s\n%s", compiler, out)
	program, err := os.ReadFile(path)
	require.NoError(t, err)
	if programs.compiled == nil {
		programs.compiled = map[string][]byte{}
	}
	programs.compiled[name] = program
	return program
}

//go:embed run.js
var runScript []byte

// Handle serves a program below /wasm/, for pages with
//
//	<script src="/wasm/wasm_exec.js"></script><script src="/wasm/run.js"></script>
//
// which run it, with the arguments that stand in the page's query (?arg=...). They
// find what it prints in window.output, and its exit code, once there is one, in
// window.exitCode.
func Handle(t testing.TB, mux *http.ServeMux, program []byte) {
	t.Helper()
	goroot, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	require.NoError(t, err)
	support, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(goroot)), "lib/wasm/wasm_exec.js"))
	require.NoError(t, err)
	for name, file := range map[string]struct {
		kind     string
		contents []byte
	}{
		"wasm_exec.js": {"text/javascript", support},
		"run.js":       {"text/javascript", runScript},
		"program.wasm": {"application/wasm", program},
	} {
		mux.HandleFunc("GET /wasm/"+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", file.kind)
			w.Header().Set("Access-Control-Allow-Origin", "*") // for iframes whose sandbox takes their origin
			_, _ = w.Write(file.contents)
		})
	}
}

// Serve starts a site of pages that run program and do nothing else, and returns
// its origin.
func Serve(t testing.TB, program []byte) string {
	t.Helper()
	mux := http.NewServeMux()
	Handle(t, mux, program)
	return serve(t, mux, "")
}

// serve adds the page to mux, with a script that is there before the program.
func serve(t testing.TB, mux *http.ServeMux, script string) (origin string) {
	t.Helper()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><title>wasm</title><link rel="icon" href="data:,"><script>%s</script>
			<script src="/wasm/wasm_exec.js"></script><script src="/wasm/run.js"></script>`, script)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "wasm.localhost", 1)
}

// Page is the address of a page of Serve's whose program gets these arguments.
func Page(origin string, args ...string) string {
	return origin + "/?" + url.Values{"arg": args}.Encode()
}

// Run runs the tests of a package in a tab of their own, with flags such as
// -test.short, and reports each as a subtest.
func Run(t *testing.T, pkg string, flags ...string) {
	t.Helper()
	mux := http.NewServeMux()
	Handle(t, mux, BuildTest(t, pkg))
	ended := make(chan ending, 1)
	mux.HandleFunc("POST /exit", func(_ http.ResponseWriter, r *http.Request) {
		var e ending
		if assert.NoError(t, json.NewDecoder(r.Body).Decode(&e)) {
			ended <- e
		}
	})
	origin := serve(t, mux, `onExit = code => fetch("/exit", {method: "POST", body: JSON.stringify({code, output})})`)
	tab := browsertest.OpenForLong(t, browsertest.Blocked).Tab()
	tab.Go(Page(origin, append(flags, "-test.v")...))
	select {
	case e := <-ended:
		e.report(t)
	case <-time.After(runPatience):
		require.Fail(t, "the tests do not end", browsertest.Eval[string](tab, `output`))
	}
}

// ending is what a run of tests comes to.
type ending struct {
	Code   int
	Output string
}

// result is what go test -v prints at the end of a test that is not a subtest.
var result = regexp.MustCompile(`(?m)^--- (PASS|FAIL|SKIP): (\S+)`)

func (e ending) report(t *testing.T) {
	t.Helper()
	results := result.FindAllStringSubmatch(e.Output, -1)
	assert.NotEmpty(t, results, "there are no tests")
	for _, r := range results {
		t.Run(r[2], func(t *testing.T) { assert.Equal(t, "PASS", r[1]) })
	}
	if e.Code != 0 || t.Failed() {
		assert.Fail(t, "the tests failed in the browser", e.Output)
	}
}
