package passporttest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// receiver is a client's back-channel logout URI.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	tokens []string
}

func newReceiver(t *testing.T, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := new(receiver)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.tokens = append(r.tokens, req.PostFormValue("logout_token"))
		r.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) received() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.tokens...)
}

func ok(http.ResponseWriter, *http.Request) {}

func TestALogoutTokenHasAuth0sShape(t *testing.T) {
	now := newClock()
	auth := start(t, passporttest.Options{Now: now.Now})
	token := auth.SignLogoutToken(passporttest.LogoutToken{Subject: "email|alice", SID: "the-sid"})

	header := headerOf(t, token)
	assert.Equal(t, "RS256", header["alg"])
	assert.Equal(t, "JWT", header["typ"])
	assert.NotEmpty(t, header["kid"])

	claims := claimsOf(t, token)
	assert.NotEmpty(t, claims["jti"])
	assert.NotEmpty(t, claims["trace_id"])
	delete(claims, "jti")
	delete(claims, "trace_id")
	assert.Equal(t, map[string]any{
		"iss":    auth.URL + "/",
		"aud":    passporttest.ClientID,
		"iat":    float64(now.Now().Unix()),
		"exp":    float64(now.Now().Unix() + 120),
		"sub":    "email|alice",
		"sid":    "the-sid",
		"events": map[string]any{logoutEvent: map[string]any{}},
	}, claims)
}

func TestNoTwoLogoutTokensShareTheirID(t *testing.T) {
	auth := start(t, passporttest.Options{})
	first := claimsOf(t, auth.SignLogoutToken(passporttest.LogoutToken{}))
	second := claimsOf(t, auth.SignLogoutToken(passporttest.LogoutToken{}))
	assert.NotEqual(t, first["jti"], second["jti"])
}

// checkLogoutToken accepts what OpenID Connect Back-Channel Logout 1.0 §2.6
// accepts: go-oidc's checks, and those that it leaves to its caller.
func checkLogoutToken(t *testing.T, auth *passporttest.Server, token string) error {
	t.Helper()
	verifier := oidc.NewVerifier(auth.Issuer(), oidc.NewRemoteKeySet(t.Context(), auth.URL+keys),
		&oidc.Config{ClientID: passporttest.ClientID})
	verified, err := verifier.VerifyLogout(t.Context(), token)
	if err != nil {
		return err
	}
	if typ := headerOf(t, token)["typ"]; typ != nil && typ != "JWT" && typ != "logout+jwt" {
		return errors.New("typ")
	}
	if age := time.Since(verified.IssuedAt); age < -time.Minute || age > time.Hour {
		return errors.New("iat")
	}
	var claims map[string]json.RawMessage
	if err := verified.Claims(&claims); err != nil {
		return err
	}
	var events map[string]json.RawMessage
	if err := json.Unmarshal(claims["events"], &events); err != nil || !bytes.HasPrefix(events[logoutEvent], []byte("{")) {
		return errors.New("events")
	}
	if string(claims["sub"])+string(claims["sid"]) == "" {
		return errors.New("neither sub nor sid in the right case")
	}
	return nil
}

func TestValidLogoutTokensAreAccepted(t *testing.T) {
	auth := start(t, passporttest.Options{})
	for _, about := range []passporttest.LogoutToken{
		{Subject: "email|alice", SID: "the-sid"},
		{Subject: "email|alice"},
		{SID: "the-sid"},
		{SID: "the-sid", ClientID: passporttest.ClientID, Edit: func(header, claims map[string]any) {
			header["typ"] = "logout+jwt"
			claims["aud"] = []string{passporttest.ClientID}
		}},
		{SID: "the-sid", Edit: func(header, _ map[string]any) { delete(header, "typ"); delete(header, "kid") }},
	} {
		assert.NoError(t, checkLogoutToken(t, auth, auth.SignLogoutToken(about)))
	}
}

