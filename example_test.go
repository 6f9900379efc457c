package passport_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
)

// A whole program: sign in, know the user, sign out silently.
func Example() {
	p, err := passport.New(passport.Config{
		ClientID:          os.Getenv("PASSPORT_CLIENT_ID"),
		RedirectURI:       "http://localhost:3000/redirect",
		LogoutRedirectURI: "http://localhost:3000/silent-logout",
		LogoutMode:        passport.LogoutSilent,
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.Handle("GET /silent-logout", p.LogoutSilentCallback("http://localhost:3000"))
	mux.Handle("GET /passport.js", p.Script())
	mux.HandleFunc("GET /{$}", home)
	log.Fatal(http.ListenAndServe("localhost:3000", p.Handler(mux)))
}

func home(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context())
	if session == nil {
		fmt.Fprint(w, `<a href="/login">Sign in with Passport</a>`)
		return
	}
	fmt.Fprintf(w, `<script src="/passport.js" defer></script><p>You are %s.</p>
		<form method="post" action="/logout" data-passport-logout><button>Sign out</button></form>`,
		html.EscapeString(session.Subject()))
}

// New names every problem at once, with the way out.
func ExampleNew_problems() {
	_, err := passport.New(passport.Config{
		RedirectURI: "/redirect",
		LogoutMode:  passport.LogoutSilent,
	})
	for problem := range strings.Lines(err.Error()) {
		field, _, _ := strings.Cut(problem, " is ")
		fmt.Println(strings.Fields(field)[1])
	}
	// Output:
	// Config.ClientID
	// Config.RedirectURI
	// Config.LogoutRedirectURI
}

// The verbs behind the handlers know nothing of net/http, for frameworks with
// requests of their own. What the browser has to keep is a cookie of yours.
func ExamplePassport_FinishLogin() {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
	defer auth.Close()
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

	// A user wants in. Have the browser keep b, and send it on.
	address, b, err := p.BeginLogin(ctx, passport.BrowserState{}, passport.LoginOptions{ReturnTo: "/inventory"})
	if err != nil {
		fmt.Println(err)
		return
	}
	query := visit(auth, address)

	// The browser is back at RedirectURI, and brings b. It has to keep what is
	// returned from now on.
	in, b, err := p.FinishLogin(ctx, b, query)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("signed in:", in.Session.Subject())
	fmt.Println("on to:", in.ReturnTo)

	// A later request brings b.
	session, err := p.Session(ctx, b.Session)
	if err != nil {
		fmt.Println(err)
		return
	}
	profile, err := session.Profile(ctx)
	fmt.Println("email:", profile.Email, err)

	// Output:
	// signed in: email|00000000000000000000a11c
	// on to: /inventory
	// email: alice@example.com <nil>
}

// visit is the user's browser: it signs in at the auth domain, and says with
// which query it was sent back.
func visit(auth *passporttest.Server, to string) url.Values {
	browser := auth.Browser()
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := browser.Get(to)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	back, err := res.Location()
	if err != nil {
		return nil
	}
	return back.Query()
}

// A callback of your own, which creates your user, on net/http and with the cookies
// of this package's handlers. What the verb returns is written with an error too.
func ExamplePassport_SetBrowserState() {
	var p *passport.Passport // from New
	createUser := func(context.Context, string) error { return nil }

	http.HandleFunc("GET /login", p.Login)
	http.HandleFunc("POST /logout", p.Logout)
	http.HandleFunc("GET /redirect", func(w http.ResponseWriter, r *http.Request) {
		before := p.BrowserState(r)
		in, after, err := p.FinishLogin(r.Context(), before, r.URL.Query())
		p.SetBrowserState(w, before, after)
		switch {
		case err == nil:
			err = createUser(r.Context(), in.Session.Subject())
			if err != nil { // no session without a user
				_, endErr := p.EndSession(r.Context(), in.Session.ID())
				err = errors.Join(err, endErr)
			}
		case in.Silent: // SilentLogin's: the visitor has not asked for it
			err = nil
		}
		if err != nil {
			http.Error(w, "The sign-in did not work.", http.StatusBadGateway)
			return
		}
		http.Redirect(w, r, in.ReturnTo, http.StatusSeeOther)
	})
}

// A logout in a framework without net/http: the browser's state goes in and comes
// out, and the browser goes to the URL.
func ExamplePassport_EndBrowserSession() {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
	defer auth.Close()
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

	l, b, err := p.EndBrowserSession(ctx, b)
	fmt.Println("app session:", l.App, err)
	fmt.Println("Passport session:", l.Passport)
	_, unfinished := p.UnfinishedLogout(ctx, b)
	fmt.Println("asks again:", unfinished)
	// Output:
	// app session: done <nil>
	// Passport session: pending
	// asks again: true
}

// EndSession does all that a server can, and says what is left for the browser.
func ExamplePassport_EndSession() {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
	defer auth.Close()
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
	in, _, err := p.FinishLogin(ctx, b, visit(auth, address))
	if err != nil {
		fmt.Println(err)
		return
	}

	logout, err := p.EndSession(ctx, in.Session.ID())
	fmt.Println("app session:", logout.App)
	fmt.Println("refresh token:", logout.Revocation)
	fmt.Println("Passport session:", logout.Passport, "until the browser has visited", strings.TrimPrefix(logout.URL, auth.URL))
	fmt.Println("error:", err)

	_, err = p.Session(ctx, in.SessionID)
	fmt.Println("the cookie is good for nothing now:", errors.Is(err, passport.ErrNoSession))

	// Output:
	// app session: done
	// refresh token: done
	// Passport session: pending until the browser has visited /v2/logout?client_id=passporttest
	// error: <nil>
	// the cookie is good for nothing now: true
}

// Everything of a user's, on every device: after a password reset, say.
func ExamplePassport_EndSessions() {
	var p *passport.Passport // from passport.New

	http.HandleFunc("POST /admin/sign-out-everywhere", func(w http.ResponseWriter, r *http.Request) {
		logout, err := p.EndSessions(r.Context(), storage.Match{Subject: r.PostFormValue("user")})
		if err != nil {
			http.Error(w, "The sessions could not be ended. Please try again.", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "sessions ended:", logout.Ended)
	})
}

// A button for one login method, without the page on which the user chooses.
func ExamplePassport_StartLogin() {
	var p *passport.Passport // from passport.New

	http.HandleFunc("GET /login/google", func(w http.ResponseWriter, r *http.Request) {
		p.StartLogin(w, r, passport.LoginOptions{Direct: "google", ReturnTo: "/inventory"})
	})
}

// Some pages are for users alone; others are sent to Config.LoginPath.
func ExamplePassport_RequireLogin() {
	var p *passport.Passport // from passport.New

	http.Handle("GET /inventory", p.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session := passport.SessionFrom(r.Context()) // never nil in here
		fmt.Fprintln(w, "the inventory of", session.Subject())
	})))
}

