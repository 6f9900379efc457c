package passport

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
	"github.com/passport-go/passport/storage"
)

// DeviceLogin is a login that its user finishes in a browser on whatever device
// has one (RFC 8628 §3.2).
type DeviceLogin struct {
	// UserCode is what the user types at VerificationURI: short, and printable.
	UserCode string

	// VerificationURI is the page to send the user to: an http or https URL.
	VerificationURI string

	// VerificationURIComplete is the same page with the code typed in, for a
	// link or a QR code. The user has to compare the code there with UserCode.
	// Empty if the provider has none.
	VerificationURIComplete string

	// Expiry is when the code is good for nothing any more: ten minutes from
	// the beginning, or earlier if the provider says so.
	Expiry time.Time

	code     Secret
	interval int64 // seconds between two questions whether the user is done
	order    int64 // see mark
}

// Format prints the page and nothing secret, whatever the verb.
func (d DeviceLogin) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.DeviceLogin("+d.VerificationURI+")")
}

const (
	// usualInterval is that of a provider that names none (RFC 8628 §3.2), and
	// longestInterval bounds what one may name. Both are in seconds.
	usualInterval   = 5
	longestInterval = 60
)

// BeginDeviceLogin starts a login for a program that has no browser at hand: in
// a terminal, on a console, over ssh (RFC 8628). Show the user the code and the
// page, and call FinishDeviceLogin, in this process. It stores nothing.
//
// errors.ErrUnsupported: the discovered provider has no such flow. A
// *ProviderError: it does not allow it to this client; in Hub, or at Auth0, the
// client needs the grant type Device Code.
func (p *Passport) BeginDeviceLogin(ctx context.Context) (DeviceLogin, error) {
	begun := time.Now()
	answer, err := p.provider.authorizeDevice(ctx)
	if err != nil {
		return DeviceLogin{}, err
	}
	d := DeviceLogin{
		UserCode: answer.UserCode,
		Expiry:   begun.Add(loginLife),
		code:     Secret(answer.DeviceCode),
		interval: usualInterval,
		order:    begun.UnixNano(),
	}
	if answer.Interval > 0 {
		d.interval = min(answer.Interval, longestInterval)
	}
	if !answer.Expiry.IsZero() && answer.Expiry.Before(d.Expiry) {
		d.Expiry = answer.Expiry
	}
	if d.VerificationURI, err = shownURL(answer.VerificationURI); err != nil {
		return DeviceLogin{}, err
	}
	if answer.VerificationURIComplete != "" {
		if d.VerificationURIComplete, err = shownURL(answer.VerificationURIComplete); err != nil {
			return DeviceLogin{}, err
		}
	}
	if d.code == "" || d.UserCode == "" || strings.ContainsFunc(d.UserCode, unprintable) {
		return DeviceLogin{}, errors.New("passport: the provider's answer to the device request has no usable code")
	}
	return d, nil
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// shownURL makes an address fit to be shown in a terminal and to be opened.
func shownURL(raw string) (string, error) {
	u, err := authdomain.ParseHTTP(raw)
	if err != nil {
		return "", fmt.Errorf("passport: the provider's verification_uri %w", err)
	}
	return u.String(), nil
}

// FinishDeviceLogin waits until the user has entered the code and allowed the
// login, and begins a new session as FinishLogin does. It asks the provider as
// often as that wants to be asked, and puts up with one that is out of reach for
// a while. It is to be called once. If ctx ends, so does the login; but a
// question that is under way is waited for, so that no tokens get lost.
//
// ErrNoLogin: the code was not entered in time. A *ProviderError, whose Code is
// access_denied if the user chose not to: the login is over. Otherwise as for
// FinishLogin. SignIn.ReturnTo is empty, and Prompted false: nothing is known of
// the browser that the user has used.
func (p *Passport) FinishDeviceLogin(ctx context.Context, d DeviceLogin) (SignIn, error) {
	p.revoker.begin()
	answer, err := p.provider.redeemDevice(ctx, d)
	if err != nil {
		return SignIn{}, err
	}
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
	defer cancel()
	t, id, err := p.provider.admit(work, answer, "")
	if err != nil {
		p.oweToken(storage.Record{}, t)
		return SignIn{}, err
	}
	in, err := p.welcome(work, t, id, d.order)
	if err != nil {
		return SignIn{}, err
	}
	in.Session.ctx = ctx
	return in, nil
}

// authorizeDevice asks for a code (RFC 8628 §3.1).
func (p *provider) authorizeDevice(ctx context.Context) (oauth2.DeviceAuthResponse, error) {
	var answer oauth2.DeviceAuthResponse
	at, err := p.directory.look(ctx)
	if err != nil {
		return answer, err
	}
	if at.endpoints.Device == "" {
		return answer, fmt.Errorf("passport: the provider has no device_authorization_endpoint: %w", errors.ErrUnsupported)
	}
	form := url.Values{"client_id": {p.c.ClientID}, "scope": {strings.Join(p.c.Scopes, " ")}}
	if p.c.Audience != "" {
		form.Set("audience", p.c.Audience)
	}
	res, body, err := p.post(ctx, at, at.endpoints.Device, form)
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

// redeemDevice trades the device code for tokens, as soon as the user allows it
// (RFC 8628 §3.4).
func (p *provider) redeemDevice(ctx context.Context, d DeviceLogin) (*oauth2.Token, error) {
	at, err := p.directory.look(ctx)
	if err != nil {
		return nil, err
	}
	client := *p.client
	client.Transport = unhurried{either(client.Transport, http.DefaultTransport)}
	poll := oidc.ClientContext(ctx, &client)
	asked := &oauth2.DeviceAuthResponse{DeviceCode: d.code.Reveal(), Interval: d.interval, Expiry: d.Expiry}
	for {
		answer, err := at.oauth.DeviceAccessToken(poll, asked)
		switch {
		case err == nil:
			return answer, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("passport: the login on another device was not waited for: %w", ctx.Err())
		case !time.Now().Before(d.Expiry):
			return nil, errCodeExpired
		}
		err = tokenError(err)
		var refused *ProviderError
		if errors.As(err, &refused) && refused.Code == "expired_token" {
			return nil, errCodeExpired
		}
		if !passing(err) {
			return nil, err
		}
		asked.Interval = min(2*asked.Interval, longestInterval) // RFC 8628 §3.5
	}
}

var errCodeExpired = fmt.Errorf("%w: the code was not entered in time", ErrNoLogin)

// passing reports whether a provider that did not answer, or that is unwell,
// may be asked again.
func passing(err error) bool {
	var network *url.Error
	var e *ProviderError
	return errors.As(err, &network) || errors.As(err, &e) && (e.Status >= 500 || e.Status == http.StatusTooManyRequests)
}

// unhurried lets a request that is under way come to its end although its
// context has: the answer may hold tokens that nobody else will ever get to see.
type unhurried struct{ base http.RoundTripper }

func (u unhurried) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), exchangeTimeout)
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
