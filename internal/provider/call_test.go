package provider_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/provider"
)

// bomb is 256 MB of spaces, in less than 512 kB.
func bomb(t *testing.T) []byte {
	t.Helper()
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	require.NoError(t, err)
	_, err = w.Write(bytes.Repeat([]byte(" "), 1<<20))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	whole := bytes.Repeat(packed.Bytes(), 256) // gzip allows one after another
	require.Less(t, len(whole), 512<<10, "so that no bound on what is sent decides")
	return whole
}

// everywhere calls an endpoint in the way of a login, a refresh, a revocation.
func everywhere(o *op) map[string]func() error {
	discovered := func() *provider.Client {
		c := o.client(func(c *provider.Config) { c.UserInfo = true })
		_, err := c.Metadata(o.t.Context())
		require.NoError(o.t, err)
		return c
	}
	login := func(c *provider.Client) error { _, _, err := c.Exchange(o.t.Context(), grant); return err }
	return map[string]func() error{
		"/.well-known/openid-configuration": func() error { _, err := o.client().Metadata(o.t.Context()); return err },
		"/keys":                             func() error { return login(discovered()) },
		"/token":                            func() error { return login(discovered()) },
		"/userinfo":                         func() error { return login(discovered()) },
		"/revoke":                           func() error { return discovered().Revoke(o.t.Context(), "the-token") },
	}
}

// Firewalls block the name of net/http's client, which scanners use, or count its calls
// as one program's.
func TestCallsSayWhoCalls(t *testing.T) {
	for path := range everywhere(newOP(t)) {
		o := newOP(t)
		_ = everywhere(o)[path]()
		assert.Contains(t, o.last(path).header.Get("User-Agent"), "passport-go", path)
	}
}

func TestAResponseIsBoundedAfterDecompression(t *testing.T) {
	packed := bomb(t)
	for path := range everywhere(newOP(t)) {
		t.Run(path, func(t *testing.T) {
			o := newOP(t)
			call := everywhere(o)[path]
			o.serve(path, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write(packed)
			})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := call()
			runtime.ReadMemStats(&after)
			assert.ErrorContains(t, err, "larger than 1 MB")
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20), "bytes allocated")
		})
	}
}

func TestAnErrorNamesTheReasonAndNoBody(t *testing.T) {
	page := "<html>" + strings.Repeat("SECRET-BODY ", 50_000) + "</html>" // 600 kB
	for _, answer := range []struct {
		name, kind, body string
		status           int
		reason           string
	}{
		{"error page", "text/html", page, 502, "status 502"},
		{"page for an answer", "text/html; charset=utf-8", page, 200, "text/html"},
		{"cut JSON", "application/json", `{"SECRET-BODY":`, 200, "not a JSON object"},
		{"twice", "application/json", `{"access_token":"SECRET-BODY","access_token":"SECRET-BODY"}`, 200, "distinct names"},
		{"array", "application/json", `["SECRET-BODY"]`, 200, "not a JSON object"},
		{"nothing", "application/json", ``, 200, "0 bytes"},
		{"empty", "application/json", `{}`, 200, ""},
		{"another's error", "application/json", `{"error":"` + strings.Repeat("x", 5000) + `"}`, 400, "status 400"},
	} {
		for _, path := range []string{"/.well-known/openid-configuration", "/keys", "/token", "/userinfo"} {
			t.Run(answer.name+path, func(t *testing.T) {
				o := newOP(t)
				call := everywhere(o)[path]
				o.answer(path, answer.kind, answer.body, answer.status)
				err := call()
				require.Error(t, err)
				assert.Less(t, len(err.Error()), 500, "bytes of error")
				assert.NotContains(t, err.Error(), "SECRET-BODY")
				assert.Contains(t, err.Error(), answer.reason)
			})
		}
	}
}

// A server closes a connection that it takes for idle just as a call is on its way.
// https://github.com/envoyproxy/gateway/issues/3178
func TestACallOnAConnectionThatIsBeingClosedIsMadeOnAnother(t *testing.T) {
	for path, call := range map[string]func(*provider.Client) error{
		"/revoke": func(c *provider.Client) error { return c.Revoke(t.Context(), "the-token") },
		"/par": func(c *provider.Client) error {
			_, err := c.AuthorizeURL(t.Context(), provider.AuthRequest{RedirectURI: grant.RedirectURI})
			return err
		},
	} {
		t.Run(path, func(t *testing.T) {
			o := newOP(t)
			o.metadata["pushed_authorization_request_endpoint"] = o.url + "/par"
			var calls atomic.Int64
			o.serve(path, func(w http.ResponseWriter, r *http.Request) {
				if calls.Add(1) == 2 {
					panic(http.ErrAbortHandler)
				}
				assert.NotContains(t, r.Header, "Idempotency-Key")
				w.Header().Set("Content-Type", "application/json")
				if path == "/par" {
					w.WriteHeader(http.StatusCreated)
				}
				_, _ = w.Write([]byte(`{"request_uri":"urn:x","expires_in":60}`))
			})
			c := o.client(func(c *provider.Config) { c.Push = true })
			require.NoError(t, call(c))
			require.NoError(t, call(c))
			assert.EqualValues(t, 3, calls.Load())
		})
	}
}

