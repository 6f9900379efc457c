package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// cookieServer starts a server that sets a cookie at /set, embeds a page at /embed,
// and at /show tells the page around it which cookies it was sent. It returns its
// origin by the name that it is called.
func cookieServer(t *testing.T, serve func(http.Handler) *httptest.Server) func(host string) string {
	t.Helper()
	server := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/set":
			http.SetCookie(w, &http.Cookie{Name: "c", Value: "1", Path: "/", SameSite: http.SameSiteNoneMode, Secure: true})
		case "/embed":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<iframe></iframe>`)
		case "/show":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<script>top.postMessage(%q, "*")</script>`, r.Header.Get("Cookie"))
		}
	}))
	t.Cleanup(server.Close)
	return func(host string) string { return strings.Replace(server.URL, "127.0.0.1", host, 1) }
}

// framedCookies returns the cookies of auth that an iframe in a page of app is
// given.
func framedCookies(tab *Tab, auth, app string) string {
	tab.t.Helper()
	tab.Go(auth + "/set")
	tab.Go(app + "/embed")
	return Eval[string](tab, `new Promise(resolve => {
		onmessage = e => resolve(e.data);
		document.querySelector("iframe").src = "`+auth+`/show";
	})`)
}

// The ground of all tests here: what the browser and its engine alone do with
// cookies, if nothing of ours is involved.
func TestBrowsersTreatThirdPartyCookiesAsTheirNameSays(t *testing.T) {
	at := cookieServer(t, httptest.NewServer)
	for _, tt := range []struct {
		cookies   Cookies
		auth, app string
		want      string
	}{
		{Blocked, "auth.localhost", "app.localhost", ""},
		{Allowed, "auth.localhost", "app.localhost", "c=1"},
		{Blocked, "auth.app.localhost", "app.localhost", "c=1"},
	} {
		for _, p := range []program{shell, desktop} {
			tab := openChromium(t, p, tt.cookies, unoptimized).Tab()
			assert.Equal(t, tt.want, framedCookies(tab, at(tt.auth), at(tt.app)), "%s, %+v", p, tt)
		}
	}
}
