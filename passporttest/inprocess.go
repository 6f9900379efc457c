package passporttest

import (
	"io"
	"net/http"
	"net/http/httptest"
)

// InProcess returns an HTTP client for the program under test, such as its
// HTTPClient, that reaches d whatever the URL and without a network: nothing listens
// and nothing is dialled. It is for tests in a testing/synctest bubble, where time
// stands still while anything waits for a socket.
func (d *AuthDomain) InProcess() *http.Client { return &http.Client{Transport: inProcess{d}} }

type inProcess struct{ d *AuthDomain }

// RoundTrip serves r in a separate goroutine, because a fault may make it hang.
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	served := make(chan *http.Response, 1)
	go func() {
		defer close(served)
		defer func() {
			// A fault cuts the connection in this way.
			if v := recover(); v != nil && v != http.ErrAbortHandler {
				panic(v)
			}
		}()
		w := httptest.NewRecorder()
		t.d.ServeHTTP(w, serverRequest(r))
		served <- w.Result()
	}()
	select {
	case res := <-served:
		if res == nil {
			return nil, io.ErrUnexpectedEOF
		}
		res.Request = r
		return res, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// serverRequest returns r as a server receives it.
func serverRequest(r *http.Request) *http.Request {
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	return in
}
