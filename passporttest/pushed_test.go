package passporttest_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/passporttest"
)

// push sends a request to /oauth/par, and returns the request_uri.
func push(t *testing.T, auth *passporttest.Server, params url.Values) string {
	t.Helper()
	resp, object := post(t, auth.Client(), auth.URL+"/oauth/par", params)
	require.Equal(t, http.StatusCreated, resp.StatusCode)
	assert.EqualValues(t, 30, object["expires_in"])
	uri, _ := object["request_uri"].(string)
	require.NotEmpty(t, uri)
	return uri
}

func bring(auth *passporttest.Server, client, uri string) string {
	return auth.URL + "/authorize?" + url.Values{"client_id": {client}, "request_uri": {uri}}.Encode()
}

func TestAPushedRequestIsUsedOnceByItsClientInTime(t *testing.T) {
	clock := newClock()
	p := newParty(t, start(t, passporttest.Options{
		AutoLogin: true, Now: clock.Now, RequirePushedRequests: true,
		Clients: []passporttest.Client{{ID: passporttest.ClientID, AnyLoopback: true}, {ID: "other", AnyLoopback: true}},
	}))
	uri := push(t, p.auth, authorizeParams())
	assert.Equal(t, http.StatusBadRequest, p.visit(bring(p.auth, "other", uri)).StatusCode)
	answer := answerTo(t, p.visit(bring(p.auth, passporttest.ClientID, uri)))
	assert.NotEmpty(t, answer.Get("code"))
	assert.Equal(t, "the-state", answer.Get("state"))
	assert.Equal(t, http.StatusBadRequest, p.visit(bring(p.auth, passporttest.ClientID, uri)).StatusCode, "used")

	uri = push(t, p.auth, authorizeParams())
	clock.advance(31 * time.Second)
	assert.Equal(t, http.StatusBadRequest, p.visit(bring(p.auth, passporttest.ClientID, uri)).StatusCode, "too late")
}

func TestARequestThatIsNotPushedIsRefusedWherePushingIsRequired(t *testing.T) {
	for _, required := range []struct{ byAll, byClient bool }{{false, false}, {true, false}, {false, true}} {
		o := onlyClient(passporttest.Client{ID: passporttest.ClientID, AnyLoopback: true, RequirePushedRequests: required.byClient})
		o.RequirePushedRequests = required.byAll
		p := newParty(t, start(t, o))
		answer := answerTo(t, p.visit(p.auth.URL+"/authorize?"+authorizeParams().Encode()))
		refused := required.byAll || required.byClient
		assert.Equal(t, refused, answer.Get("error") == "invalid_request")
		assert.NotEqual(t, refused, answer.Has("code"))
	}
}

func TestAPushedRequestIsCheckedAtOnce(t *testing.T) {
	auth := start(t, passporttest.Options{})
	for _, test := range []struct {
		param, value, want string
		status             int
	}{
		{"client_id", "unknown", "invalid_client", http.StatusUnauthorized},
		{"redirect_uri", "https://app.example/callback", "invalid_request", http.StatusBadRequest},
		{"request_uri", "urn:x", "invalid_request", http.StatusBadRequest},
		{"code_challenge", "", "invalid_request", http.StatusBadRequest},
		{"response_type", "token", "unsupported_response_type", http.StatusBadRequest},
	} {
		params := authorizeParams()
		params.Set(test.param, test.value)
		resp, object := post(t, auth.Client(), auth.URL+"/oauth/par", params)
		assert.Equal(t, test.status, resp.StatusCode, test.param)
		assert.Equal(t, test.want, object["error"], test.param)
	}
}

// The login page has the request in its address.
func TestASecretOfAPushedRequestIsNotTakenOn(t *testing.T) {
	auth := start(t, passporttest.Options{Clients: []passporttest.Client{{ID: "shop", Secret: "hidden", AnyLoopback: true}}})
	params := authorizeParams()
	params.Set("client_id", "shop")
	params.Set("client_secret", "hidden")
	resp, err := auth.Browser().Get(bring(auth, "shop", push(t, auth, params)))
	require.NoError(t, err)
	assert.Contains(t, body(t, resp), "Sign in")
	assert.Equal(t, "the-state", resp.Request.URL.Query().Get("state"))
	assert.NotContains(t, resp.Request.URL.String(), "hidden")
}
