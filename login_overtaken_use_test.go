package passport_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage/memory"
)

// respelled are other texts for the bytes of a state, for decoders that are not
// strict.
func respelled(state string) []string {
	last := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", state[len(state)-1])
	texts := []string{state + "\n", "\r\n" + state, state[:7] + "\n" + state[7:], state + "=", state + "=="}
	if len(state)%4 != 0 { // there are bits that mean nothing
		texts = append(texts, state[:len(state)-1]+string(base64URL[last^1]))
	}
	return texts
}

const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func TestAStateIsGoodOnceHoweverItIsSpelled(t *testing.T) {
	eachCarrier(t, func(t *testing.T, s *site, c carrier) {
		b := s.browser()
		link := b.link(delivered(c.login(plain)))
		u, err := url.Parse(link)
		require.NoError(t, err)
		q := u.Query()
		require.False(t, c.callback(link).failed)
		_, err = base64.RawURLEncoding.DecodeString(q.Get("state"))
		require.NoError(t, err)
		for _, text := range respelled(q.Get("state")) {
			u.RawQuery = url.Values{"code": {q.Get("code")}, "state": {text}}.Encode()
			r := c.callback(u.String())
			assert.True(t, r.failed, "%q", text)
		}
		assert.Equal(t, 1, s.codes())
		assert.Empty(t, s.auth.Incidents())
	})
}

// Back to the auth domain's login page, another user signs in with the same state.
func TestAStateWithAnotherCodeIsNobodysSession(t *testing.T) {
	eachCarrier(t, func(t *testing.T, s *site, c carrier) {
		b := s.browser()
		begun := delivered(c.login(plain))
		link := b.link(begun)
		first := delivered(c.callback(link))
		require.False(t, first.failed)

		other := s.browser().link(begun)
		require.NotEqual(t, link, other, "another code")
		r := c.callback(other)
		assert.True(t, r.failed)
		assert.Regexp(t, "no such login|no longer valid", r.text)
		assert.Equal(t, 1, s.codes(), "the other code went nowhere")

		again := c.callback(link)
		assert.False(t, again.failed, "a reload of the first is harmless: %s", again.text)
		assert.True(t, c.signedIn())
		assert.Empty(t, s.auth.Incidents())
	})
}

// While the first code is being traded, the same callback waits and another does not.
func TestAStateWithAnotherCodeDoesNotWaitForTheFirst(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	c := &verbCarrier{s: s, p: s.p}
	begun := delivered(c.login(plain))
	link, other := b.link(begun), s.browser().link(begun)
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Hang: true})
	first := make(chan reply, 1)
	go func() { first <- c.copied().callback(link) }()
	_, err := s.auth.Await(t.Context(), "/oauth/token", 1)
	require.NoError(t, err)
	assert.True(t, c.callback(other).failed)
	assert.Empty(t, first, "it is still being traded")
	lift()
	assert.False(t, (<-first).failed)
}

func TestAStateThatIsTooLongIsNotRead(t *testing.T) {
	eachCarrier(t, func(t *testing.T, s *site, c carrier) {
		delivered(c.login(plain))
		r := c.callback("/redirect?code=x&state=" + strings.Repeat("A", 64<<10))
		assert.True(t, r.failed)
	})
}

func TestTheLongestDestinationFitsIntoAState(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	to := "/" + strings.Repeat("<", 999)
	link := b.callback("/login?" + url.Values{"return_to": {to}}.Encode())
	assert.Equal(t, to, b.stay().get(link).Header.Get("Location"))
}

func TestACallbackIsGoodForOneUse(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	link := b.callback("/login")
	require.Equal(t, passporttest.DefaultUser().Subject, b.get(link).body)

	a := b.stay().get(link)
	assert.Equal(t, "/", a.Header.Get("Location"), "loading the page again is harmless for who is signed in")
	assert.Equal(t, passporttest.DefaultUser().Subject, b.get("/").body)
	assert.Empty(t, s.auth.Incidents(), "the code was not sent twice, which would kill the refresh token")

	b.logout()
	assert.Equal(t, http.StatusBadRequest, b.get(link).StatusCode, "and signs nobody in after a logout")
}

