package passporttest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"

	"golang.org/x/oauth2"

	"github.com/passport-go/passport/passporttest"
)

// program is what is under test: it signs one user in, and out again. A real
// one also checks the state and the ID token, and knows its users apart.
type program struct {
	auth  string // base URL of the auth domain
	oauth oauth2.Config

	mu       sync.Mutex
	verifier string
	token    *oauth2.Token
}

func newProgram(auth, url string) http.Handler {
	p := &program{auth: auth, oauth: oauth2.Config{
		ClientID:    passporttest.ClientID,
		RedirectURL: url + "/callback",
		Scopes:      []string{"openid", "email", "offline_access"},
		Endpoint:    oauth2.Endpoint{AuthURL: auth + "/authorize", TokenURL: auth + "/oauth/token"},
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.login)
	mux.HandleFunc("GET /callback", p.callback)
	mux.HandleFunc("POST /logout", p.logout)
	mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) {})
	return mux
}

func (p *program) login(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.verifier = oauth2.GenerateVerifier()
	http.Redirect(w, r, p.oauth.AuthCodeURL("state", oauth2.S256ChallengeOption(p.verifier)), http.StatusSeeOther)
}

func (p *program) callback(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	token, err := p.oauth.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(p.verifier))
	if err != nil {
		http.Error(w, "The login failed.", http.StatusBadGateway)
		return
	}
	p.token = token
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// logout ends the app session and sends the browser to end the other.
func (p *program) logout(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	token := p.token
	p.token = nil
	p.mu.Unlock()
	if token != nil {
		go p.revoke(token.RefreshToken)
	}
	http.Redirect(w, r, p.auth+"/v2/logout?client_id="+p.oauth.ClientID, http.StatusSeeOther)
}

func (p *program) revoke(token string) {
	resp, err := http.PostForm(p.auth+"/oauth/revoke", url.Values{"client_id": {p.oauth.ClientID}, "token": {token}})
	if err == nil {
		_ = resp.Body.Close()
	}
}

// A program's logout, seen from the auth domain.
func Example() {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
	defer auth.Close()

	app := httptest.NewUnstartedServer(nil)
	app.Config.Handler = newProgram(auth.URL, "http://"+app.Listener.Addr().String())
	app.Start()
	defer app.Close()

	visit := func(resp *http.Response, err error) {
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
	}
	browser := auth.Browser()
	visit(browser.Get(app.URL + "/login"))
	fmt.Println("signed in:", len(auth.Sessions()), "Passport session,",
		len(auth.RefreshTokens(passporttest.Live)), "live refresh token")

	visit(browser.PostForm(app.URL+"/logout", nil))
	if _, err := auth.Await(context.Background(), "/oauth/revoke", 1); err != nil {
		fmt.Println(err)
	}
	fmt.Println("signed out:", len(auth.Sessions()), "Passport sessions,",
		len(auth.RefreshTokens(passporttest.Live)), "live refresh tokens")

	// Output:
	// signed in: 1 Passport session, 1 live refresh token
	// signed out: 0 Passport sessions, 0 live refresh tokens
}