func TestEveryInvalidLogoutTokenIsInvalid(t *testing.T) {
	auth := start(t, passporttest.Options{})
	for _, about := range []passporttest.LogoutToken{
		{Subject: "email|alice", SID: "the-sid"}, {Subject: "email|alice"}, {SID: "the-sid"},
	} {
		tokens := auth.InvalidLogoutTokens(about)
		assert.Greater(t, len(tokens), 40)
		for broken, token := range tokens {
			assert.Error(t, checkLogoutToken(t, auth, token), broken)
		}
	}
}

func TestInvalidTokensDifferFromAValidOneInOneRule(t *testing.T) {
	auth := start(t, passporttest.Options{})
	tokens := auth.InvalidLogoutTokens(passporttest.LogoutToken{Subject: "email|alice", SID: "the-sid"})
	assert.Equal(t, "none", headerOf(t, tokens["alg none"])["alg"])
	assert.Regexp(t, `^[^.]+\.[^.]+\.$`, tokens["alg none"])
	assert.Equal(t, "HS256", headerOf(t, tokens["alg HS256 keyed with public key"])["alg"])

	noEvents := claimsOf(t, tokens["events missing"])
	assert.NotContains(t, noEvents, "events")
	assert.Equal(t, "the-sid", noEvents["sid"])
	nonce := claimsOf(t, tokens["nonce present but null"])
	assert.Contains(t, nonce, "nonce")
	assert.Nil(t, nonce["nonce"])
}

func TestAForeignKeyIsNotPublished(t *testing.T) {
	auth := start(t, passporttest.Options{})
	token := auth.SignLogoutToken(passporttest.LogoutToken{SID: "the-sid", ForeignKey: true})
	assert.Equal(t, published(t, auth)[0], headerOf(t, token)["kid"], "the header says nothing")
	assert.ErrorContains(t, checkLogoutToken(t, auth, token), "signature")
}

func TestASentTokenArrives(t *testing.T) {
	auth := start(t, passporttest.Options{})
	client := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodPost, r.Method)
		assert.Equal(t, "application/x-www-form-urlencoded", r.Header.Get("Content-Type"))
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_request"}`))
	})
	token := auth.SignLogoutToken(passporttest.LogoutToken{SID: "the-sid"})
	sent, err := auth.SendLogoutToken(t.Context(), client.URL, token)
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, sent.Status)
	assert.Equal(t, "no-store", sent.Header.Get("Cache-Control"))
	assert.JSONEq(t, `{"error":"invalid_request"}`, sent.Body)
	assert.Equal(t, []string{token}, client.received())
	assert.Empty(t, auth.Deliveries(), "those are the auth domain's own")
}

