package passport

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/passport-go/passport/internal/provider"
)

// LoginOptions are the options of one login. The zero value is a plain login.
type LoginOptions struct {
	// ReturnTo is where the user goes after the login: a path of this site, of at
	// most 1000 bytes. Default: /, also for anything else.
	ReturnTo string

	// Prompt is the OpenID Connect prompt parameter: login, none, consent or
	// select_account, or some of them separated by spaces. A discovered provider
	// may give a refresh token only to a login that asks for consent (OpenID
	// Connect Core 1.0 §11). Default: the auth domain decides.
	Prompt string

	// MaxAge is how long ago the user may have proved who they are; the provider
	// asks again otherwise, and the login fails with ErrNotRecent if it has not. It
	// counts in whole seconds, at least one. Default: any time ago.
	MaxAge time.Duration

	// ACRValues are the authentication contexts to ask for, separated by spaces,
	// the preferred first (OpenID Connect Core 1.0 §3.1.2.1). What the provider has
	// done is in the claim acr; see [Session.Claims]. Default: the provider's.
	ACRValues string

	// LoginHint is what the provider may fill in for the user, such as an e-mail
	// address. Default: nothing.
	LoginHint string

	// ScreenHint, Organization, Invitation and Connection are parameters of Auth0:
	// the page to begin with (signup), the organization to sign in to, the ID of an
	// invitation to it, and the connection to go to at once. Default: left out.
	ScreenHint   string
	Organization string
	Invitation   string
	Connection   string

	// Direct is a login method, such as google, apple or email, that skips the page
	// on which the user chooses. Default: the user chooses.
	Direct string

	// Email is the address if Direct is email. Default: the user types it.
	Email string

	// MarketingConsent is what the user chose before a direct login: opted_in or
	// unsubscribed. Default: not sent.
	MarketingConsent string

	// Params are any other parameters of the provider's. One that the SDK sets
	// itself, such as state, is an error of BeginLogin. They take precedence over
	// Config.LoginParams. Default: none.
	Params map[string]string

	// EndsWithBrowser gives the browser a cookie that it drops when it is closed, for
	// users who do not want to be remembered. Browsers that restore their tabs may
	// keep it. Default: the cookie lasts for Config.SessionLifetime.
	EndsWithBrowser bool
}

// params are those of o for the authorization request.
func (o LoginOptions) params() (map[string]string, error) {
	for _, name := range slices.Sorted(maps.Keys(o.Params)) {
		if name == "" || slices.Contains(loginParams, name) {
			return nil, fmt.Errorf("passport: LoginOptions.Params must not set %q, which is the SDK's to set", url.QueryEscape(name))
		}
	}
	if o.MaxAge < 0 {
		return nil, fmt.Errorf("passport: LoginOptions.MaxAge is negative: leave it at 0 if any login will do")
	}
	params := maps.Clone(o.Params)
	if params == nil {
		params = map[string]string{}
	}
	for name, value := range map[string]string{
		"prompt":           o.Prompt,
		"acr_values":       o.ACRValues,
		"login_hint":       o.LoginHint,
		"screen_hint":      o.ScreenHint,
		"organization":     o.Organization,
		"invitation":       o.Invitation,
		"connection":       o.Connection,
		"direct":           o.Direct,
		"email":            o.Email,
		"marketingConsent": o.MarketingConsent,
	} {
		if value != "" {
			params[name] = value
		}
	}
	if o.MaxAge > 0 {
		params["max_age"] = strconv.FormatInt(o.maxAge(), 10)
	}
	return params, nil
}

func (o LoginOptions) maxAge() int64 {
	return int64((o.MaxAge + time.Second - 1) / time.Second)
}

// checkMaxAge holds the provider to the MaxAge of a login (OpenID Connect Core 1.0
// §3.1.3.7, 13). The age of the proof is by the provider's clock; the time that the
// login has taken is by ours.
func (p *Passport) checkMaxAge(l loginState, id *provider.IDToken) error {
	if l.MaxAge == 0 {
		return nil
	}
	if id.AuthTime.IsZero() || id.Issued.IsZero() {
		return fmt.Errorf("%w: the ID token has no auth_time", ErrNotRecent)
	}
	taken := max(p.c.Now().Sub(time.Unix(l.Begun, 0)), 0)
	if id.Issued.Sub(id.AuthTime) > time.Duration(l.MaxAge)*time.Second+taken+instanceLeeway {
		return ErrNotRecent
	}
	return nil
}
