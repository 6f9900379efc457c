package bench

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gorilla/sessions"
	"github.com/stretchr/testify/require"
)

// What a session holds: the sizes are those of Immutable's tokens.
var (
	idToken      = strings.Repeat("i", 1200)
	accessToken  = strings.Repeat("a", 1200)
	refreshToken = strings.Repeat("r", 60)
)

// leastRecord is less than a session of ours takes in a store outside this process, where
// tokens are packed: base64 stands for three quarters as many bytes.
var leastRecord = (len(idToken) + len(accessToken)) * 3 / 4

// users is how many are signed in where no more is said. Requests go through all of
// them in random order, so that no contender serves a few sessions from a cache.
const users = 1000

// contender keeps sessions in one way or another: a handler that answers 204 to
// those who have one, and the Cookie headers of those who do.
type contender struct {
	name    string
	handler http.Handler
	cookies []string

	protect func(http.Handler) http.Handler // puts another handler behind the check; of passport
}

// owner is who sets up a contender: a benchmark, or a process of its own.
type owner interface {
	require.TestingT
	Helper()
	Cleanup(func())
}

// noContent is what lies behind the session check.
func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// limitInMemory is the least that a check can be: the cookie is parsed and a map
// looked up.
func limitInMemory(live int) contender {
	var sessions sync.Map
	c := contender{name: "limit"}
	for range live {
		id := secretID()
		sessions.Store(id, &struct{ id, access, refresh string }{idToken, accessToken, refreshToken})
		c.cookies = append(c.cookies, "passport="+id)
	}
	c.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookie, err := r.Cookie("passport")
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if _, ok := sessions.Load(cookie.Value); !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		noContent(w, r)
	})
	return c
}

// scsSessions keeps the tokens in scs. idle is its IdleTimeout: 0 for none.
func scsSessions(b owner, store scs.Store, idle time.Duration) contender {
	m := scs.New()
	m.Store, m.IdleTimeout = store, idle
	c := contender{name: "scs" + suffix(idle)}
	c.handler = m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !m.Exists(r.Context(), "refresh_token") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		noContent(w, r)
	}))
	signIn := m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		m.Put(r.Context(), "id_token", idToken)
		m.Put(r.Context(), "access_token", accessToken)
		m.Put(r.Context(), "refresh_token", refreshToken)
	}))
	for range users {
		c.cookies = append(c.cookies, cookieFrom(b, signIn))
	}
	return c
}

// gorillaSessions keeps the tokens in gorilla's store of files.
func gorillaSessions(b testing.TB) contender {
	store := sessions.NewFilesystemStore(b.TempDir(), make([]byte, 32))
	store.MaxLength(0)
	c := contender{name: "gorilla"}
	c.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// It keeps the session in the request, which is used again here.
		s, err := store.Get(r.WithContext(r.Context()), "session")
		if err != nil || s.Values["refresh_token"] == nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		noContent(w, r)
	})
	signIn := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := store.Get(r, "session")
		require.NoError(b, err)
		s.Values["id_token"], s.Values["access_token"], s.Values["refresh_token"] = idToken, accessToken, refreshToken
		require.NoError(b, s.Save(r, w))
	})
	for range users {
		c.cookies = append(c.cookies, cookieFrom(b, signIn))
	}
	return c
}

func suffix(idle time.Duration) string {
	if idle > 0 {
		return "-idle"
	}
	return ""
}

// cookieFrom signs somebody in and returns what their browser sends from then on.
func cookieFrom(b owner, signIn http.Handler) string {
	b.Helper()
	w := httptest.NewRecorder()
	signIn.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	set := w.Result().Cookies()
	require.Len(b, set, 1)
	return set[0].Name + "=" + set[0].Value
}