func TestATokenThatCannotBeSentIsAnError(t *testing.T) {
	auth := start(t, passporttest.Options{})
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, uri := range []string{gone.URL, "://", "mailto:x"} {
		sent, err := auth.SendLogoutToken(t.Context(), uri, "token")
		assert.ErrorContains(t, err, "passporttest: sending a logout token", uri)
		assert.Equal(t, err, sent.Err)
		assert.Zero(t, sent.Status)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	auth := start(t, passporttest.Options{})
	client := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	sent, err := auth.SendLogoutToken(t.Context(), client.URL, "token")
	require.NoError(t, err)
	assert.Equal(t, http.StatusTemporaryRedirect, sent.Status)
	assert.Len(t, client.received(), 1)
}

func TestALogoutTellsTheClientsOfTheSession(t *testing.T) {
	shop, chat, game := newReceiver(t, ok), newReceiver(t, ok), newReceiver(t, ok)
	auth := start(t, passporttest.Options{AutoLogin: true, Clients: []passporttest.Client{
		{ID: "shop", AnyLoopback: true, BackChannelLogoutURI: shop.URL},
		{ID: "chat", AnyLoopback: true, BackChannelLogoutURI: chat.URL},
		{ID: "game", AnyLoopback: true, BackChannelLogoutURI: game.URL},
		{ID: "quiet", AnyLoopback: true},
	}})
	p, bystander := newParty(t, auth), newParty(t, auth)
	for _, id := range []string{"shop", "chat", "quiet", "chat"} {
		p.config.ClientID = id
		p.login()
	}
	bystander.config.ClientID = "game"
	bystander.login()
	session := auth.Sessions()[0]
	require.Equal(t, []string{"shop", "chat", "quiet"}, session.ClientIDs)

	p.visit(p.logoutURL())
	for id, client := range map[string]*receiver{"shop": shop, "chat": chat} {
		require.Len(t, client.received(), 1, id)
		claims := claimsOf(t, client.received()[0])
		assert.Equal(t, id, claims["aud"])
		assert.Equal(t, session.SID, claims["sid"])
		assert.Equal(t, session.User.Subject, claims["sub"])
	}
	assert.Empty(t, game.received())
	require.Len(t, auth.Deliveries(), 2)
	for _, sent := range auth.Deliveries() {
		assert.Equal(t, http.StatusOK, sent.Status)
		assert.Contains(t, []string{"shop", "chat"}, sent.ClientID)
	}

	p.visit(p.logoutURL())
	assert.Len(t, auth.Deliveries(), 2, "there was nothing left to end")
}

func TestASessionThatIsKeptIsNotReported(t *testing.T) {
	client := newReceiver(t, ok)
	p := newParty(t, start(t, onlyClient(passporttest.Client{
		ID: passporttest.ClientID, AnyLoopback: true, BackChannelLogoutURI: client.URL,
	})))
	p.auth.Inject(passporttest.Fault{KeepSession: true})
	p.login()
	p.visit(p.logoutURL())
	assert.Empty(t, client.received())
}

func TestOIDCLogoutTellsTheClientsToo(t *testing.T) {
	client := newReceiver(t, ok)
	p := newParty(t, start(t, onlyClient(passporttest.Client{
		ID: passporttest.ClientID, AnyLoopback: true, BackChannelLogoutURI: client.URL,
	})))
	p.oidcLogout(url.Values{"id_token_hint": {idToken(t, p)}, "post_logout_redirect_uri": {afterward}})
	assert.Len(t, client.received(), 1)
}

func TestEndSessionIsALogoutElsewhere(t *testing.T) {
	client := newReceiver(t, ok)
	p := newParty(t, start(t, onlyClient(passporttest.Client{
		ID: passporttest.ClientID, AnyLoopback: true, BackChannelLogoutURI: client.URL,
	})))
	p.login()
	sid := p.auth.Sessions()[0].SID
	assert.False(t, p.auth.EndSession("unknown"))
	assert.True(t, p.auth.EndSession(sid))
	assert.Empty(t, p.auth.Sessions())
	require.Len(t, client.received(), 1)
	assert.Equal(t, sid, claimsOf(t, client.received()[0])["sid"])
	assert.False(t, p.auth.EndSession(sid))
}

func TestAReceiverThatFailsDoesNotHinderTheLogout(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	p := newParty(t, start(t, onlyClient(passporttest.Client{
		ID: passporttest.ClientID, AnyLoopback: true, BackChannelLogoutURI: gone.URL,
	})))
	p.login()
	assert.Equal(t, http.StatusFound, p.visit(p.logoutURL()).StatusCode)
	assert.Empty(t, p.auth.Sessions())
	require.Len(t, p.auth.Deliveries(), 1)
	assert.Error(t, p.auth.Deliveries()[0].Err)
}

func TestCloseDoesNotWaitForASlowReceiver(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	client := newReceiver(t, func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	})
	options := onlyClient(passporttest.Client{
		ID: passporttest.ClientID, AnyLoopback: true, BackChannelLogoutURI: client.URL,
	})
	options.HTTPClient = new(http.Client) // has no time-out that would end it
	p := newParty(t, start(t, options))
	p.login()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.auth.EndSession(p.auth.Sessions()[0].SID)
	}()
	<-arrived
	p.auth.Close()
	<-ended
	close(release)
	require.Len(t, p.auth.Deliveries(), 1)
	assert.Error(t, p.auth.Deliveries()[0].Err)
}
