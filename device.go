package passport

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/passport-go/passport/internal/loginstate"
	"github.com/passport-go/passport/internal/provider"
	"github.com/passport-go/passport/storage"
)

// DeviceLogin is a login that the user finishes in a browser on another device (RFC
// 8628 §3.2).
type DeviceLogin struct {
	// UserCode is the short, printable code that the user types at VerificationURI.
	UserCode string

	// VerificationURI is the page to send the user to: an http or https URL.
	VerificationURI string

	// VerificationURIComplete is the same page with the code filled in, for a link
	// or a QR code. The user has to compare the code there with UserCode. Empty if
	// the provider has no such page.
	VerificationURIComplete string

	// Expiry is when the code expires: after ten minutes, or earlier if the
	// provider says so.
	Expiry time.Time

	grant provider.Device
	order int64 // see package marks
}

// Format prints the page and nothing secret, whatever the verb.
func (d DeviceLogin) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.DeviceLogin("+d.VerificationURI+")")
}

// BeginDeviceLogin starts a login for a program without a browser: in a terminal,
// on a console, over ssh (RFC 8628). Show the user the code and the page, and call
// FinishDeviceLogin in the same process. It stores nothing.
//
// errors.ErrUnsupported: the discovered provider has no such flow. A
// *ProviderError: the flow is not enabled for this client; in Hub or Auth0, the
// client needs the grant type Device Code.
func (p *Passport) BeginDeviceLogin(ctx context.Context) (DeviceLogin, error) {
	begun := time.Now()
	ctx, span := p.within(ctx, OperationBeginLogin)
	grant, err := p.provider.AuthorizeDevice(ctx, loginstate.Life)
	err = providerError(err)
	span.Ended(err)
	if err != nil {
		p.failLogin(ctx, err)
		return DeviceLogin{}, err
	}
	return DeviceLogin{
		UserCode:                grant.UserCode,
		VerificationURI:         grant.VerificationURI,
		VerificationURIComplete: grant.VerificationURIComplete,
		Expiry:                  grant.Expiry,
		grant:                   grant,
		order:                   begun.UnixNano(),
	}, nil
}

// FinishDeviceLogin waits until the user has entered the code and allowed the
// login, and begins a new session as FinishLogin does. It polls at the provider's
// interval and tolerates outages. Call it once. If ctx ends, so does the login, but
// not before a request in progress has finished, so that no tokens are lost.
//
// ErrNoLogin: the code was not entered in time. A *ProviderError: the login has
// failed; its Code is access_denied if the user declined. Other errors are as for
// FinishLogin. LoginResult.ReturnTo and LoginResult.Reauthentication are empty,
// because nothing is known of the browser that the user used.
func (p *Passport) FinishDeviceLogin(ctx context.Context, d DeviceLogin) (LoginResult, error) {
	p.revoker.Begin()
	ctx, span := p.within(ctx, OperationFinishLogin)
	in, err := p.finishDeviceLogin(ctx, d)
	if err != nil {
		p.failLogin(ctx, err)
	}
	span.Ended(err)
	return in, err
}

func (p *Passport) finishDeviceLogin(ctx context.Context, d DeviceLogin) (LoginResult, error) {
	issued, id, err := p.provider.RedeemDevice(ctx, d.grant)
	t := tokensOf(issued)
	if err != nil {
		p.enqueueToken(storage.Record{}, t)
		return LoginResult{}, providerError(err)
	}
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
	defer cancel()
	return p.welcome(work, t, id, d.order, 0)
}
