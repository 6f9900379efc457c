package storage

import "context"

// Severity says how bad a [Finding] is.
type Severity string

// The severities.
const (
	Problem Severity = "problem" // something does not work, or is not safe
	Warning Severity = "warning" // something will not work, or only in part
	Note    Severity = "note"    // good to know, or could not be found out
)

// Finding is one thing that is wrong with a store, or with a deployment. It contains no
// secret.
type Finding struct {
	// ID names the kind of finding, such as redis.eviction. docs/doctor.md lists them.
	ID string `json:"id"`

	Severity Severity `json:"severity"`

	Seen   string `json:"seen"`   // what was seen, here and now
	Why    string `json:"why"`    // why it matters
	Remedy string `json:"remedy"` // what to do about it
}

// Inspector is implemented by stores that can tell what is wrong with how their server
// or file is set up: durability, eviction, replication, migrations. Package
// storage/inspect calls it.
type Inspector interface {
	// Inspect looks at the settings and changes nothing. No findings and no error:
	// all is well. A setting that it may not read is a finding, a Note. The error says
	// that the store did not answer.
	Inspect(ctx context.Context) ([]Finding, error)
}
