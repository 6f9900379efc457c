package passport

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/web"
)

// RequireBearer passes on requests with a valid bearer token in their Authorization
// header, for [BearerFrom] to find, and stops all others, as RFC 6750 §3 says:
//
//   - 401 with WWW-Authenticate: Bearer, if there is no token; with error
//     invalid_token, if it is not valid, has expired, or its user has signed out;
//   - 400 if the header has more than one token, or a malformed one;
//   - 503 with Retry-After, if the Store or the provider's keys are not available;
//   - 204 to a CORS preflight, which carries no token and is not passed on: put CORS
//     middleware around RequireBearer, not inside it.
//
// Responses get Cache-Control: no-store, which next may replace: a browser's cache goes by
// the URL, and would show one user what another has been sent.
//
// Tokens in the query or the body are ignored. It is VerifyAuthorization over HTTP.
func (p *Passport) RequireBearer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if web.IsPreflight(r) {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		b, err := p.VerifyAuthorization(r.Context(), r.Header.Values("Authorization")...)
		if err != nil {
			p.refuseBearer(w, r, err)
			return
		}
		web.NoStore(w)
		serve(w, r, r.WithContext(context.WithValue(r.Context(), bearerKey{}, b)), next)
	})
}

// RequireScope passes on requests whose access token has a scope, and answers others
// with a 403, insufficient_scope and the scope. Use it inside [Passport.RequireBearer].
func (p *Passport) RequireScope(scope string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, ok := BearerFrom(r.Context())
		if !ok {
			p.refuseBearer(w, r, ErrNoBearer)
			return
		}
		if !b.HasScope(scope) {
			p.refuseBearer(w, r, &scopeNeeded{scope})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// scopeNeeded is an error of a request whose token lacks a scope.
type scopeNeeded struct{ scope string }

func (e *scopeNeeded) Error() string { return errScope.Error() }
func (e *scopeNeeded) Unwrap() error { return errScope }

// parameters are those of WWW-Authenticate (RFC 6750 §3.1). What is no scope is not named.
func (e *scopeNeeded) parameters() string {
	if e.scope == "" || strings.ContainsFunc(e.scope, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return ""
	}
	return `, scope="` + e.scope + `"`
}

// RequireBearerStepUp passes on requests whose user has signed in as s says. It answers
// others with a 401, the error insufficient_user_authentication, and the acr_values and
// max_age with which the client should have the user sign in again (RFC 9470 §3). Use it
// inside [Passport.RequireBearer]. It panics as RequireStepUp does.
func (p *Passport) RequireBearerStepUp(s StepUp, next http.Handler) http.Handler {
	if err := s.check(); err != nil {
		panic("passport: RequireBearerStepUp: " + err.Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, ok := BearerFrom(r.Context())
		if !ok {
			p.refuseBearer(w, r, ErrNoBearer)
			return
		}
		if err := p.CheckBearer(b, s); err != nil {
			p.refuseBearer(w, r, &stepUpNeeded{s, err})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// stepUpNeeded is an error of a request that needs another login.
type stepUpNeeded struct {
	StepUp
	err error
}

func (e *stepUpNeeded) Error() string { return e.err.Error() }
func (e *stepUpNeeded) Unwrap() error { return e.err }

// parameters are those of WWW-Authenticate (RFC 9470 §3).
func (e *stepUpNeeded) parameters() (params string) {
	if e.ACRValues != "" {
		params += `, acr_values="` + e.ACRValues + `"`
	}
	if e.MaxAge > 0 {
		params += `, max_age="` + strconv.FormatInt(max(int64(e.MaxAge/time.Second), 1), 10) + `"`
	}
	return params
}

// BearerLogout is what an API serves for pages that are about to log out with the
// JavaScript SDK. They POST to it, with the token in the Authorization header: it is
// EndBearer over HTTP. It answers 204, or as RequireBearer does. Another site can make
// a browser send that header only if the program allows it with CORS headers.
func (p *Passport) BearerLogout(w http.ResponseWriter, r *http.Request) {
	if web.IsPreflight(r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	web.NoStore(w)
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		p.refuse(w, r, http.StatusMethodNotAllowed, errMethod)
		return
	}
	token, err := bearerOf(r.Header.Values("Authorization"))
	if err == nil {
		err = p.EndBearer(r.Context(), token)
	}
	if err != nil && !notSafe(err) { // else the token is refused from now on, and that is made safe
		p.refuseBearer(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

type bearerKey struct{}

// BearerFrom returns the token of a request that [Passport.RequireBearer] has passed on.
func BearerFrom(ctx context.Context) (Bearer, bool) {
	b, ok := ctx.Value(bearerKey{}).(Bearer)
	return b, ok
}

// refuseBearer answers a request whose token is not accepted.
func (p *Passport) refuseBearer(w http.ResponseWriter, r *http.Request, err error) {
	status, body := bearerAnswer(err)
	switch {
	case status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", retryAfter)
		p.c.Logger.Log(r.Context(), refusalLevel(r, status), "passport: a bearer token could not be verified", "path", r.URL.Path, "error", err)
	case status >= 500:
		p.c.Logger.ErrorContext(r.Context(), "passport: bearer tokens cannot be verified", "path", r.URL.Path, "error", err)
	case body.Error == "":
		w.Header().Set("WWW-Authenticate", "Bearer")
		body = oauthError{"unauthorized", "send a bearer token"}
	default:
		challenge := `Bearer error="` + body.Error + `", error_description="` + body.Description + `"`
		var needed interface{ parameters() string }
		if errors.As(err, &needed) {
			challenge += needed.parameters()
		}
		w.Header().Set("WWW-Authenticate", challenge)
		p.c.Logger.DebugContext(r.Context(), "passport: bearer token refused", "path", r.URL.Path, "error", err)
	}
	web.NoStore(w)
	if p.c.OnError != nil {
		p.c.OnError(w, r, status, err)
		return
	}
	web.WriteJSON(w, status, body)
}

// bearerAnswer is what RFC 6750 §3.1 calls an error. It is empty for a request without
// a token.
func bearerAnswer(err error) (status int, body oauthError) {
	switch {
	case errors.Is(err, ErrNoBearer):
		return http.StatusUnauthorized, oauthError{}
	case errors.Is(err, errBearerRequest):
		return http.StatusBadRequest, oauthError{"invalid_request", "the Authorization header has not one bearer token"}
	case errors.Is(err, ErrBearerSignedOut):
		return http.StatusUnauthorized, oauthError{"invalid_token", "the user has signed out"}
	case errors.Is(err, ErrBearerInvalid):
		return http.StatusUnauthorized, oauthError{"invalid_token", "the token is not valid, or has expired"}
	case errors.As(err, new(*stepUpNeeded)):
		return http.StatusUnauthorized, oauthError{"insufficient_user_authentication", "sign in again, by one of the methods or more recently"}
	case errors.Is(err, errScope):
		return http.StatusForbidden, oauthError{"insufficient_scope", "the token lacks a scope"}
	case errors.Is(err, errBearerOff):
		return http.StatusInternalServerError, oauthError{"server_error", "bearer tokens are not verified here"}
	}
	return http.StatusServiceUnavailable, oauthError{"temporarily_unavailable", "the token cannot be verified at the moment"}
}
