package provider_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/provider"
)

// deviceOP is a provider whose device codes are answered with a body.
func deviceOP(t *testing.T, body map[string]any) *op {
	t.Helper()
	o := newOP(t)
	o.metadata["device_authorization_endpoint"] = o.url + "/device"
	o.serve("/device", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, changed(map[string]any{
			"device_code": "the-device-code", "user_code": "ABCD-EFGH", "verification_uri": "https://op.example.com/d",
			"expires_in": 300, "interval": 1,
		}, body))
	})
	return o
}

func TestADeviceCodeMayBeAsProvidersMakeIt(t *testing.T) {
	for name, body := range map[string]map[string]any{
		"no interval":                    {"interval": nil},
		"an interval in a string":        {"interval": "5"},
		"an interval of another type":    {"interval": []int{5}},
		"no expires_in":                  {"expires_in": nil},
		"expires_in in a string":         {"expires_in": "300"},
		"the address by its former name": {"verification_uri": nil, "verification_url": "https://op.example.com/d"},
	} {
		d, err := deviceOP(t, body).client().AuthorizeDevice(t.Context(), 10*time.Minute)
		if assert.NoError(t, err, name) {
			assert.Equal(t, "https://op.example.com/d", d.VerificationURI, name)
			assert.LessOrEqual(t, time.Until(d.Expiry), 10*time.Minute, name)
		}
	}
	for name, body := range map[string]map[string]any{
		"no code":                  {"device_code": nil},
		"an escape sequence":       {"user_code": "A\x1b[2J"},
		"a code that nobody types": {"user_code": strings.Repeat("A", 65)},
		"an address by http":       {"verification_uri": "http://op.example.com/d"},
		"a script for an address":  {"verification_uri": "javascript:alert(1)"},
		"the same, to be opened":   {"verification_uri_complete": "javascript:alert(1)"},
		"names in capitals":        {"user_code": nil, "USER_CODE": "ABCD"},
	} {
		_, err := deviceOP(t, body).client().AuthorizeDevice(t.Context(), 10*time.Minute)
		assert.Error(t, err, name)
	}
	insecure := deviceOP(t, map[string]any{"verification_uri": "http://op.svc/d"})
	_, err := insecure.client(func(c *provider.Config) { c.InsecureHTTP = true }).AuthorizeDevice(t.Context(), time.Minute)
	assert.NoError(t, err)
}

// TestADeviceIsPolledUntilItsUserIsDone: through an outage, more slowly if the
// provider says so.
func TestADeviceIsPolledUntilItsUserIsDone(t *testing.T) {
	o := deviceOP(t, nil)
	tokens := o.tokenResponse(map[string]any{"id_token": o.signClaims(o.idClaims(map[string]any{"nonce": nil}))})
	o.serve("/token", func(w http.ResponseWriter, r *http.Request) {
		switch assert.Equal(t, "the-device-code", r.PostForm.Get("device_code")); o.count("/token") {
		case 1:
			w.WriteHeader(http.StatusBadRequest)
			writeJSON(w, map[string]any{"error": "authorization_pending"})
		default:
			writeJSON(w, tokens)
		}
	})
	c := o.client()
	d, err := c.AuthorizeDevice(t.Context(), time.Minute)
	require.NoError(t, err)
	got, id, err := c.RedeemDevice(t.Context(), d)
	require.NoError(t, err)
	assert.Equal(t, "alice", id.Subject)
	assert.Equal(t, "access", got.AccessToken)
	assert.Equal(t, 2, o.count("/token"))

	for _, status := range []int{http.StatusOK, http.StatusForbidden} { // something in between answers once
		before := o.count("/token")
		o.serve("/token", func(w http.ResponseWriter, r *http.Request) {
			if o.count("/token") > before+1 {
				writeJSON(w, tokens)
				return
			}
			w.WriteHeader(status)
			_, err := io.WriteString(w, "<html>Are you human?</html>")
			assert.NoError(t, err)
		})
		_, _, err := c.RedeemDevice(t.Context(), d)
		require.NoError(t, err, status)
	}
	for code, want := range map[string]string{"expired_token": "in time", "access_denied": "access_denied"} {
		o.answer("/token", "application/json", `{"error":"`+code+`"}`, http.StatusBadRequest)
		_, _, err = c.RedeemDevice(t.Context(), d)
		assert.ErrorContains(t, err, want)
	}
	expired, err := c.AuthorizeDevice(t.Context(), time.Millisecond)
	require.NoError(t, err)
	_, _, err = c.RedeemDevice(t.Context(), expired)
	assert.ErrorIs(t, err, provider.ErrCodeExpired)

	o.answer("/token", "text/html", "<html>Not found</html>", http.StatusNotFound)
	late, err := c.AuthorizeDevice(t.Context(), 1500*time.Millisecond) // polled once
	require.NoError(t, err)
	_, _, err = c.RedeemDevice(t.Context(), late)
	assert.ErrorIs(t, err, provider.ErrCodeExpired)
	assert.ErrorContains(t, err, "404", "what kept it from being heard of")
}
