package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/text"
)

// mostStoreFindings bounds what a program can report of its store.
const mostStoreFindings = 100

var findingID = regexp.MustCompile(`^[a-z0-9]+(\.[a-z0-9-]+)+$`)

// checkStore asks the program, at inspect.Handler, what it finds wrong with its store.
// Only the program has the store's client: its address, its credentials, its network.
func (e *examination) checkStore(ctx context.Context) {
	u, err := url.Parse(e.o.StoreURL)
	if err != nil || u.Scheme != "https" && !authdomain.Loopback(u.Hostname()) {
		e.find("store.unreadable", "the URL must be on a loopback host, or begin with https://")
		return
	}
	res, err := e.askStore(ctx)
	if err != nil {
		e.find("store.unreadable", "%s: %s", place(u), reason(err))
		return
	}
	var report Report
	if res.StatusCode != http.StatusOK || json.Unmarshal([]byte(res.body), &report) != nil || report.Findings == nil {
		e.find("store.unreadable", "%s answers %d, and not as inspect.Handler does", place(u), res.StatusCode)
		return
	}
	for _, f := range report.Findings[:min(len(report.Findings), mostStoreFindings)] {
		e.addForeign(f)
	}
}

func (e *examination) askStore(ctx context.Context) (response, error) {
	r, err := http.NewRequest(http.MethodGet, e.o.StoreURL, nil)
	if err != nil {
		return response{}, err
	}
	r.Header.Set("Passport-Inspect", "1") // inspect.Handler wants it
	return e.send(ctx, nil, r)
}

// addForeign adds a finding that the program has made.
func (e *examination) addForeign(f Finding) {
	if f.Severity != Problem && f.Severity != Note {
		f.Severity = Warning
	}
	if len(f.ID) > 60 || !findingID.MatchString(f.ID) {
		f.ID = "store.unavailable"
	}
	f.Seen, f.Why, f.Remedy = e.scrub(f.Seen), text.Line(f.Why, 600), text.Line(f.Remedy, 600)
	e.add(f)
}
