package browsertest

import (
	"flag"
	"os"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write passport.min.js anew")

// What browsers are given is made from passport.js by esbuild, and committed, so
// that the root needs no tool to be built.
func TestTheMinifiedScriptIsMadeFromItsSource(t *testing.T) {
	const source, minified = "../pages/passport.js", "../pages/passport.min.js"
	text, err := os.ReadFile(source)
	require.NoError(t, err)
	made := api.Transform(string(text), api.TransformOptions{
		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true, Target: api.ES2022,
	})
	require.Empty(t, made.Errors)
	if *update {
		require.NoError(t, os.WriteFile(minified, made.Code, 0o644))
	}
	committed, err := os.ReadFile(minified)
	require.NoError(t, err)
	assert.Equal(t, string(committed), string(made.Code), "run go test -run Minified -update in internal/browsertest")
}
