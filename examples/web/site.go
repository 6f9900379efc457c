package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage/memory"
)

// What must be registered with the auth domain: where it sends the browser back
// to, and where it tells the site itself of a session that has ended. The real
// one cannot reach the last on a machine of yours, and does not need to.
const (
	redirectPath    = "/redirect"
	signedOutPath   = "/signed-out"
	silentPath      = "/silent-logout"
	backChannelPath = "/backchannel-logout"
)

// site is the program: one Passport for each logout mode, so that the visitor
// can choose. They share the store, the keys and the cookie, so that either
// can end what the other began; a program with one mode needs one Passport.
type site struct {
	base             string
	redirect, silent *passport.Passport
	auth             *passporttest.Server // nil: the real auth domain
	authOrigin       string
	store            *memory.Store
	journal          *journal

	stopFollowing context.CancelFunc
	following     sync.WaitGroup
}

// newSite builds the site from what c says of the client and the auth domain.
// The return URLs, the store and the mode are the site's own.
func newSite(base string, c passport.Config, auth *passporttest.Server) (*site, error) {
	s := &site{base: base, auth: auth, store: memory.New(memory.Options{}), journal: newJournal()}
	c.RedirectURI = base + redirectPath
	c.Store = s.store
	c.EncryptionKeys = [][]byte{newKey()}
	c.CookieName = "passport-example"
	c.OnEvent = s.journal.event
	c.SilentTimeout = 5 * time.Second
	c.SilentFallback = passport.FallbackReport // so that the page can show what went wrong

	c.LogoutMode, c.LogoutRedirectURI = passport.LogoutRedirect, base+signedOutPath
	var err1, err2 error
	s.redirect, err1 = passport.New(c)
	c.LogoutMode, c.LogoutRedirectURI = passport.LogoutSilent, base+silentPath
	s.silent, err2 = passport.New(c)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	logout, err := url.Parse(s.redirect.LogoutURL())
	if err != nil {
		return nil, fmt.Errorf("web: the logout URL cannot be read: %w", err)
	}
	s.authOrigin = logout.Scheme + "://" + logout.Host
	s.watch()
	return s, nil
}

// newKey seals what is in the store, which ends with the process.
func newKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key
}

// watch starts following what the stand-in is asked, until close.
func (s *site) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	s.stopFollowing = cancel
	if s.auth == nil {
		return
	}
	s.following.Go(func() { s.follow(ctx, "/authorize", s.tellAuthorize) })
	s.following.Go(func() { s.follow(ctx, "/u/login", s.tellSignIn) })
	s.following.Go(func() { s.follow(ctx, "/v2/logout", s.tellLogout) })
}

// close ends everything that newSite and the requests have started.
func (s *site) close() error {
	s.stopFollowing()
	s.following.Wait()
	patience, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := errors.Join(s.redirect.Close(patience), s.silent.Close(patience))
	if s.auth != nil {
		s.auth.Close()
	}
	return err
}

// about tells the person at the terminal what the site talks to.
func (s *site) about() string {
	if s.auth != nil {
		return "The auth domain is a stand-in at " + s.auth.URL + ".\n  Set PASSPORT_CLIENT_ID to use the real one."
	}
	return fmt.Sprintf(`The auth domain is %s. Register in Hub:
    redirect URI   %s%s
    logout URIs    %[2]s%[4]s
                   %[2]s%[5]s`, s.authOrigin, s.base, redirectPath, signedOutPath, silentPath)
}

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /login", s.login)
	mux.HandleFunc("GET "+redirectPath, s.loginCallback)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET "+signedOutPath, s.signedOut)
	mux.HandleFunc("GET "+silentPath, s.silentCallback())
	mux.HandleFunc("POST "+backChannelPath, s.redirect.BackChannelLogout)
	mux.Handle("GET /passport.js", s.redirect.Script())
	mux.HandleFunc("GET /live", s.live)
	mux.HandleFunc("POST /steps", s.report)
	if s.auth != nil {
		mux.HandleFunc("POST /fault", s.changeFault)
	}
	mux.Handle("GET /static/", http.FileServerFS(static))
	return s.secure(http.NewCrossOriginProtection().Handler(s.redirect.Handler(mux)))
}

// secure sets the headers of all pages. The pages of package passport bring
// their own policy: the callback must be framable by this site.
//
// form-action names the auth domain because a browser without scripts gets
// there by the redirect that answers the sign-out form.
func (s *site) secure(next http.Handler) http.Handler {
	policy := strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
		"frame-src 'self' " + s.authOrigin, "form-action 'self' " + s.authOrigin,
		"base-uri 'none'", "frame-ancestors 'none'",
	}, "; ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	data := homePage{Site: s}
	if session := passport.SessionFrom(r.Context()); session != nil {
		profile, err := session.Profile(r.Context())
		if err != nil {
			http.Error(w, "Your session could not be read. Please sign in again.", http.StatusInternalServerError)
			return
		}
		data.Profile = &profile
		remember(w, r, session)
	} else if l, open := s.redirect.UnfinishedLogout(r.Context(), s.redirect.BrowserState(r)); open {
		data.Unfinished = l.URL
	}
	data.Panel, _, _ = s.panel(r)
	w.Header().Set("Cache-Control", "no-store")
	render(w, data)
}

