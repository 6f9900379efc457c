package passport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// The program creates its user, or refuses one, before the session begins.
func ExampleConfig_onSignIn() {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true, Users: []passporttest.User{
		{Subject: "email|1", Email: "alice@example.com"},
		{Subject: "email|2", Email: "mallory@example.com"},
	}})
	defer auth.Close()
	p, err := passport.New(passport.Config{
		ClientID:    passporttest.ClientID,
		AuthDomain:  auth.URL,
		RedirectURI: "http://localhost:3000/redirect",
		OnSignIn: func(ctx context.Context, a *passport.SignInAttempt) error {
			var claims struct {
				Email string `json:"email"`
			}
			if err := a.Claims(&claims); err != nil {
				return err
			}
			if claims.Email == "mallory@example.com" {
				return &passport.SignInRefused{Title: "You are banned", Text: "Write to support if you think that is wrong."}
			}
			// Here you create your user, under a.Subject.
			fmt.Println("created:", claims.Email)
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close(context.Background())

	for _, email := range []string{"alice@example.com", "mallory@example.com"} {
		_, err := wholeLogin(p, auth, passport.LoginOptions{LoginHint: email})
		var refused *passport.SignInRefused
		fmt.Println("refused:", errors.As(err, &refused))
	}
	// Output:
	// created: alice@example.com
	// refused: false
	// refused: true
}

// wholeLogin is a whole login, in a new browser.
func wholeLogin(p *passport.Passport, auth *passporttest.Server, o passport.LoginOptions) (*passport.Session, error) {
	ctx := context.Background()
	address, b, err := p.BeginLogin(ctx, passport.BrowserState{}, o)
	if err != nil {
		return nil, err
	}
	in, _, err := p.FinishLogin(ctx, b, visit(auth, address))
	return in.Session, err
}

// Claims of your own types, beside those of the profile.
func ExampleSession_Claims() {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
	defer auth.Close()
	auth.Inject(passporttest.Fault{EditClaims: func(claims map[string]any) {
		claims["https://example.com/guild"] = map[string]any{"name": "Owls", "rank": 3}
	}})
	p, err := passport.New(passport.Config{
		ClientID:    passporttest.ClientID,
		AuthDomain:  auth.URL,
		RedirectURI: "http://localhost:3000/redirect",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	defer p.Close(ctx)
	session, err := wholeLogin(p, auth, passport.LoginOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}

	var claims struct {
		Guild struct {
			Name string `json:"name"`
			Rank int    `json:"rank"`
		} `json:"https://example.com/guild"`
	}
	err = session.Claims(ctx, &claims)
	fmt.Println(claims.Guild.Name, claims.Guild.Rank, err)
	// Output:
	// Owls 3 <nil>
}

// What the program knows of its user stays with the session, and ends with it.
func ExampleSession_Data() {
	type player struct{ ID, Level int }

	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
	defer auth.Close()
	p, err := passport.New(passport.Config{
		ClientID:    passporttest.ClientID,
		AuthDomain:  auth.URL,
		RedirectURI: "http://localhost:3000/redirect",
		OnSignIn: func(ctx context.Context, a *passport.SignInAttempt) error {
			return a.SetData(player{ID: 17, Level: 1}) // from your database
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	defer p.Close(ctx)
	session, err := wholeLogin(p, auth, passport.LoginOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}

	var mine player
	if err := session.Data(ctx, &mine); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("player", mine.ID, "level", mine.Level)
	mine.Level++
	fmt.Println(session.SetData(ctx, mine))
	// Output:
	// player 17 level 1
	// <nil>
}

// A change of the e-mail address needs a user who has just proved who they are. One who
// signed in an hour ago is sent to the provider, which asks again.
func ExamplePassport_RequireRecent() {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
	defer auth.Close()
	auth.Inject(passporttest.Fault{EditClaims: func(claims map[string]any) {
		claims["auth_time"] = time.Now().Add(-time.Hour).Unix()
	}})
	p, err := passport.New(passport.Config{
		ClientID:    passporttest.ClientID,
		AuthDomain:  auth.URL,
		RedirectURI: "http://localhost:3000/redirect",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	defer p.Close(ctx)
	address, b, err := p.BeginLogin(ctx, passport.BrowserState{}, passport.LoginOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, b, err = p.FinishLogin(ctx, b, visit(auth, address))
	if err != nil {
		fmt.Println(err)
		return
	}

	email := func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "Your new e-mail address?") }
	for _, page := range []http.Handler{
		p.RequireLogin(http.HandlerFunc(email)),
		p.RequireRecent(10*time.Minute, http.HandlerFunc(email)),
	} {
		r := navigation("http://localhost:3000/email")
		r.AddCookie(&http.Cookie{Name: "passport", Value: b.Session.Reveal()})
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		to, _ := url.Parse(w.Header().Get("Location"))
		fmt.Printf("%d, max_age %q\n", w.Code, to.Query().Get("max_age"))
	}
	// Output:
	// 200, max_age ""
	// 303, max_age "600"
}

// navigation is the request of a user who opens a page.
func navigation(address string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, address, nil)
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	return r
}

// Visitors who are signed in at the provider, in another program of yours, are signed in
// here without a question. The others see the page as it is.
func ExamplePassport_SilentLogin() {
	p, err := passport.New(passport.Config{ClientID: "your-client-id", RedirectURI: "http://localhost:3000/redirect"})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("GET /{$}", home)
	site := p.Handler(p.SilentLogin(mux))

	first := navigation("http://localhost:3000/")
	first.AddCookie(&http.Cookie{Name: "passport-looked", Value: "00"}) // it has been seen that the browser keeps cookies
	w := httptest.NewRecorder()
	site.ServeHTTP(w, first)
	to, err := w.Result().Location()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the first time:", w.Code, to.Host, "prompt:", to.Query().Get("prompt"))

	again := navigation("http://localhost:3000/")
	for _, cookie := range w.Result().Cookies() {
		again.AddCookie(cookie)
	}
	w = httptest.NewRecorder()
	site.ServeHTTP(w, again)
	fmt.Println("after that:", w.Code)
	// Output:
	// the first time: 303 auth.immutable.com prompt: none
	// after that: 200
}

// An app at app.example.com may ask the program at api.example.com who is signed in, and
// sign out there. Nobody else may.
func ExampleConfig_trustedOrigins() {
	p, err := passport.New(passport.Config{
		ClientID:       "your-client-id",
		RedirectURI:    "https://api.example.com/redirect",
		TrustedOrigins: []string{"https://app.example.com"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/session", p.SessionInfo) // for all methods: browsers ask by OPTIONS first
	mux.HandleFunc("POST /logout", p.Logout)
	api := p.Handler(mux)

	for _, origin := range []string{"https://app.example.com", "https://evil.example"} {
		r := httptest.NewRequest(http.MethodGet, "https://api.example.com/session", nil)
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		fmt.Printf("%d, for %q\n", w.Code, w.Header().Get("Access-Control-Allow-Origin"))
	}
	// Output:
	// 200, for "https://app.example.com"
	// 403, for ""
}

// A bearer token ends with the logout, although it has not expired.
func ExamplePassport_VerifyBearer() {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
	defer auth.Close()
	p, err := passport.New(passport.Config{
		ClientID:     passporttest.ClientID,
		AuthDomain:   auth.URL,
		RedirectURI:  "http://localhost:3000/redirect",
		BearerTokens: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	defer p.Close(ctx)
	session, err := wholeLogin(p, auth, passport.LoginOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := session.IDToken(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}

	bearer, err := p.VerifyBearer(ctx, token)
	fmt.Println(bearer.Kind, bearer.Subject, err)
	if _, err := p.EndSession(ctx, session.ID()); err != nil {
		fmt.Println(err)
		return
	}
	_, err = p.VerifyBearer(ctx, token)
	fmt.Println("signed out:", errors.Is(err, passport.ErrBearerSignedOut))
	// Output:
	// id_token email|00000000000000000000a11c <nil>
	// signed out: true
}