// TestNoRedirectIsFollowed: it would hand codes and tokens to another address.
func TestNoRedirectIsFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for path := range everywhere(newOP(t)) {
			o := newOP(t)
			other := newOP(t)
			call := everywhere(o)[path]
			o.serve(path, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, other.url+r.URL.Path+"?code=SECRET", status)
			})
			err := call()
			assert.ErrorContains(t, err, "redirect", "%d %s", status, path)
			assert.NotContains(t, err.Error(), "SECRET")
			assert.Empty(t, other.requests, "%d %s", status, path)
		}
	}
}

func TestAProviderThatIsOutOfReachIsNamedAndNothingElse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			buffer := make([]byte, 4096)
			_, _ = conn.Read(buffer)
			_, _ = conn.Write([]byte("SECRET-ECHO" + strings.Repeat("x", 5000) + "\r\n\r\n"))
			_ = conn.Close()
		}
	}()
	o := newOP(t)
	o.metadata["token_endpoint"] = "http://" + listener.Addr().String() + "/token"
	_, _, err = o.client().Exchange(t.Context(), grant)
	var unreachable *provider.UnreachableError
	require.ErrorAs(t, err, &unreachable)
	assert.ErrorContains(t, err, listener.Addr().String())
	assert.NotContains(t, err.Error(), "SECRET-ECHO")
	assert.NotContains(t, err.Error(), grant.Code)
	assert.Less(t, len(err.Error()), 500)
}

func TestHeadersAreBounded(t *testing.T) {
	o := newOP(t)
	o.serve("/token", func(w http.ResponseWriter, _ *http.Request) {
		for range 200 {
			w.Header().Add("X-Padding", strings.Repeat("x", 1000))
		}
		writeJSON(w, o.tokenResponse(nil))
	})
	_, _, err := o.client().Exchange(t.Context(), grant)
	assert.ErrorContains(t, err, "could not be reached")
}

func TestACallEndsInTime(t *testing.T) {
	o := newOP(t)
	o.serve("/token", func(w http.ResponseWriter, r *http.Request) { // the body never ends
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	begun := time.Now()
	_, _, err := o.client(func(c *provider.Config) {
		c.HTTPClient = &http.Client{Timeout: 50 * time.Millisecond}
		c.Endpoints = &authdomain.Endpoints{Token: o.url + "/token"}
	}).Exchange(t.Context(), grant)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Less(t, time.Since(begun), 20*time.Second, "the limit is 50 ms")
}

// TestCallsCarryNoHeadersThatABrowserWouldAskFor: a provider allows scripts few.
func TestCallsCarryNoHeadersThatABrowserWouldAskFor(t *testing.T) {
	var sent []http.Header
	record := roundTripper(func(r *http.Request) (*http.Response, error) {
		sent = append(sent, r.Header.Clone())
		return http.DefaultTransport.RoundTrip(r)
	})
	o := newOP(t)
	o.serve("/userinfo", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]any{"sub": "alice"}) })
	c := o.client(func(c *provider.Config) { c.UserInfo, c.HTTPClient = true, &http.Client{Transport: record} })
	_, _, err := c.Exchange(t.Context(), grant)
	require.NoError(t, err)
	require.Len(t, sent, 4)
	for _, header := range sent {
		for name := range header {
			// A browser's own User-Agent stays: see userAgent.
			assert.Contains(t, []string{"Accept", "Content-Type", "Authorization", "User-Agent"}, name)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	for value, want := range map[string]time.Duration{
		"120": 2 * time.Minute, "0": 0, "-5": 0, "soon": 0, "": 0, "99999999999999999999": 0,
		now.Add(time.Minute).Format(http.TimeFormat):  time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		o := newOP(t)
		o.serve("/revoke", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", now.Format(http.TimeFormat))
			w.Header().Set("Retry-After", value)
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		var refused *provider.Error
		require.ErrorAs(t, o.client().Revoke(t.Context(), "token"), &refused)
		assert.Equal(t, want, refused.RetryAfter, value)
	}
}
