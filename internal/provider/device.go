package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/passport-go/passport/internal/authdomain"
)

// Device is a login that its user finishes on another device (RFC 8628 §3.2).
type Device struct {
	UserCode                string // short and printable
	VerificationURI         string // an http or https URL
	VerificationURIComplete string // may be empty
	Expiry                  time.Time

	code     string
	interval int64 // seconds between two polls
}

// Format prints the page and nothing secret, whatever the verb.
func (d Device) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "provider.Device("+d.VerificationURI+")")
}

const (
	// defaultInterval is that of a provider that names none (RFC 8628 §3.2), and
	// maxInterval bounds what one may name. Both are in seconds.
	defaultInterval = 5
	maxInterval     = 60

	// redeemTimeout bounds a poll that is under way when its caller gives up.
	redeemTimeout = 30 * time.Second
)

// AuthorizeDevice asks for a code (RFC 8628 §3.1), which is valid for life at
// most. errors.ErrUnsupported: the provider has no such flow.
func (c *Client) AuthorizeDevice(ctx context.Context, life time.Duration) (Device, error) {
	begun := time.Now()
	answer, err := c.requestDevice(ctx)
	if err != nil {
		return Device{}, err
	}
	d := Device{
		UserCode: answer.UserCode,
		Expiry:   begun.Add(life),
		code:     answer.DeviceCode,
		interval: defaultInterval,
	}
	if answer.Interval > 0 {
		d.interval = min(answer.Interval, maxInterval)
	}
	if !answer.Expiry.IsZero() && answer.Expiry.Before(d.Expiry) {
		d.Expiry = answer.Expiry
	}
	if d.VerificationURI, err = displayURL(answer.VerificationURI); err != nil {
		return Device{}, err
	}
	if answer.VerificationURIComplete != "" {
		if d.VerificationURIComplete, err = displayURL(answer.VerificationURIComplete); err != nil {
			return Device{}, err
		}
	}
	if d.code == "" || d.UserCode == "" || strings.ContainsFunc(d.UserCode, unprintable) {
		return Device{}, errors.New("passport: the provider's answer to the device request has no usable code")
	}
	return d, nil
}

func (c *Client) requestDevice(ctx context.Context) (oauth2.DeviceAuthResponse, error) {
	var answer oauth2.DeviceAuthResponse
	m, err := c.Metadata(ctx)
	if err != nil {
		return answer, err
	}
	if m.Endpoints.Device == "" {
		return answer, fmt.Errorf("passport: the provider has no device_authorization_endpoint: %w", errors.ErrUnsupported)
	}
	form := url.Values{"client_id": {c.c.ClientID}, "scope": {strings.Join(c.c.Scopes, " ")}}
	if c.c.Audience != "" {
		form.Set("audience", c.c.Audience)
	}
	res, body, err := c.post(ctx, m, m.Endpoints.Device, form)
	if err != nil {
		return answer, err
	}
	if res.StatusCode != http.StatusOK {
		return answer, errorIn(res, body)
	}
	if json.Unmarshal(body, &answer) != nil {
		return answer, errors.New("passport: the provider's answer to the device request is not readable")
	}
	return answer, nil
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// displayURL makes an address fit to be shown in a terminal and to be opened.
func displayURL(raw string) (string, error) {
	u, err := authdomain.ParseHTTP(raw)
	if err != nil {
		return "", fmt.Errorf("passport: the provider's verification_uri %w", err)
	}
	return u.String(), nil
}

// RedeemDevice trades the device code for tokens, as soon as the user allows it
// (RFC 8628 §3.4), and verifies the ID token. It polls at the provider's interval
// and tolerates outages. Errors are those of [Client.Exchange], and
// [ErrCodeExpired].
func (c *Client) RedeemDevice(ctx context.Context, d Device) (Tokens, *IDToken, error) {
	response, err := c.pollDevice(ctx, d)
	if err != nil {
		return Tokens{}, nil, err
	}
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), redeemTimeout)
	defer cancel()
	return c.admit(work, response, "")
}

// ErrCodeExpired reports a device code that was not entered in time.
var ErrCodeExpired = errors.New("passport: the code was not entered in time")

func (c *Client) pollDevice(ctx context.Context, d Device) (*oauth2.Token, error) {
	m, err := c.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	client := *c.http
	base := client.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	client.Transport = uncancelled{base}
	poll := oidc.ClientContext(ctx, &client)
	asked := &oauth2.DeviceAuthResponse{DeviceCode: d.code, Interval: d.interval, Expiry: d.Expiry}
	for {
		answer, err := m.oauth.DeviceAccessToken(poll, asked)
		switch {
		case err == nil:
			return answer, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("passport: the login on another device was not waited for: %w", ctx.Err())
		case !time.Now().Before(d.Expiry):
			return nil, ErrCodeExpired
		}
		err = tokenError(err)
		var refused *Error
		if errors.As(err, &refused) && refused.Code == "expired_token" {
			return nil, ErrCodeExpired
		}
		if !temporary(err) {
			return nil, err
		}
		asked.Interval = min(2*asked.Interval, maxInterval) // RFC 8628 §3.5
	}
}

// uncancelled lets a request that is under way finish although its context has
// ended: the response may hold tokens that nobody else will ever see.
type uncancelled struct{ base http.RoundTripper }

func (u uncancelled) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), redeemTimeout)
	defer cancel()
	res, err := u.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}
