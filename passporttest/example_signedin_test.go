package passporttest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

func inventory(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context())
	if session == nil {
		http.Error(w, "sign in first", http.StatusUnauthorized)
		return
	}
	fmt.Fprint(w, "the inventory of ", session.Subject())
}

// The unit test of a handler, as it stands in a function TestInventory(t).
func ExampleNewSession() {
	t := &testing.T{} // in a test, its own
	p, err := passport.New(passport.Config{ClientID: "client", RedirectURI: "http://localhost:3000/redirect"})
	if err != nil {
		fmt.Println(err)
		return
	}
	user := passporttest.NewSession(t, p, passporttest.User{Subject: "alice"})

	w := httptest.NewRecorder()
	p.Handler(http.HandlerFunc(inventory)).ServeHTTP(w, user.Request("GET", "/inventory", nil))
	fmt.Println(w.Code, w.Body)

	// Output:
	// 200 the inventory of alice
}

func ExampleSignedIn_Context() {
	t := &testing.T{} // in a test, its own
	p, err := passport.New(passport.Config{ClientID: "client", RedirectURI: "http://localhost:3000/redirect"})
	if err != nil {
		fmt.Println(err)
		return
	}
	user := passporttest.NewSession(t, p, passporttest.User{Subject: "alice"})

	w := httptest.NewRecorder()
	inventory(w, httptest.NewRequestWithContext(user.Context(context.Background()), "GET", "/inventory", nil))
	fmt.Println(w.Code, w.Body)

	// Output:
	// 200 the inventory of alice
}
