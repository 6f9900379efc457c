package passport_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

func TestReadiness(t *testing.T) {
	var store distant
	for name, row := range map[string]struct {
		breaks           func(*site)
		status           int
		all, store, prov passport.HealthStatus
	}{
		"all is well": {func(*site) {}, 200, passport.HealthOK, passport.HealthOK, passport.HealthOK},
		"the provider is down": {
			func(s *site) { s.auth.Inject(passporttest.Fault{Path: "/.well-known/jwks.json", Status: 503}) },
			200, passport.HealthDegraded, passport.HealthOK, passport.HealthDown,
		},
		"the provider hangs": {
			func(s *site) { s.auth.Inject(passporttest.Fault{Path: "/.well-known/jwks.json", Hang: true}) },
			200, passport.HealthDegraded, passport.HealthOK, passport.HealthDown,
		},
		"the store is down": {func(*site) { store.fail("Load") }, 503, passport.HealthDown, passport.HealthDown, passport.HealthOK},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, storedFarAway(&store))
			row.breaks(s)
			loads := func() uint64 { return s.p.Stats().StoreCalls["store.load"].Calls }
			before := loads()
			for range 100 {
				w := record(s.p.Readiness, "GET", "/readyz")
				assert.Equal(t, row.status, w.Code)
				assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
				h := s.p.CheckHealth(t.Context())
				assert.Equal(t, row.all, h.Status)
				assert.Equal(t, row.store, h.Store.Status)
				assert.Equal(t, row.prov, h.Provider.Status)
				assert.Equal(t, row.status == 200, h.Ready())
				assert.False(t, strings.Contains(w.Body.String(), s.auth.URL) || strings.Contains(w.Body.String(), "refused"), w.Body)
				if row.prov == passport.HealthDown && name == "the provider hangs" {
					break // each waits
				}
			}
			assert.Equal(t, before+1, loads(), "a flood of probes makes one check")
			assert.LessOrEqual(t, len(s.auth.Requests("/.well-known/jwks.json")), 1)
			store.fail()
		})
	}
}

func TestReadinessIsForReading(t *testing.T) {
	s := newSite(t)
	w := record(s.p.Readiness, "POST", "/readyz")
	assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
	w = record(s.p.Readiness, "GET", "/readyz")
	require.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), `"status":"ok"`)
}

func TestAfterCloseNothingIsReady(t *testing.T) {
	for _, probed := range []bool{false, true} {
		s := newSite(t)
		if probed {
			require.Equal(t, http.StatusOK, record(s.p.Readiness, "GET", "/readyz").Code)
		}
		require.NoError(t, s.p.Close(t.Context()))
		assert.Equal(t, http.StatusServiceUnavailable, record(s.p.Readiness, "GET", "/readyz").Code, "probed before: %v", probed)
		h := s.p.CheckHealth(t.Context())
		for _, status := range []passport.HealthStatus{h.Status, h.Store.Status, h.Provider.Status} {
			assert.Equal(t, passport.HealthDown, status, "probed before: %v", probed)
		}
	}
}
