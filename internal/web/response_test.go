package web

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A redirect is written without net/http, for speed; what that writes is what counts.
func TestARedirectIsAsNetHTTPsIs(t *testing.T) {
	for _, method := range []string{"POST", "GET", "HEAD"} {
		for _, to := range []string{
			"https://auth.example/v2/logout?client_id=c&returnTo=https%3A%2F%2Fapp.example", "https://auth.example", "http://auth.example/x",
			"/home", "home", "?x=y", "", "https://bücher.example/ü?ü", "//evil.example", "https://auth.example/\x80",
		} {
			r := httptest.NewRequest(method, "/shop/logout", nil)
			got, want := httptest.NewRecorder(), httptest.NewRecorder()
			SeeOther(got, r, to)
			http.Redirect(want, r, to, http.StatusSeeOther)
			assert.Equal(t, want.Result().Header, got.Result().Header, "%s %q", method, to)
			assert.Equal(t, want.Code, got.Code, "%s %q", method, to)
			assert.Equal(t, want.Body.String(), got.Body.String(), "%s %q", method, to)
		}
	}
}
