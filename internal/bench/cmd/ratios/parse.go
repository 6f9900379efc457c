package main

import (
	"bufio"
	"io"
	"slices"
	"strconv"
	"strings"
)

// module is left out of the names of packages.
const module = "github.com/passport-go/passport"

// results are the measurements of a run, one a round.
type results struct {
	machine []string                        // what go test says of it
	values  map[string]map[string][]float64 // by benchmark, such as "storage/memory Load/serial/limit", and unit
}

// parse reads what go test -bench prints, from any number of runs.
func parse(r io.Reader) (results, error) {
	found := results{values: map[string]map[string][]float64{}}
	pkg := ""
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch key {
		case "pkg":
			pkg = strings.TrimPrefix(strings.TrimPrefix(value, module), "/")
		case "goos", "goarch", "cpu":
			if !slices.Contains(found.machine, value) {
				found.machine = append(found.machine, value)
			}
		default:
			found.add(pkg, strings.Fields(lines.Text()))
		}
	}
	return found, lines.Err()
}

// add takes a line such as "BenchmarkLoad/limit-8 1000 52.1 ns/op 0 B/op", and
// leaves every other alone.
func (f results) add(pkg string, fields []string) {
	if len(fields) < 4 || len(fields)%2 != 0 || !strings.HasPrefix(fields[0], "Benchmark") {
		return
	}
	name := strings.TrimSpace(pkg + " " + withoutProcessors(strings.TrimPrefix(fields[0], "Benchmark")))
	for i := 2; i < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return
		}
		units := f.values[name]
		if units == nil {
			units = map[string][]float64{}
			f.values[name] = units
		}
		units[fields[i+1]] = append(units[fields[i+1]], value)
	}
}

// withoutProcessors cuts the -8 that stands at the end of a name wherever more
// than one processor is used.
func withoutProcessors(name string) string {
	cut := strings.LastIndexByte(name, '-')
	if cut < 0 {
		return name
	}
	if _, err := strconv.Atoi(name[cut+1:]); err != nil {
		return name
	}
	return name[:cut]
}

// median is that of all rounds; of an even number of them, the mean of the two
// in the middle.
func (f results) median(name, unit string) (float64, bool) {
	rounds := slices.Sorted(slices.Values(f.values[name][unit]))
	if len(rounds) == 0 {
		return 0, false
	}
	middle := len(rounds) / 2
	if len(rounds)%2 == 1 {
		return rounds[middle], true
	}
	return (rounds[middle-1] + rounds[middle]) / 2, true
}
