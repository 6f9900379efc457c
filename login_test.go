package passport_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSignInAndOut(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	assert.Equal(t, "nobody", b.get("/").body)
	b = s.signedIn()
	a := b.logout()
	assert.Equal(t, 303, a.StatusCode)
	assert.Equal(t, s.p.LogoutURL(), a.Header.Get("Location"))
	assert.Equal(t, "nobody", b.get("/").body)
	assert.Len(t, s.auth.Sessions(), 1, "only the browser can end the Passport session")
	assert.Equal(t, "nobody", b.get(a.Header.Get("Location")).body)
	assert.Empty(t, s.auth.Sessions())
	s.revoked(1)
	t.Log(s.log.String())
}
