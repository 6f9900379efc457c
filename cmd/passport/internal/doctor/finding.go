package doctor

import (
	"fmt"
	"slices"

	"github.com/passport-go/passport/storage"
)

// Finding is one thing that is wrong. Stores find some themselves.
type Finding = storage.Finding

// The severities.
const (
	Problem = storage.Problem
	Warning = storage.Warning
	Note    = storage.Note
)

// Report is the result of an examination.
type Report struct {
	Findings []Finding `json:"findings"`
}

// severities begin with the worst.
var severities = []storage.Severity{Problem, Warning, Note}

// sort puts the worst findings first, and leaves those of one severity in their order.
func (r Report) sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return slices.Index(severities, a.Severity) - slices.Index(severities, b.Severity)
	})
}

// Worst is the highest severity, or "" if nothing was found.
func (r Report) Worst() storage.Severity {
	for _, severity := range severities {
		if r.Count(severity) > 0 {
			return severity
		}
	}
	return ""
}

// Count is how many findings have a severity.
func (r Report) Count(severity storage.Severity) (n int) {
	for _, f := range r.Findings {
		if f.Severity == severity {
			n++
		}
	}
	return n
}

// find reports what the catalogue has under an ID, and what was seen of it.
func (e *examination) find(id, format string, args ...any) {
	i := slices.IndexFunc(Catalogue, func(f Finding) bool { return f.ID == id })
	if i < 0 {
		panic("doctor: no finding " + id + " in the catalogue")
	}
	f := Catalogue[i]
	f.Seen = e.scrub(fmt.Sprintf(format, args...))
	e.add(f)
}

func (e *examination) add(f Finding) {
	if !slices.Contains(e.report.Findings, f) {
		e.report.Findings = append(e.report.Findings, f)
	}
}

// has reports whether something was found already.
func (e *examination) has(id string) bool {
	return slices.ContainsFunc(e.report.Findings, func(f Finding) bool { return f.ID == id })
}
