package guidetest

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// revokePending keeps the instance awake until all tokens are revoked, or until the
// scheduler gives up.
func revokePending(p *passport.Passport) http.Handler {
	return p.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			left, err := p.PendingRevocations(r.Context())
			if err != nil {
				http.Error(w, "The store does not answer.", http.StatusServiceUnavailable)
				return
			}
			if left.Pending == 0 {
				return
			}
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
				return
			}
		}
	}))
}

func TestASchedulerKeepsTheInstanceAwakeUntilAllIsRevoked(t *testing.T) {
	s := serve(t, func(c passport.Config) (*passport.Passport, http.Handler) {
		p := newPassport(t, c)
		return p, p.Handler(routes(p))
	})
	b := s.auth.Browser()
	do(t, b, request(t, "GET", s.URL+"/login"))
	s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: http.StatusServiceUnavailable, Times: 1})
	do(t, b, request(t, "POST", s.URL+"/logout"))

	w := httptest.NewRecorder()
	revokePending(s.p).ServeHTTP(w, httptest.NewRequest("POST", "/tasks/revocations", nil))
	assert.Equal(t, http.StatusOK, w.Code)
	require.Len(t, s.auth.RefreshTokens(passporttest.Revoked), 1)
	assert.Len(t, s.auth.Requests("/oauth/revoke"), 2)
}