func (s *site) login(w http.ResponseWriter, r *http.Request) {
	s.journal.begin("Signing in", nil, step{By: byBrowser, Text: "GET /login", Note: "The site answers with the way to the auth domain: state, nonce and a PKCE challenge."})
	s.redirect.Login(w, r)
}

func (s *site) loginCallback(w http.ResponseWriter, r *http.Request) {
	st := step{By: byBrowser, Text: "GET " + redirectPath, Note: "Back with a code, which the site trades for tokens."}
	if r.URL.Query().Has("error") {
		st.Note, st.Tone = "Back with an error.", toneBad
	}
	s.journal.add(st)
	s.redirect.LoginCallback(w, r)
}

// logout signs out in the mode that the form names.
func (s *site) logout(w http.ResponseWriter, r *http.Request) {
	p, title := s.redirect, "Signing out by redirect"
	l := passport.Logout{Mode: passport.LogoutRedirect, App: passport.OutcomeSkipped, Revocation: passport.OutcomeSkipped, Passport: passport.OutcomePending}
	if r.PostFormValue("mode") == string(passport.LogoutSilent) {
		p, title, l.Mode = s.silent, "Signing out silently", passport.LogoutSilent
	}
	st := step{By: byBrowser, Text: "POST /logout", Note: "Sent by passport.js."}
	if r.Header.Get("Accept") != "application/json" {
		st.Note = "Sent by the form itself, without scripts."
	}
	s.journal.begin(title, &l, st)
	p.Logout(w, r)
}

// signedOut is where a redirect logout comes back to. Passport.Handler has
// noticed by now where the browser came from, if the browser says so.
func (s *site) signedOut(w http.ResponseWriter, r *http.Request) {
	if s.journal.unconfirmed() {
		s.journal.add(step{By: byBrowser, Text: "GET " + signedOutPath, Note: "Back at the site. The browser does not say where from.", Tone: toneWarn})
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *site) silentCallback() http.HandlerFunc {
	callback := s.silent.LogoutSilentCallback(s.base)
	return func(w http.ResponseWriter, r *http.Request) {
		st := step{By: byBrowser, Text: "GET " + silentPath + ", at top level", Note: "The callback page goes on to the site."}
		if r.Header.Get("Sec-Fetch-Dest") == "iframe" {
			st.Text = "GET " + silentPath + ", in the hidden iframe"
			st.Note = "The auth domain sent the iframe here. The callback page posts a message to this site's window, and to no other."
		}
		s.journal.add(st)
		callback.ServeHTTP(w, r)
		s.journal.unconfirmed()
	}
}

// reports are the steps that only the page can see.
var reports = map[string]step{
	"frame":   {Text: "A hidden iframe is added to the page"},
	"message": {Text: "The page hears the message", Note: "From the right window of the right origin; anything else is left unheard."},
	"removed": {Text: "The iframe is removed", Note: "No page was loaded; you are where you were."},
	"told":    {Text: "Another tab is told, and shows it"},
	"blocked": {Text: "The browser blocked the iframe", Note: "A Content-Security-Policy forbids it.", Tone: toneBad},
	"refused": {Text: "The iframe shows something else than the callback", Note: "An error page, or one that may not be framed. The page gives up, instead of waiting for ever.", Tone: toneBad},
	"timeout": {Text: "Nothing came in time", Tone: toneBad},
}

// report takes a step from the page's script.
func (s *site) report(w http.ResponseWriter, r *http.Request) {
	name := r.PostFormValue("step")
	st, known := reports[name]
	if !known {
		http.Error(w, "There is no such step.", http.StatusBadRequest)
		return
	}
	if st.Tone == toneBad {
		s.journal.unconfirmed()
	}
	st.By, st.at = byBrowser, reportTime(r.PostFormValue("at"))
	s.journal.add(st)
	w.WriteHeader(http.StatusNoContent)
}

// reportTime is when the page saw it, in milliseconds by the browser's clock,
// or zero if that clock is not ours.
func reportTime(at string) time.Time {
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil || time.Since(time.UnixMilli(ms)).Abs() > time.Minute {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func (s *site) changeFault(w http.ResponseWriter, r *http.Request) {
	if !s.setFault(r.PostFormValue("fault")) {
		http.Error(w, "There is no such fault.", http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, "/#faults", http.StatusSeeOther)
}
