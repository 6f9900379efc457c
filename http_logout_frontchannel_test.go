package passport_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/storage/memory"
)

// framed are the headers of an iframe on the provider's logout page.
func (s *site) framed() []string {
	return []string{"Sec-Fetch-Dest", "iframe", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "cross-site", "Referer", s.auth.URL + "/logged-out"}
}

func TestAFrontChannelLogoutEndsByIssuerAndSIDWithoutACookie(t *testing.T) {
	s := provided(t)
	a, b := s.signedIn(), s.signedIn()
	uri := s.auth.FrontChannelLogoutURL(s.server.URL+"/frontchannel", a.sid())
	res := s.browser().get(uri, s.framed()...)
	assert.Equal(t, http.StatusOK, res.StatusCode)
	assert.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	assert.Contains(t, res.Header.Get("Content-Security-Policy"), "frame-ancestors "+s.auth.URL)
	assert.Equal(t, "nobody", a.get("/").body)
	assert.NotEqual(t, "nobody", b.get("/").body)
	assert.Len(t, s.events.named(passport.EventProviderLogout), 1)
}

func TestAFrontChannelLogoutIsAFrameOfTheProvidersPage(t *testing.T) {
	s := provided(t)
	const elsewhere = "https://other-app.example/"
	own := url.QueryEscape(s.auth.URL + "/")
	for name, row := range map[string]struct {
		query  string // SID stands for the user's
		header []string
		ends   bool
	}{
		"a frame":                              {"?iss=" + own + "&sid=SID", s.framed(), true},
		"a frame with a sid alone":             {"?sid=SID", s.framed(), true},
		"a frame with neither":                 {"", s.framed(), true},
		"a frame with an issuer alone":         {"?iss=" + own, s.framed(), true},
		"a page that sends no referrer":        {"?iss=" + own + "&sid=SID", []string{"Sec-Fetch-Dest", "iframe"}, true},
		"the same with a sid alone":            {"?sid=SID", []string{"Sec-Fetch-Dest", "iframe"}, false},
		"the same with neither":                {"", []string{"Sec-Fetch-Dest", "iframe"}, false},
		"a browser without Fetch Metadata":     {"?iss=" + own + "&sid=SID", []string{"Sec-Fetch-Dest", "", "Sec-Fetch-Mode", "", "Sec-Fetch-Site", "", "Referer", s.auth.URL + "/"}, true},
		"the same without a referrer":          {"?iss=" + own + "&sid=SID", []string{"Sec-Fetch-Dest", "", "Sec-Fetch-Mode", "", "Sec-Fetch-Site", ""}, false},
		"a link on the provider's page":        {"?iss=" + own + "&sid=SID", []string{"Sec-Fetch-Dest", "document", "Referer", s.auth.URL + "/"}, false},
		"an image on any page":                 {"?iss=" + own + "&sid=SID", []string{"Sec-Fetch-Dest", "image", "Referer", elsewhere}, false},
		"an image on the provider's page":      {"?iss=" + own + "&sid=SID", []string{"Sec-Fetch-Dest", "image", "Referer", s.auth.URL + "/"}, false},
		"a frame of another app":               {"?iss=" + own + "&sid=SID", []string{"Sec-Fetch-Dest", "iframe", "Referer", elsewhere}, false},
		"a frame of a host that looks alike":   {"?iss=" + own + "&sid=SID", []string{"Sec-Fetch-Dest", "iframe", "Referer", s.auth.URL + ".example/"}, false},
		"another issuer in a frame of the one": {"?iss=" + url.QueryEscape(elsewhere) + "&sid=SID", s.framed(), false},
	} {
		t.Run(name, func(t *testing.T) {
			b := s.signedIn()
			b.get("/frontchannel"+strings.Replace(row.query, "SID", url.QueryEscape(b.sid()), 1), row.header...)
			assert.Equal(t, row.ends, b.get("/").body == "nobody")
		})
	}
}

func TestJunkFrontChannelRequestsDoNothing(t *testing.T) {
	s := provided(t, func(c *passport.Config) { c.Store = memory.New(memory.Options{Limit: 4}) })
	for i := range 20 {
		s.browser().get(s.auth.FrontChannelLogoutURL(s.server.URL+"/frontchannel", fmt.Sprint("sid ", i)), s.framed()...)
	}
	s.signedIn()
	assert.Empty(t, s.events.named(passport.EventProviderLogout), "nothing ended")
}

// Anybody can make one up, and a store may fail for a text that no record can have.
func TestASIDThatNoSessionHasDoesNotReachTheStore(t *testing.T) {
	store := &faultyStore{Store: memory.New(memory.Options{})}
	var calls []string
	store.hook(func(method, id string) { calls = append(calls, method) })
	s := provided(t, func(c *passport.Config) { c.Store, c.EncryptionKeys = store, someKey() })
	for _, sid := range []string{"a\x00", "\xff", "a\nb", strings.Repeat("s", 256)} {
		uri := s.server.URL + "/frontchannel?" + url.Values{"iss": {s.auth.URL + "/"}, "sid": {sid}}.Encode()
		assert.Equal(t, http.StatusOK, s.browser().get(uri, s.framed()...).StatusCode, "%q", sid)
	}
	assert.Empty(t, calls)
	uri := s.server.URL + "/frontchannel?" + url.Values{"iss": {s.auth.URL + "/"}, "sid": {"of nobody"}}.Encode()
	assert.Equal(t, http.StatusOK, s.browser().get(uri, s.framed()...).StatusCode)
	assert.NotEmpty(t, calls)
}
