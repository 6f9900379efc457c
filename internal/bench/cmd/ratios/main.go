// Ratios reads what "go test -bench" has printed, in the files that it is given,
// and prints the table of docs/performance.md: for each path the median over all
// rounds, as a ratio to the limit that was measured beside it.
//
// It fails if a row of the table has not been measured. That a target is missed
// is for people to judge, and no failure: the table says so.
//
// With -into a file, such as docs/performance.md, it puts the table there, in
// place of the one between two comments, and prints nothing.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	into := flag.String("into", "", "put the table into this `file`")
	flag.Parse()
	if err := run(flag.Args(), *into, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
}

func run(files []string, into string, out io.Writer) error {
	found, err := parseFiles(files)
	if err != nil {
		return err
	}
	if into == "" {
		return write(out, found, rows)
	}
	var table strings.Builder
	if err := write(&table, found, rows); err != nil {
		return err
	}
	return replaceTable(into, table.String())
}

func parseFiles(files []string) (results, error) {
	if len(files) == 0 {
		return results{}, errors.New("name the files with the output of go test -bench")
	}
	var all []io.Reader
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return results{}, err
		}
		defer f.Close()
		all = append(all, f)
	}
	return parse(io.MultiReader(all...))
}

// What the table stands between.
const begin, end = "<!-- ratios: begin -->\n", "<!-- ratios: end -->\n"

func replaceTable(name, table string) error {
	old, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(old), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s has no place for the table, between %q and %q", name, begin, end)
	}
	return os.WriteFile(name, []byte(before+begin+table+end+after), 0o644)
}

// write prints the table, in Markdown.
func write(out io.Writer, found results, rows []row) error {
	var missing []error
	fmt.Fprintf(out, "Measured on: %s\n\n", strings.Join(found.machine, ", "))
	fmt.Fprintln(out, "| path | limit | passport | ratio | target | | peers |")
	fmt.Fprintln(out, "|---|---:|---:|---:|---:|---|---|")
	for _, r := range rows {
		line, err := r.line(found)
		if err != nil {
			missing = append(missing, err)
			continue
		}
		fmt.Fprintln(out, line)
	}
	return errors.Join(missing...)
}

func (r row) line(found results) (string, error) {
	limit, err := found.of(r.limit, r.unit)
	if err != nil {
		return "", err
	}
	ours, err := found.of(r.ours, r.unit)
	if err != nil {
		return "", err
	}
	figure := r.rule.figure(ours, limit)
	verdict := "met"
	if !r.rule.met(figure, ours) {
		verdict = "**missed**"
	}
	peers, err := r.peersText(found)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("| %s | %s | %s | "+r.rule.format+" | %s | %s | %s |", r.path, show(limit, r.unit), show(ours, r.unit),
		figure, r.rule.target, verdict, peers), nil
}

func (r row) peersText(found results) (string, error) {
	var texts []string
	for _, p := range r.peers {
		measured, err := found.of(p.measured, r.unit)
		if err != nil {
			return "", err
		}
		limit, err := found.of(p.limit, r.unit)
		if err != nil {
			return "", err
		}
		texts = append(texts, fmt.Sprintf("%s "+r.rule.format, p.name, r.rule.figure(measured, limit)))
	}
	return strings.Join(texts, ", "), nil
}

func (f results) of(name, unit string) (float64, error) {
	value, ok := f.median(name, unit)
	if !ok {
		return 0, fmt.Errorf("no benchmark %q has measured %s", name, unit)
	}
	return value, nil
}

// show writes a measurement as people read it.
func show(value float64, unit string) string {
	if !strings.HasPrefix(unit, "ns") && !strings.HasSuffix(unit, "-ns") {
		return fmt.Sprintf("%.4g", value)
	}
	switch {
	case value >= 1e9:
		return fmt.Sprintf("%.3g s", value/1e9)
	case value >= 1e6:
		return fmt.Sprintf("%.3g ms", value/1e6)
	case value >= 1e3:
		return fmt.Sprintf("%.3g µs", value/1e3)
	}
	return fmt.Sprintf("%.3g ns", value)
}
