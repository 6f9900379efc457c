package passport

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/jwt"
	"github.com/passport-go/passport/internal/provider"
)

// BearerKind says what a bearer token is.
type BearerKind string

// The kinds of bearer token.
const (
	BearerIDToken     BearerKind = "id_token"     // for this client: its aud is Config.ClientID
	BearerAccessToken BearerKind = "access_token" // for this API: its aud is Config.Audience
)

// Bearer is a verified bearer token: who sent a request.
type Bearer struct {
	// Kind says whether it is an ID token or an access token. An API that is
	// particular about it checks.
	Kind BearerKind

	// Subject is the user (sub). SID is the Passport session (sid), or empty:
	// the access tokens of most providers have none.
	Subject string
	SID     string

	// Issued and Expiry are by the provider's clock (iat, exp).
	Issued time.Time
	Expiry time.Time

	// Scopes are those of an access token.
	Scopes []string

	hash    string // of the token
	payload []byte
}

// HasScope reports whether the token has a scope. An ID token has none.
func (b Bearer) HasScope(scope string) bool { return slices.Contains(b.Scopes, scope) }

// Claims decodes the claims into a struct, as encoding/json does but with exact names.
// A claim of another type is left out.
func (b Bearer) Claims(v any) error {
	if b.payload == nil {
		return ErrNoBearer
	}
	return jwt.Unmarshal(b.payload, v)
}

// Format prints the kind and the user, and nothing else, whatever the verb.
func (b Bearer) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "passport.Bearer("+string(b.Kind)+" of "+b.Subject+")")
}

// LogValue is Format for slog.
func (b Bearer) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(b)) }

// VerifyBearer verifies a token that a program sent to this API: an ID token whose aud
// is Config.ClientID, or an access token whose aud is Config.Audience and which was
// issued to Config.ClientID. It requires Config.BearerTokens. A token of a user who
// has signed out since it was issued is refused, on every instance that shares the
// Store:
//
//   - a logout of one session (Logout, EndSession, a back-channel logout with a sid,
//     EndBearer) ends the tokens with its sid and, for they could be that session's, the
//     user's tokens without a sid;
//   - a logout of a user (EndSessions, a back-channel logout with a sub alone) ends all
//     tokens of the user.
//
// Tokens that are issued by a later login are accepted at once.
//
// The signature is verified once for each token and remembered, for an hour at most. Each
// call costs one look-up in the Store for a token without a sid, and two at the same
// time for one with a sid.
//
// ErrNoBearer: the token is empty. ErrBearerInvalid: it is not valid, or has expired.
// ErrBearerSignedOut, which is an ErrBearerInvalid too: its user has signed out.
// ErrStoreUnavailable, ErrKeysUnavailable: it could not be verified now.
func (p *Passport) VerifyBearer(ctx context.Context, token Secret) (Bearer, error) {
	b, err := p.verifyToken(ctx, token)
	if err != nil {
		return Bearer{}, err
	}
	dead, err := p.signedOut(ctx, b)
	if err != nil {
		return Bearer{}, err
	}
	if dead {
		return Bearer{}, ErrBearerSignedOut
	}
	own := *b
	own.Scopes = slices.Clone(b.Scopes)
	return own, nil
}

// VerifyAuthorization is VerifyBearer for the values of an Authorization header, of
// which there must be one at most. A gRPC interceptor calls it with
// md.Get("authorization")... and a Connect interceptor with
// header.Values("Authorization")...
//
// ErrNoBearer: there is no header, or it has another scheme.
func (p *Passport) VerifyAuthorization(ctx context.Context, authorization ...string) (Bearer, error) {
	token, err := bearerOf(authorization)
	if err != nil {
		return Bearer{}, err
	}
	return p.VerifyBearer(ctx, token)
}

// EndBearer logs out the user of a bearer token, as a page does whose session lives in
// the JavaScript SDK: from then on, the token and the others of its session are
// refused on every instance. Only a valid token can do it; with one whose user has
// signed out already it does nothing. App sessions, refresh tokens and the Passport
// session are left alone: ending those is the page's part. Errors as for
// [Passport.VerifyBearer].
func (p *Passport) EndBearer(ctx context.Context, token Secret) error {
	b, err := p.VerifyBearer(ctx, token)
	if errors.Is(err, ErrBearerSignedOut) {
		return nil
	}
	if err != nil {
		return err
	}
	return p.markBearers(ctx, p.newBearerLogout().session(b.Subject, b.SID, b.Issued).marks)
}

// verifyToken verifies a token by itself, whatever has become of its user.
func (p *Passport) verifyToken(ctx context.Context, token Secret) (*Bearer, error) {
	if !p.c.BearerTokens {
		return nil, errBearerOff
	}
	if token == "" {
		return nil, ErrNoBearer
	}
	if len(token) > provider.MaxBearerToken {
		return nil, fmt.Errorf("%w: it is too long", ErrBearerInvalid)
	}
	hash := hashOfToken(token)
	b := p.bearers.get(hash, p.c.Now())
	if b == nil {
		t, err := p.provider.VerifyBearerToken(ctx, token.Reveal())
		if errors.Is(err, provider.ErrKeys) {
			return nil, fmt.Errorf("%w: %w", ErrKeysUnavailable, err)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBearerInvalid, err)
		}
		b = bearerFrom(t, hash)
		p.bearers.put(b, len(token), p.c.Now())
	}
	now := p.c.Now().Add(-p.c.ClockLeeway)
	if !b.Expiry.After(now) || !b.Issued.Add(p.c.BearerLifetime).After(now) {
		return nil, fmt.Errorf("%w: it has expired", ErrBearerInvalid)
	}
	return b, nil
}

func bearerFrom(t provider.BearerToken, hash string) *Bearer {
	b := &Bearer{
		Kind: BearerIDToken, Subject: t.Subject, SID: t.SID, Issued: t.Issued, Expiry: t.Expiry,
		Scopes: t.Scopes, hash: hash, payload: t.Payload,
	}
	if t.Access {
		b.Kind = BearerAccessToken
	}
	return b
}

// hashOfToken stands for a token where the token must not be kept.
func hashOfToken(token Secret) string {
	sum := sha256.Sum256([]byte(token.Reveal()))
	return string(sum[:])
}

// bearerOf reads the token in the values of an Authorization header (RFC 6750 §2.1).
func bearerOf(authorization []string) (Secret, error) {
	if len(authorization) == 0 {
		return "", ErrNoBearer
	}
	if len(authorization) > 1 {
		return "", errBearerRequest
	}
	scheme, token, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ErrNoBearer
	}
	token = strings.Trim(token, " ")
	if token == "" || strings.ContainsAny(token, " \t,") {
		return "", errBearerRequest
	}
	return Secret(token), nil
}
