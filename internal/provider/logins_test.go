package provider_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/provider"
)

// heldPOSTs holds the POST requests of a client until open is closed, and passes on all others.
type heldPOSTs struct {
	open chan struct{}
	held atomic.Int64
	seen chan struct{} // a value for each that is held
}

func (h *heldPOSTs) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-h.open:
	default:
		if r.Method == http.MethodPost {
			h.held.Add(1)
			h.seen <- struct{}{}
			<-h.open
			return nil, context.DeadlineExceeded
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestStrangersDoNotFillTheProviderThatDoesNotAnswer(t *testing.T) {
	const strangers = 1500
	for name, begin := range map[string]func(context.Context, *provider.Client) error{
		"a pushed request": func(ctx context.Context, c *provider.Client) error {
			_, err := c.AuthorizeURL(ctx, provider.AuthRequest{Verifier: "verifier"})
			return err
		},
		"a code": func(ctx context.Context, c *provider.Client) error {
			_, _, err := c.Exchange(ctx, grant)
			return err
		},
		"a device": func(ctx context.Context, c *provider.Client) error {
			_, err := c.AuthorizeDevice(ctx, time.Minute)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := deviceOP(t, nil)
			o.metadata["pushed_authorization_request_endpoint"] = o.url + "/par"
			o.metadata["require_pushed_authorization_requests"] = true
			o.answer("/par", "application/json", `{"request_uri":"urn:x","expires_in":60}`, http.StatusCreated)
			held := &heldPOSTs{open: make(chan struct{}), seen: make(chan struct{}, strangers)}
			client := o.client(func(c *provider.Config) { c.HTTPClient = &http.Client{Transport: held, Timeout: time.Minute} })
			_, err := client.Metadata(t.Context())
			require.NoError(t, err)

			refused := make(chan error, strangers)
			var all sync.WaitGroup
			for range strangers {
				all.Go(func() {
					if err := begin(t.Context(), client); errors.Is(err, provider.ErrBusy) {
						refused <- err
					}
				})
			}
			for range strangers { // each is either held or refused at once
				select {
				case <-held.seen:
				case err := <-refused:
					var unreachable *provider.UnreachableError
					require.ErrorAs(t, err, &unreachable, "a program answers 503")
					require.NotContains(t, err.Error(), "could not be reached", "it was not asked")
				case <-t.Context().Done():
					t.Fatal("a call neither waits nor is refused")
				}
			}
			assert.LessOrEqual(t, held.held.Load(), int64(600))
			assert.Greater(t, held.held.Load(), int64(400))
			close(held.open)
			all.Wait()
			assert.NoError(t, begin(t.Context(), client), "there is room again")
		})
	}
}

// Who begins a login is nobody's user yet; who comes back with a code is waited for.
func TestWhoBeginsALoginIsNotInTheWayOfThoseWhoComeBack(t *testing.T) {
	o := deviceOP(t, nil)
	held := &heldPOSTs{open: make(chan struct{}), seen: make(chan struct{}, 1500)}
	transport := roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/device" {
			return held.RoundTrip(r)
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	client := o.client(func(c *provider.Config) { c.HTTPClient = &http.Client{Transport: transport, Timeout: time.Minute} })
	var all sync.WaitGroup
	for range 1500 {
		all.Go(func() {
			if _, err := client.AuthorizeDevice(t.Context(), time.Minute); errors.Is(err, provider.ErrBusy) {
				held.seen <- struct{}{}
			}
		})
	}
	for range 1500 {
		<-held.seen
	}
	_, _, err := client.Exchange(t.Context(), grant)
	assert.NoError(t, err)
	close(held.open)
	all.Wait()
}
