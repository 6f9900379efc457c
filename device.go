package passport

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/passport-go/passport/internal/provider"
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

	grant provider.Device
	order int64 // see mark
}

// Format prints the page and nothing secret, whatever the verb.
func (d DeviceLogin) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.DeviceLogin("+d.VerificationURI+")")
}

// BeginDeviceLogin starts a login for a program that has no browser at hand: in
// a terminal, on a console, over ssh (RFC 8628). Show the user the code and the
// page, and call FinishDeviceLogin, in this process. It stores nothing.
//
// errors.ErrUnsupported: the discovered provider has no such flow. A
// *ProviderError: it does not allow it to this client; in Hub, or at Auth0, the
// client needs the grant type Device Code.
func (p *Passport) BeginDeviceLogin(ctx context.Context) (DeviceLogin, error) {
	begun := time.Now()
	grant, err := p.provider.AuthorizeDevice(ctx, loginLife)
	if err != nil {
		return DeviceLogin{}, providerError(err)
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
// login, and begins a new session as FinishLogin does. It asks the provider as
// often as that wants to be asked, and puts up with one that is out of reach for
// a while. It is to be called once. If ctx ends, so does the login; but a
// question that is under way is waited for, so that no tokens get lost.
//
// ErrNoLogin: the code was not entered in time. A *ProviderError, whose Code is
// access_denied if the user chose not to: the login is over. Otherwise as for
// FinishLogin. LoginResult.ReturnTo is empty, and Prompted false: nothing is known of
// the browser that the user has used.
func (p *Passport) FinishDeviceLogin(ctx context.Context, d DeviceLogin) (LoginResult, error) {
	p.revoker.begin()
	issued, id, err := p.provider.RedeemDevice(ctx, d.grant)
	t := tokensOf(issued)
	if err != nil {
		p.enqueueToken(storage.Record{}, t)
		return LoginResult{}, providerError(err)
	}
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
	defer cancel()
	in, err := p.welcome(work, t, id, d.order)
	if err != nil {
		return LoginResult{}, err
	}
	return in, nil
}
