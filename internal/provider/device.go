package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// Device is a login that its user finishes on another device (RFC 8628 §3.2).
type Device struct {
	UserCode                string // short and printable
	VerificationURI         string // an http or https URL
	VerificationURIComplete string // may be empty
	Expiry                  time.Time

	code     string
	interval time.Duration // between two polls
}

// Format prints the page and nothing secret, whatever the verb.
func (d Device) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "provider.Device("+d.VerificationURI+")")
}

const (
	// defaultInterval is that of a provider that names none (RFC 8628 §3.2), and
	// maxInterval bounds what one may name.
	defaultInterval = 5 * time.Second
	maxInterval     = time.Minute

	// maxUserCode bounds what a user may be asked to type, in bytes.
	maxUserCode = 64

	// redeemTimeout bounds a poll that is under way when its caller gives up, and
	// the verification of what it brings.
	redeemTimeout = 30 * time.Second
)

// AuthorizeDevice asks for a code (RFC 8628 §3.1), which is valid for life at
// most. errors.ErrUnsupported: the provider has no such flow.
func (c *Client) AuthorizeDevice(ctx context.Context, life time.Duration) (Device, error) {
	begun := time.Now()
	m, err := c.Metadata(ctx)
	if err != nil {
		return Device{}, err
	}
	if m.Endpoints.Device == "" {
		return Device{}, fmt.Errorf("passport: the provider has no device_authorization_endpoint: %w", errors.ErrUnsupported)
	}
	form := url.Values{"client_id": {c.c.ClientID}, "scope": {strings.Join(m.scopes, " ")}}
	if c.c.Audience != "" {
		form.Set("audience", c.c.Audience)
	}
	var res response
	err = forLogin(c.begins, func() (err error) {
		res, err = c.post(ctx, m, m.Endpoints.Device, form)
		return err
	})
	if err != nil {
		return Device{}, err
	}
	if res.status != http.StatusOK {
		return Device{}, res.err()
	}
	return c.deviceFrom(res, begun, life)
}

func (c *Client) deviceFrom(res response, begun time.Time, life time.Duration) (Device, error) {
	o, err := res.object()
	if err != nil {
		return Device{}, err
	}
	d := Device{Expiry: begun.Add(life), interval: defaultInterval}
	d.UserCode, _ = o.Text("user_code")
	d.code, _ = o.Text("device_code")
	if d.code == "" || d.UserCode == "" || len(d.UserCode) > maxUserCode || strings.ContainsFunc(d.UserCode, unprintable) {
		return Device{}, res.unusable("has no usable code")
	}
	if seconds, ok := o.Number("interval"); ok && seconds > 0 {
		d.interval = time.Duration(min(max(seconds, 1), maxInterval.Seconds()) * float64(time.Second))
	}
	if seconds, ok := o.Number("expires_in"); ok && seconds > 0 && seconds < life.Seconds() {
		d.Expiry = begun.Add(time.Duration(seconds * float64(time.Second)))
	}
	page, _ := o.Text("verification_uri")
	if page == "" {
		page, _ = o.Text("verification_url") // of drafts, and of some providers still
	}
	if d.VerificationURI, err = c.displayURL(page); err != nil {
		return Device{}, err
	}
	if complete, _ := o.Text("verification_uri_complete"); complete != "" {
		if d.VerificationURIComplete, err = c.displayURL(complete); err != nil {
			return Device{}, err
		}
	}
	return d, nil
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// displayURL makes an address fit to be shown in a terminal and to be opened.
func (c *Client) displayURL(raw string) (string, error) {
	u, err := c.parseURL(raw)
	if err != nil {
		return "", fmt.Errorf("passport: the provider's verification_uri %w", err)
	}
	return u.String(), nil
}

// RedeemDevice trades the device code for tokens, as soon as the user allows it
// (RFC 8628 §3.4), and verifies the ID token. It polls at the provider's interval
// and tolerates outages. Errors are those of [Client.Exchange],
// [ErrCodeExpired] and [ErrNotAwaited].
func (c *Client) RedeemDevice(ctx context.Context, d Device) (Tokens, *IDToken, error) {
	t, err := c.pollDevice(ctx, d)
	if err != nil {
		return t, nil, err
	}
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), redeemTimeout)
	defer cancel()
	return c.admit(work, t, "")
}

// ErrCodeExpired reports a device code that was not entered in time.
var ErrCodeExpired = errors.New("passport: the code was not entered in time")

// ErrNotAwaited reports a caller whose context was done before the user had entered the
// code.
var ErrNotAwaited = errors.New("passport: the login on another device was not waited for")

func (c *Client) pollDevice(ctx context.Context, d Device) (Tokens, error) {
	expires := time.NewTimer(time.Until(d.Expiry))
	defer expires.Stop()
	expired := ErrCodeExpired
	for interval, pause := d.interval, d.interval; ; {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-expires.C:
			timer.Stop()
			return Tokens{}, expired
		case <-ctx.Done():
			timer.Stop()
			return Tokens{}, fmt.Errorf("%w: %w", ErrNotAwaited, ctx.Err())
		}
		t, err := c.redeem(ctx, d)
		var refused *Error
		switch _ = errors.As(err, &refused); {
		case err == nil:
			return t, nil
		case refused != nil && refused.Code == "authorization_pending":
			pause = interval
		case refused != nil && refused.Code == "slow_down":
			interval = min(interval+5*time.Second, maxInterval) // RFC 8628 §3.5
			pause = interval
		case refused != nil && refused.Code == "expired_token":
			return Tokens{}, ErrCodeExpired
		case temporary(err):
			expired = fmt.Errorf("%w (the provider's last answer: %v)", ErrCodeExpired, err)
			pause = min(2*pause, maxInterval) // until it answers again
		default:
			return t, err
		}
	}
}

// redeem polls once. The response may hold tokens that nobody else will ever see,
// so a poll that is under way finishes although ctx has ended.
func (c *Client) redeem(ctx context.Context, d Device) (Tokens, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redeemTimeout)
	defer cancel()
	return c.grant(ctx, url.Values{
		"grant_type":  {"urn:ietf:params:oauth:grant-type:device_code"},
		"device_code": {d.code},
	})
}
