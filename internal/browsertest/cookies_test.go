package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The ground of all tests here: what the two browsers do with cookies, if
// nothing of ours is involved.
func TestBrowsersTreatThirdPartyCookiesAsTheirNameSays(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/set":
			http.SetCookie(w, &http.Cookie{Name: "c", Value: "1", Path: "/", SameSite: http.SameSiteNoneMode, Secure: true})
		case "/embed":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<iframe src="%s"></iframe>`, r.FormValue("url"))
		case "/show":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<script>top.postMessage(%q, "*")</script>`, r.Header.Get("Cookie"))
		}
	}))
	t.Cleanup(server.Close)
	at := func(host string) string { return strings.Replace(server.URL, "127.0.0.1", host, 1) }

	for _, tt := range []struct {
		cookies   Cookies
		auth, app string
		want      string
	}{
		{Blocked, "auth.localhost", "app.localhost", ""},
		{Allowed, "auth.localhost", "app.localhost", "c=1"},
		{Blocked, "auth.app.localhost", "app.localhost", "c=1"},
	} {
		tab := Open(t, tt.cookies).Tab()
		tab.Go(at(tt.auth) + "/set")
		tab.Go(at(tt.app) + "/embed")
		got := Eval[string](tab, `new Promise(resolve => {
			onmessage = e => resolve(e.data);
			document.querySelector("iframe").src = "`+at(tt.auth)+`/show";
		})`)
		assert.Equal(t, tt.want, got, "%+v", tt)
	}
}
