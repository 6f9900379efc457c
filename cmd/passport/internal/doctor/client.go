package doctor

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/internal/jwt"
	"github.com/passport-go/passport/internal/text"
)

// checkClient finds out whether the provider accepts the client's credentials, by what
// it says to a code and a token that do not exist.
func (e *examination) checkClient(ctx context.Context) {
	if e.c.RedirectURI == "" || e.c.ClientAuth == passport.PrivateKeyJWT || e.c.ClientAuth == passport.TLSClientAuth {
		return // the key or the certificate is the program's
	}
	if e.has("client.unknown") || !e.provider.answers {
		return
	}
	e.redeemNothing(ctx)
	if e.c.ClientSecret != "" && !e.has("client.refused") {
		e.revokeNothing(ctx)
	}
}

// redeemNothing redeems a code: a provider that accepts the client says invalid_grant.
func (e *examination) redeemNothing(ctx context.Context) {
	address, browser, err := e.p.BeginLogin(ctx, passport.BrowserState{}, passport.LoginOptions{})
	if err != nil {
		e.refused(err)
		return
	}
	u, err := url.Parse(address)
	if err != nil || !u.Query().Has("state") { // it went ahead of the browser (RFC 9126), where the client was checked
		return
	}
	query := url.Values{"state": {u.Query().Get("state")}, "code": {"passport-doctor"}, "iss": {e.issuer()}}
	_, _, err = e.p.FinishLogin(ctx, browser, query)
	e.refused(err)
}

// revokeNothing revokes a token. Some providers look at a code before the client, but
// the client comes first here (RFC 7009 §2.1), and what does not exist is as good as
// revoked (§2.2).
func (e *examination) revokeNothing(ctx context.Context) {
	if !e.maySendSecret() {
		return
	}
	form := url.Values{"token": {"passport-doctor"}}
	if !e.provider.basic {
		form.Set("client_id", e.c.ClientID)
		form.Set("client_secret", e.c.ClientSecret.Reveal())
	}
	r, err := http.NewRequest(http.MethodPost, e.provider.revocation, strings.NewReader(form.Encode()))
	if err != nil {
		return
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if e.provider.basic {
		r.SetBasicAuth(url.QueryEscape(e.c.ClientID), url.QueryEscape(e.c.ClientSecret.Reveal()))
	}
	res, err := e.send(ctx, nil, r)
	if err != nil {
		return
	}
	answer, _ := jwt.ParseObject([]byte(res.body))
	code, _ := answer.Text("error")
	if res.StatusCode == http.StatusUnauthorized || code == "invalid_client" {
		description, _ := answer.Text("error_description")
		e.find("client.refused", "the revocation endpoint answers %d %s: %s", res.StatusCode, text.Line(code, 60), text.Line(description, 200))
	}
}

// maySendSecret reports whether the SDK would send the client's secret to the revocation
// endpoint.
func (e *examination) maySendSecret() bool {
	parse := authdomain.ParseHTTP
	if e.c.InsecureProviderHTTP {
		parse = authdomain.ParseInsecureHTTP
	}
	_, err := parse(e.provider.revocation)
	return err == nil && !e.has("discovery.issuer")
}

// refused reports that the provider does not accept the client.
func (e *examination) refused(err error) {
	failed, ok := asProviderError(err)
	if ok && (slices.Contains([]string{"invalid_client", "unauthorized_client"}, failed.Code) || failed.Status == http.StatusUnauthorized) {
		e.find("client.refused", "the token endpoint answers %d %s: %s", failed.Status, text.Line(failed.Code, 60), text.Line(failed.Description, 200))
	}
}
