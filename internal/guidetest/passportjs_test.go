package guidetest

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport"
)

// scripts serves passport.js in its three forms.
func scripts(p *passport.Passport) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /passport.js", p.Script())   // a classic script
	mux.Handle("GET /passport.mjs", p.Script())  // the same as an ES module
	mux.Handle("GET /passport.d.ts", p.Script()) // its types
	return mux
}

func TestThePathDecidesTheFormOfPassportJS(t *testing.T) {
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		p := newPassport(t, c)
		return p, scripts(p)
	})
	browser := s.auth.Browser()
	assert.NotContains(t, get(t, browser, s.URL+"/passport.js").body, "export")
	assert.Contains(t, get(t, browser, s.URL+"/passport.mjs").body, "export default")
	assert.Contains(t, get(t, browser, s.URL+"/passport.d.ts").body, "export declare function logout")
}