// A call to Immutable's API on behalf of the user.
func ExampleSession_Client() {
	var p *passport.Passport // from passport.New

	http.Handle("GET /me", p.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := passport.SessionFrom(r.Context()).Client()
		res, err := client.Get("https://api.sandbox.immutable.com/passport-profile/v1/user/info")
		if err != nil {
			http.Error(w, "Immutable's API cannot be reached.", http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.Copy(w, res.Body)
	})))
}

// A silent logout is not always known to have ended the Passport session. The
// next page can offer the way to finish it.
func ExamplePassport_UnfinishedLogout() {
	var p *passport.Passport // from passport.New

	http.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		if logout, open := p.UnfinishedLogout(r.Context(), p.BrowserState(r)); open && logout.URL != "" {
			fmt.Fprintf(w, `<a href="%s">Sign out of Passport, too</a>`, html.EscapeString(logout.URL))
		}
	})
}

// A stream ends with the session, and not when the user closes the tab.
func ExampleSession_Done() {
	var p *passport.Passport // from passport.New

	http.Handle("GET /events", p.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session := passport.SessionFrom(r.Context())
		w.Header().Set("Content-Type", "text/event-stream")
		ticks := time.NewTicker(time.Second)
		defer ticks.Stop()
		for {
			select {
			case <-session.Done(r.Context()):
				return
			case <-r.Context().Done():
				return
			case now := <-ticks.C:
				fmt.Fprintf(w, "data: %s\n\n", now.Format(time.TimeOnly))
				_ = http.NewResponseController(w).Flush()
			}
		}
	})))
}
