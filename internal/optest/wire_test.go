package optest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wire carries the SDK's calls to the provider, and notes what it is answered.
type wire struct {
	mu      sync.Mutex
	tokens  granted // the last
	codes   int     // that were traded for tokens
	renewed int     // refreshes that succeeded
	hold    *hold   // of the next answer
}

// granted are the tokens of an answer.
type granted struct {
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
}

// hold keeps an answer back until it is released, or the test is over.
type hold struct {
	arrived  chan struct{} // closed when it is there
	released chan struct{}
	release  func() // may be called again
}

// wait returns when the answer is there.
func (h *hold) wait(t *testing.T) {
	t.Helper()
	select {
	case <-h.arrived:
	case <-time.After(patience):
		require.Fail(t, "the provider was not asked for tokens")
	}
}

// last returns the tokens that came last.
func (w *wire) last() granted {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tokens
}

func (w *wire) refreshes() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.renewed
}

func (w *wire) exchanges() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.codes
}

// holdTokens keeps the next answer with tokens back.
func (w *wire) holdTokens(t *testing.T) *hold {
	h := &hold{arrived: make(chan struct{}), released: make(chan struct{})}
	h.release = sync.OnceFunc(func() { close(h.released) })
	t.Cleanup(h.release)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold = h
	return h
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	grant, err := grantOf(r)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || grant == "" || res.StatusCode != http.StatusOK {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	if held := w.note(grant, body); held != nil {
		close(held.arrived)
		<-held.released
	}
	return res, nil
}

// note notes an answer, and returns what holds it back, or nil.
func (w *wire) note(grant string, body []byte) *hold {
	w.mu.Lock()
	defer w.mu.Unlock()
	var tokens granted
	_ = json.Unmarshal(body, &tokens) // the SDK will complain
	w.tokens = tokens
	if grant == "refresh_token" {
		w.renewed++
	} else {
		w.codes++
	}
	held := w.hold
	w.hold = nil
	return held
}

// grantOf is the grant_type of a request for tokens, or empty.
func grantOf(r *http.Request) (string, error) {
	if r.GetBody == nil {
		return "", nil
	}
	copied, err := r.GetBody()
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(copied)
	if err != nil {
		return "", err
	}
	form, err := url.ParseQuery(string(body))
	return form.Get("grant_type"), err
}
