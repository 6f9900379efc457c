package passport_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/passport-go/passport"

// requirements are what the root module may require, each with its reason: a
// program that imports this SDK takes all of them along.
var requirements = map[string]string{
	"golang.org/x/oauth2":          "PKCE",
	"golang.org/x/sync":            "singleflight: one refresh for all who ask at once",
	"github.com/coreos/go-oidc/v3": "tests: the peer of the benchmark of tokens",
	"github.com/go-jose/go-jose/v4": "signatures: of logout tokens, and of the tokens that " +
		"passporttest issues; go-oidc brings it along anyway",
	"github.com/stretchr/testify": "tests",
	"go.yaml.in/yaml/v3":          "testify's own",
}

// walls are what a package may import beside the standard library. An entry
// that ends in /... stands for all below it, too. The packages internal/...test
// are free: they hold tests, and nobody can import them.
var walls = map[string][]string{
	".": {
		module + "/storage", module + "/storage/memory", module + "/page", module + "/internal/...",
		"golang.org/x/sync/singleflight",
	},

	// The drivers for platforms without net/http handlers.
	"browser": {
		module, module + "/storage", module + "/storage/localstorage", module + "/internal/...",
		"golang.org/x/sync/singleflight",
	},
	"native": {module, module + "/page", module + "/storage", module + "/storage/memory", module + "/internal/..."},

	"internal/authdomain":  {},
	"internal/logoutstate": {module + "/internal/strictbase64"},
	"internal/notice":      {module + "/storage", module + "/internal/ended", module + "/internal/tasks"},
	"internal/retry":       {module + "/storage", module + "/internal/circuit", module + "/internal/tasks"},
	"internal/ended":       {},
	"internal/storeanswer": {module + "/storage"},
	"internal/circuit":     {module + "/internal/storeanswer", module + "/storage"},
	"internal/tokencache":  {},
	"internal/records": {
		module + "/storage", module + "/storage/memory", module + "/internal/circuit", module + "/internal/ended", module + "/internal/envelope", module + "/internal/seal", module + "/internal/strictbase64",
	},
	"internal/marks":        {module + "/storage", module + "/internal/records"},
	"internal/apiclient":    {module + "/internal/authdomain"},
	"internal/transport":    {},
	"internal/loginstate":   {module + "/internal/records", module + "/internal/seal", module + "/internal/strictbase64"},
	"internal/strictbase64": {},
	"internal/tasks":        {},
	"internal/web":          {module + "/internal/strictbase64"},
	"internal/envelope":     {module + "/storage", module + "/internal/seal", module + "/internal/strictbase64"},
	"internal/pages":        {module + "/page", module + "/internal/authdomain", module + "/internal/language", module + "/internal/text"},
	"page":                  {},
	"internal/language":     {},
	"internal/jwt":          {module + "/internal/strictbase64", "github.com/go-jose/go-jose/v4/json"},
	"internal/provider": {
		module + "/internal/authdomain", module + "/internal/jwt", module + "/internal/text", module + "/internal/transport",
		"golang.org/x/oauth2", "golang.org/x/sync/semaphore", "golang.org/x/sync/singleflight", "github.com/go-jose/go-jose/v4/...",
	},
	"internal/observe":    {module + "/internal/storeanswer", module + "/storage"},
	"internal/health":     {},
	"otel":                {module, "go.opentelemetry.io/otel/..."},
	"internal/revocation": {module + "/internal/tasks", module + "/storage"},
	"internal/seal":       {},
	"internal/textconfig": {module + "/internal/strictbase64", module + "/internal/text"},
	"internal/storecheck": {module + "/storage"},
	"internal/text":       {},

	"internal/bench":            {},
	"internal/bench/cmd/ratios": {},

	"internal/release": {
		"golang.org/x/mod/...", "golang.org/x/exp/apidiff", "golang.org/x/tools/go/packages",
	},
	"internal/release/cmd/release": {module + "/internal/release"},
	"internal/release/cmd/vet": {
		"golang.org/x/tools/go/analysis/checker", "golang.org/x/tools/go/analysis/suite/vet", "golang.org/x/tools/go/packages",
	},

	"internal/dom": {module + "/internal/js"},
	"internal/js":  {}, // the only one that names syscall/js

	"internal/filelock":    {module + "/internal/privatefile"},
	"internal/privatefile": {},

	"internal/testsession":              {},
	"internal/testprograms":             {},
	"internal/testprograms/cmd/missing": {module + "/internal/testprograms"},

	"storage":                           {},
	"storage/inspect":                   {module + "/storage", module + "/internal/text"},
	"storage/memory":                    {module + "/storage"},
	"storage/document":                  {module + "/storage", module + "/internal/filelock"},
	"storage/bolt/internal/privatefile": {},
	"storage/bolt":                      {module + "/storage", module + "/storage/bolt/internal/privatefile", "go.etcd.io/bbolt/..."},
	"storage/file":                      {module + "/storage", module + "/internal/strictbase64", module + "/storage/document", module + "/internal/filelock", module + "/internal/privatefile"},
	"storage/localstorage":              {module + "/storage", module + "/internal/strictbase64", module + "/internal/tasks", module + "/storage/document", module + "/internal/dom"},
	"storage/keyring":                   {module + "/storage", module + "/storage/document", "github.com/zalando/go-keyring", "github.com/godbus/dbus/v5"},
	"storage/redis":                     {module + "/storage", "github.com/redis/go-redis/v9/..."},
	"storage/postgres":                  {module + "/storage", "github.com/jackc/pgx/v5/..."},

	// For tests, of ours and of others. The stand-in knows nothing of the SDK,
	// so that it cannot share a mistake with it.
	"storage/storagetest":           {module + "/storage", "github.com/stretchr/testify/..."},
	"storage/postgres/postgrestest": {"github.com/jackc/pgx/v5/..."},
	"passporttest":                  {module + "/internal/testsession", "github.com/go-jose/go-jose/v4/..."},
	"cmd/passport":                  {module, module + "/passporttest", module + "/storage", module + "/internal/...", module + "/cmd/passport/internal/doctor"},
	"cmd/passport/internal/doctor":  {module, module + "/storage", module + "/internal/...", "github.com/go-jose/go-jose/v4"},
	"examples/internal/run":         {module, module + "/passporttest"},
	"examples/internal/usertest":    {module, module + "/passporttest", module + "/examples/internal/run", "github.com/stretchr/testify/..."},
	"examples/api":                  {module, module + "/examples/internal/run", module + "/passporttest", "github.com/evanw/esbuild/pkg/api"},
	"examples/proxy":                {module, module + "/examples/internal/run", module + "/passporttest"},
	"examples/spa":                  {module, module + "/examples/internal/run", module + "/passporttest"},
	"examples/tenants":              {module, module + "/examples/internal/run", module + "/passporttest", module + "/storage/memory"},
	"examples/web":                  {module, module + "/passporttest", module + "/storage/memory"},
	"examples/cli":                  {module, module + "/native", module + "/passporttest", module + "/storage/file"},
	"examples/wasm":                 {module + "/passporttest"},
	"examples/wasm/game":            {module, module + "/browser"},
	"examples/deploy":               {module, module + "/storage/redis", "github.com/redis/go-redis/v9"},
	"examples/cluster": {
		module, module + "/passporttest", module + "/storage", module + "/storage/redis",
		"github.com/redis/go-redis/v9/...", "golang.org/x/sync/errgroup",
	},
	"examples/recipes/chi":     {module, module + "/examples/internal/run", "github.com/go-chi/chi/v5/..."},
	"examples/recipes/connect": {module, module + "/examples/internal/run", "connectrpc.com/connect", "google.golang.org/protobuf/types/known/..."},
	"examples/recipes/echo":    {module, module + "/examples/internal/run", "github.com/labstack/echo/v5/..."},
	"examples/recipes/fiber":   {module, module + "/examples/internal/run", "github.com/gofiber/fiber/v3/..."},
	"examples/recipes/gin":     {module, module + "/examples/internal/run", "github.com/gin-gonic/gin"},
	"examples/recipes/grpc":    {module, module + "/examples/internal/run", "google.golang.org/grpc/...", "google.golang.org/protobuf/types/known/..."},
	"examples/recipes/htmx":    {module, module + "/examples/internal/run"},
	"examples/recipes/live":    {module, module + "/examples/internal/run", "github.com/coder/websocket"},

	// Games are written against the same packages as other programs.
	"internal/browsertest/gametest/testdata/game": {module, module + "/browser"},
}

