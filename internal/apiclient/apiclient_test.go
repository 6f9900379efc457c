package apiclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// body notes whether it was closed.
type body struct {
	io.Reader
	closed bool
}

func (b *body) Close() error { b.closed = true; return nil }

func TestATokenGoesToItsAPIAndNowhereElse(t *testing.T) {
	var sent []*http.Request
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { sent = append(sent, r) }))
	defer api.Close()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Error("a request went to another origin")
	}))
	defer other.Close()

	var none error
	client := &http.Client{Transport: &Transport{
		Origin: api.URL, Key: "pk", Base: http.DefaultTransport,
		Token: func(context.Context) (string, error) { return "at", none },
	}}
	res, err := client.Get(api.URL + "/v1")
	require.NoError(t, err)
	_ = res.Body.Close()
	require.Len(t, sent, 1)
	assert.Equal(t, "Bearer at", sent[0].Header.Get("Authorization"))
	assert.Equal(t, "pk", sent[0].Header.Get("x-immutable-publishable-key"))

	refused := &body{Reader: strings.NewReader("x")}
	_, err = client.Post(other.URL, "text/plain", refused)
	assert.ErrorContains(t, err, api.URL+" and nowhere else")
	assert.NotContains(t, err.Error(), "Bearer")
	assert.True(t, refused.closed)

	none = errors.New("no session")
	unsent := &body{Reader: strings.NewReader("x")}
	_, err = client.Post(api.URL, "text/plain", unsent)
	assert.ErrorIs(t, err, none)
	assert.True(t, unsent.closed)
	assert.Len(t, sent, 1)
}