func TestALoginExpires(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	link := b.callback("/login")
	s.clock.add(10 * time.Minute)
	a := b.get(link)
	assert.Equal(t, http.StatusBadRequest, a.StatusCode)
	assert.Contains(t, a.body, "Sign in again")
}

func TestLoginsThatAreBegunAndLeftFillNoStore(t *testing.T) {
	s := newSite(t, func(c *passport.Config) { c.Store = memory.New(memory.Options{Limit: 2}) })
	for range 50 {
		s.browser().authorizeRequest("/login")
	}
	b := s.browser()
	for range 50 { // nor do those that come back with a code that is none
		u := b.authorizeRequest("/login")
		b.get("/redirect?code=junk&state=" + u.Query().Get("state"))
	}
	s.signedIn()
}

func TestACallbackThatIsLoadedAgainIsFinishedOnce(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	link := b.callback("/login?return_to=/page")
	lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Late: true, Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan struct{})
	go func() {
		defer close(first)
		res, err := b.Do(b.request(http.MethodGet, link, nil).WithContext(ctx))
		if err == nil {
			res.Body.Close()
		}
	}()
	_, err := s.auth.Await(t.Context(), "/oauth/token", 1)
	require.NoError(t, err)
	cancel() // the user presses reload
	<-first
	again := make(chan answer, 1)
	go func() { again <- b.stay().get(link) }()
	lift()
	a := <-again
	assert.Equal(t, "/page", a.Header.Get("Location"))
	assert.NotEqual(t, "nobody", b.get("/").body)
	assert.Len(t, s.auth.Requests("/oauth/token"), 1)
	assert.Empty(t, s.auth.Incidents())
	list, err := s.p.Sessions(t.Context(), passporttest.DefaultUser().Subject)
	require.NoError(t, err)
	assert.Len(t, list, 1, "no session is left behind that nobody has the cookie of")
}

// heldCodes holds the codes that are sent to the auth domain until open is closed.
type heldCodes struct {
	http.RoundTripper
	open chan struct{}
	seen chan struct{}
}

func (h *heldCodes) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-h.open:
	default:
		if strings.HasSuffix(r.URL.Path, "/token") {
			h.seen <- struct{}{}
			<-h.open
			return nil, context.DeadlineExceeded
		}
	}
	return h.RoundTripper.RoundTrip(r)
}

// While strangers' codes wait for the auth domain, that of a user is not sent, so it is
// not used up either.
func TestALoginThatThereWasNoRoomForIsNotUsedUp(t *testing.T) {
	const strangers = 1500
	held := &heldCodes{open: make(chan struct{}), seen: make(chan struct{}, strangers)}
	s := newSite(t, func(c *passport.Config) {
		held.RoundTripper = http.DefaultTransport
		c.HTTPClient = &http.Client{Transport: held}
	})
	var all sync.WaitGroup
	for range strangers {
		to, begun, err := s.p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
		require.NoError(t, err)
		u, err := url.Parse(to)
		require.NoError(t, err)
		all.Go(func() {
			_, _, err := s.p.FinishLogin(t.Context(), begun, url.Values{"code": {"made up"}, "state": {u.Query().Get("state")}})
			if assert.Error(t, err) && strings.Contains(err.Error(), "too many logins") {
				held.seen <- struct{}{}
			}
		})
	}
	for range strangers {
		<-held.seen
	}
	to, begun, err := s.p.BeginLogin(t.Context(), passport.BrowserState{}, passport.LoginOptions{})
	require.NoError(t, err)
	user := s.browser().stay()
	for !strings.Contains(to, "code=") {
		to = user.get(to).Header.Get("Location")
		require.NotEmpty(t, to)
	}
	u, err := url.Parse(to)
	require.NoError(t, err)
	_, after, err := s.p.FinishLogin(t.Context(), begun, u.Query())
	require.ErrorContains(t, err, "too many logins")
	close(held.open)
	all.Wait()
	_, _, err = s.p.FinishLogin(t.Context(), after, u.Query())
	assert.NoError(t, err, "the page is loaded again")
}