func TestTheRootModuleStaysLean(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json").Output()
	require.NoError(t, err)
	var mod struct {
		Module  struct{ Path string }
		Require []struct{ Path string }
		Replace []any
	}
	require.NoError(t, json.Unmarshal(out, &mod))
	assert.Equal(t, module, mod.Module.Path)
	assert.Empty(t, mod.Replace, "those who import the module would not get what is replaced")
	var required []string
	for _, r := range mod.Require {
		required = append(required, r.Path)
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(requirements)), required, "add a module here, with its reason, or do without it")
}

func TestPackagesKeepToTheirWalls(t *testing.T) {
	found := packages(t)
	for dir := range walls {
		assert.Contains(t, found, dir, "walls has a package that is gone")
	}
	for dir, imports := range found {
		if strings.HasPrefix(dir, "internal/") && strings.HasSuffix(dir, "test") {
			continue
		}
		allowed, known := walls[dir]
		if !assert.True(t, known, "%s: add the package to walls, with what it may import", dir) {
			continue
		}
		for name, file := range imports {
			first, _, _ := strings.Cut(name, "/")
			if strings.Contains(first, ".") && !slices.ContainsFunc(allowed, func(wall string) bool { return within(wall, name) }) {
				assert.Fail(t, file+" imports "+name, "%s may import only %q", dir, allowed)
			}
		}
	}
}

func TestOnlyPackagesForTestsImportTesting(t *testing.T) {
	for dir, imports := range packages(t) {
		if strings.HasSuffix(dir, "test") {
			continue
		}
		for _, name := range []string{"testing", "net/http/httptest"} {
			assert.Empty(t, imports[name], "%s: this file imports %s", dir, name)
		}
	}
}

