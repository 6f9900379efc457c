package passport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/passport-go/passport"
)

// An API behind a page that signs in with the JavaScript SDK: it signs nobody in, so it
// needs no RedirectURI.
func ExamplePassport_RequireBearer() {
	p, err := passport.New(passport.Config{ClientID: "your-client-id", BearerTokens: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	http.Handle("GET /inventory", p.RequireBearer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bearer, _ := passport.BearerFrom(r.Context())
		fmt.Fprintln(w, "the inventory of", bearer.Subject)
	})))

	// The page posts here with its token, and then calls the SDK's logout().
	http.HandleFunc("POST /signed-out", p.BearerLogout)
}

// An interceptor for gRPC or Connect: the values are md.Get("authorization"), or
// header.Values("Authorization").
func ExamplePassport_VerifyAuthorization() {
	var p *passport.Passport // from passport.New

	type metadata map[string][]string
	intercept := func(ctx context.Context, md metadata) (user, code string) {
		bearer, err := p.VerifyAuthorization(ctx, md["authorization"]...)
		switch {
		case errors.Is(err, passport.ErrStoreUnavailable), errors.Is(err, passport.ErrKeysUnavailable):
			return "", "UNAVAILABLE"
		case err != nil:
			return "", "UNAUTHENTICATED"
		}
		return bearer.Subject, "OK"
	}
	_ = intercept
}
