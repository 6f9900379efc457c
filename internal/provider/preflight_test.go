package provider

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestCallsFromABrowserCarryNoHeaderThatNeedsAPreflight(t *testing.T) {
	asked := http.Header{
		"Accept":           {"application/json"},
		"Authorization":    {"Bearer x"},
		"Cache-Control":    {"no-cache"},
		"Content-Type":     {"application/x-www-form-urlencoded"},
		"Pragma":           {"no-cache"},
		"X-Request-Id":     {"1"},
		"js.fetch:mode":    {"cors"},
		"traceparent":      {"00-1"},
		"Accept-Language":  {"en"},
		"Content-Language": {"en"},
	}
	req, err := http.NewRequest(http.MethodGet, "https://auth.example.com/", nil)
	require.NoError(t, err)
	req.Header = asked.Clone()
	var sent http.Header
	_, err = plainHeaders{roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = r.Header
		return &http.Response{}, nil
	})}.RoundTrip(req)
	require.NoError(t, err)
	assert.Equal(t, http.Header{
		"Accept":           {"application/json"},
		"Accept-Language":  {"en"},
		"Authorization":    {"Bearer x"},
		"Content-Language": {"en"},
		"Content-Type":     {"application/x-www-form-urlencoded"},
		"js.fetch:mode":    {"cors"},
	}, sent)
	assert.Equal(t, asked, req.Header, "the caller's request stays as it is (http.RoundTripper)")
}

func TestOnlyABrowserIsSparedHeaders(t *testing.T) {
	assert.Nil(t, sendWithoutPreflight(nil))
}