func within(wall, name string) bool {
	below, all := strings.CutSuffix(wall, "/...")
	return name == below || all && strings.HasPrefix(name, below+"/")
}

// hasWalls reports whether a package below dir has walls.
func hasWalls(dir string) bool {
	for of := range walls {
		if strings.HasPrefix(of, dir+"/") {
			return true
		}
	}
	return false
}

// packages returns, for each folder with Go code that is no test, what it
// imports on whichever platform, and a file that does.
func packages(t *testing.T) map[string]map[string]string {
	t.Helper()
	found := map[string]map[string]string{}
	for _, source := range sources(t) {
		if strings.HasSuffix(source.file, "_test.go") {
			continue
		}
		if found[source.dir] == nil {
			found[source.dir] = map[string]string{}
		}
		for _, name := range source.imports {
			found[source.dir][name] = source.file
		}
	}
	require.Contains(t, found, ".")
	return found
}

// source is a file of Go code, in whichever module.
type source struct {
	dir, file string
	imports   []string
}

func sources(t *testing.T) []source {
	t.Helper()
	var found []source
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && file != "." && !hasWalls(filepath.ToSlash(file)) &&
			(strings.HasPrefix(name, ".") || slices.Contains([]string{"testdata", "node_modules", "tmp"}, name)) {
			return filepath.SkipDir
		}
		if entry.IsDir() || path.Ext(name) != ".go" {
			return nil
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		s := source{dir: filepath.ToSlash(filepath.Dir(file)), file: file}
		for _, i := range syntax.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, name)
		}
		found = append(found, s)
		return nil
	})
	require.NoError(t, err)
	return found
}

// Only the files http_*.go know what a server's handlers are made of, and they know
// nothing of the mechanisms beneath the verbs: a promise that a handler kept by
// itself, programs without net/http would not have.
func TestHandlersOnlyCarryAndTranslate(t *testing.T) {
	server := []string{
		"net/http.ResponseWriter", "net/http.Request", "net/http.Handler", "net/http.HandlerFunc", "net/http.Cookie",
		"net/http.SetCookie", "net/http.Redirect", "net/http.CrossOriginProtection", "net/http.Error", "net/http.ServeMux",
	}
	mechanisms := []string{
		module + "/storage", module + "/storage/memory", module + "/internal/provider", module + "/internal/revocation",
		module + "/internal/envelope", module + "/internal/seal", module + "/internal/marks", module + "/internal/retry",
		module + "/internal/notice", module + "/internal/tokencache",
	}
	fields := []string{"records", "logins", "revoker", "retries", "provider", "notices", "overtaken", "signedOut", "verified", "flights"}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	handlers := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		selectors, imports := uses(t, file)
		if !strings.HasPrefix(file, "http_") {
			for _, name := range selectors {
				assert.False(t, slices.Contains(server, name), "%s names %s: move that to a file http_*.go", file, name)
			}
			continue
		}
		handlers++
		for _, name := range imports {
			assert.NotContains(t, mechanisms, name, "%s imports it: use a verb", file)
		}
		for _, name := range selectors {
			field, ok := strings.CutPrefix(name, "p.")
			assert.False(t, ok && slices.Contains(fields, field), "%s names %s: use a verb", file, name)
		}
	}
	assert.GreaterOrEqual(t, handlers, 5)
}

// Base64 of one text for each value; see package strictbase64.
func TestNobodyDecodesBase64Leniently(t *testing.T) {
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") ||
			strings.HasPrefix(file, "internal/strictbase64/") || strings.HasPrefix(file, "passporttest/") || strings.HasPrefix(file, "storage/keyring/") { // of other modules, or knowing nothing of the SDK
			return err
		}
		selectors, imports := uses(t, file)
		if !slices.Contains(imports, "encoding/base64") {
			return nil
		}
		for _, name := range selectors {
			assert.NotContains(t, []string{"RawURLEncoding.DecodeString", "StdEncoding.DecodeString", "URLEncoding.DecodeString",
				"RawStdEncoding.DecodeString", "encoding/base64.NewDecoder", "RawURLEncoding.Strict", "StdEncoding.Strict"}, name, "%s: use internal/strictbase64", file)
		}
		return nil
	})
	require.NoError(t, err)
}

// uses returns what a file selects, as package path and name or as the last two of
// its names, and what it imports.
func uses(t *testing.T, file string) (selectors, imports []string) {
	t.Helper()
	syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	paths := map[string]string{}
	for _, i := range syntax.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		require.NoError(t, err)
		imports = append(imports, name)
		paths[path.Base(name)] = name
	}
	ast.Inspect(syntax, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		switch x := s.X.(type) {
		case *ast.Ident:
			name := x.Name
			if paths[name] != "" {
				name = paths[name]
			}
			selectors = append(selectors, name+"."+s.Sel.Name)
		case *ast.SelectorExpr:
			selectors = append(selectors, x.Sel.Name+"."+s.Sel.Name)
		}
		return true
	})
	return selectors, imports
}
