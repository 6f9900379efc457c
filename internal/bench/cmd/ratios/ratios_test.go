package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// run1 and run2 are what go test prints, beside what it does not matter here.
const run1 = `goos: linux
goarch: amd64
pkg: github.com/passport-go/passport/storage/memory
cpu: Some Processor
BenchmarkLoad/limit-8         	 1000	       100.0 ns/op	     200 B/op	       2 allocs/op
BenchmarkLoad/store-8         	 1000	       310.0 ns/op	     200 B/op	       5 allocs/op
--- BENCH: BenchmarkLoad/store-8
BenchmarkLoad/peer-8          	   10	      7000 ns/op	     200 B/op	     216 allocs/op
PASS
ok  	github.com/passport-go/passport/storage/memory	1.0s
pkg: github.com/passport-go/passport
BenchmarkRequest-8            	 1000	        20.0 ns/op	       1.500 max-ns
`

const run2 = `goos: linux
goarch: amd64
pkg: github.com/passport-go/passport/storage/memory
cpu: Some Processor
BenchmarkLoad/limit-8         	 1000	       100.0 ns/op	     200 B/op	       2 allocs/op
BenchmarkLoad/store-8         	 1000	       290.0 ns/op	     200 B/op	       5 allocs/op
BenchmarkLoad/store-8         	 1000	      9000.0 ns/op	     200 B/op	       5 allocs/op
BenchmarkLoad/peer-8          	   10	      9000 ns/op	     200 B/op	     216 allocs/op
`

var load = row{
	path: "load", unit: time, rule: atMost(3),
	limit: "storage/memory Load/limit", ours: "storage/memory Load/store",
	peers: []peer{{"scs", "storage/memory Load/peer", "storage/memory Load/limit"}},
}

func parsed(t *testing.T) results {
	t.Helper()
	found, err := parse(strings.NewReader(run1 + run2))
	require.NoError(t, err)
	return found
}

func TestEveryMetricOfEveryRoundIsFound(t *testing.T) {
	found := parsed(t)
	assert.Equal(t, []string{"linux", "amd64", "Some Processor"}, found.machine)
	assert.Equal(t, []float64{310, 290, 9000}, found.values["storage/memory Load/store"]["ns/op"])
	assert.Equal(t, []float64{216, 216}, found.values["storage/memory Load/peer"]["allocs/op"])
	assert.Equal(t, []float64{1.5}, found.values["Request"]["max-ns"], "the root package has no name")
}

func TestANameLosesItsProcessorsAndNoMore(t *testing.T) {
	for name, want := range map[string]string{
		"Load/conns=32/limit-8": "Load/conns=32/limit",
		"Load/passport-idle-2":  "Load/passport-idle",
		"Load/passport-idle":    "Load/passport-idle",
		"Load":                  "Load",
	} {
		assert.Equal(t, want, withoutProcessors(name))
	}
}

func TestARowHasTheRatioOfTheMedians(t *testing.T) {
	line, err := load.line(parsed(t))
	require.NoError(t, err)
	assert.Equal(t, "| load | 100 ns | 310 ns | 3.10 | ≤ 3 | **missed** | scs 80.00 |", line,
		"one slow round in three moves nothing; of an even number it is the mean of two")
}

func TestRules(t *testing.T) {
	for _, c := range []struct {
		rule            rule
		measured, limit float64
		figure          float64
		met             bool
	}{
		{atMost(3), 300, 100, 3, true},
		{atMost(3), 301, 100, 3.01, false},
		{atLeast(0.9), 100, 90, 0.9, true},
		{atLeast(0.9), 100, 89, 0.89, false},
		{atMostMore(4), 6, 2, 4, true},
		{atMostMore(4), 7, 2, 5, false},
		{withinNoise(1e6), 3e6, 2e6, 1.5, true},
		{withinNoise(1e6), 9e5, 1e3, 900, true},
		{withinNoise(1e6), 3e6, 1e6, 3, false},
	} {
		figure := c.rule.figure(c.measured, c.limit)
		assert.InDelta(t, c.figure, figure, 1e-9, c.rule.target)
		assert.Equal(t, c.met, c.rule.met(figure, c.measured), "%s: %v of %v", c.rule.target, c.measured, c.limit)
	}
}

func TestARowThatWasNotMeasuredIsAnError(t *testing.T) {
	found := parsed(t)
	for _, edit := range []func(*row){
		func(r *row) { r.limit = "storage/memory Load/gone" },
		func(r *row) { r.ours = "storage/memory Load/gone" },
		func(r *row) { r.peers = []peer{{"scs", "storage/memory Load/gone", r.limit}} },
		func(r *row) { r.peers = []peer{{"scs", r.ours, "storage/memory Load/gone"}} },
		func(r *row) { r.unit = "gone/op" },
	} {
		r := load
		edit(&r)
		var out strings.Builder
		err := write(&out, found, []row{r, load})
		assert.ErrorContains(t, err, "gone")
		assert.Contains(t, out.String(), "| load |", "the others are shown all the same")
	}
}

func TestRunReadsAllItsFiles(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for name, text := range map[string]string{"1.txt": run1, "2.txt": run2} {
		files = append(files, filepath.Join(dir, name))
		require.NoError(t, os.WriteFile(files[len(files)-1], []byte(text), 0o600))
	}
	var out strings.Builder
	err := run(files, "", &out)
	assert.ErrorContains(t, err, "RequestInMemory", "not measured here")
	assert.Contains(t, out.String(), "Measured on: linux, amd64, Some Processor\n")
	assert.Error(t, run([]string{filepath.Join(dir, "gone")}, "", &out))
	assert.Error(t, run(nil, "", &out))
}

func TestTheTableTakesThePlaceOfTheOldOne(t *testing.T) {
	doc := filepath.Join(t.TempDir(), "performance.md")
	require.NoError(t, os.WriteFile(doc, []byte("above\n"+begin+"old\n"+end+"below\n"), 0o600))
	require.NoError(t, replaceTable(doc, "new\n"))
	text, err := os.ReadFile(doc)
	require.NoError(t, err)
	assert.Equal(t, "above\n"+begin+"new\n"+end+"below\n", string(text))

	require.NoError(t, os.WriteFile(doc, []byte("above\nbelow\n"), 0o600))
	assert.ErrorContains(t, replaceTable(doc, "new\n"), "no place for the table")
}

func TestNumbersAreShownAsPeopleReadThem(t *testing.T) {
	assert.Equal(t, "372 ns", show(372.4, "ns/op"))
	assert.Equal(t, "1.52 µs", show(1523, "ns/op"))
	assert.Equal(t, "2.8 s", show(2.8e9, "ns/op"))
	assert.Equal(t, "195 ms", show(195e6, "max-ns"))
	assert.Equal(t, "2", show(2, "allocs/op"))
	assert.Equal(t, "2811", show(2811, "B/session"))
}
