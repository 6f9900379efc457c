package passporttest

import (
	"bytes"
	"encoding/json"
	"net/http"
)

const maxBody = 1 << 20

// ServeHTTP implements [http.Handler]. Every request is recorded, passes early faults,
// is handled by its endpoint, and passes late faults.
func (d *AuthDomain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.learnIssuer(r)
	if isPreflight(r) {
		d.preflight(w, r)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "The request cannot be read.", http.StatusBadRequest)
		return
	}
	session, _ := d.session(r)
	e := d.record.add(r, d.now(), session.SID)
	d.serve(w, r, e)
}

func (d *AuthDomain) serve(w http.ResponseWriter, r *http.Request, e *entry) {
	status := 0 // until there is a response
	settle := func() { d.record.settle(e, status) }
	defer settle()

	a := newAnswer()
	effect := d.faults.strike(e.Request)
	early, late := effect.split()
	early.obstruct(r.Context(), settle)
	if !early.replace(a, r.URL.Path) {
		d.mux.ServeHTTP(a, withEffect(r, effect))
	}
	late.obstruct(r.Context(), settle)
	late.replace(a, r.URL.Path)
	d.allowCORS(a.Header(), r)
	a.Header().Set("X-Content-Type-Options", "nosniff")
	a.Header().Set("Date", d.now().UTC().Format(http.TimeFormat))
	effect.edit(a)

	// Before the response is sent, so that a client that has it finds it recorded.
	a.WriteHeader(http.StatusOK)
	status = a.status
	settle()
	a.writeTo(w)
}

// answer buffers a response until all faults have been applied.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{header: make(http.Header)} }

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

func (a *answer) reset() {
	clear(a.header)
	a.status = 0
	a.body.Reset()
}

// editJSON changes the body of a successful response, if it is a JSON object.
func (a *answer) editJSON(edit func(map[string]any)) {
	var object map[string]any
	if a.status != http.StatusOK || json.Unmarshal(a.body.Bytes(), &object) != nil {
		return
	}
	edit(object)
	a.body.Reset()
	writeJSON(a, http.StatusOK, object)
}

func (a *answer) writeTo(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes())
}
