package passporttest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/passport-go/passport/passporttest"
)

// The auth domain is overloaded for the first two requests, and then recovers.
func ExampleAuthDomain_Inject() {
	auth := passporttest.NewServer(passporttest.Options{})
	defer auth.Close()
	auth.Inject(passporttest.Fault{
		Path:       "/oauth/revoke",
		Status:     http.StatusServiceUnavailable,
		RetryAfter: 2 * time.Second,
		Times:      2,
	})

	form := url.Values{"client_id": {passporttest.ClientID}, "token": {"a refresh token"}}
	for range 3 {
		resp, err := http.PostForm(auth.URL+"/oauth/revoke", form)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
		fmt.Println(resp.StatusCode, resp.Header.Get("Retry-After"))
	}

	// Output:
	// 503 2
	// 503 2
	// 200
}

// The receiver of logout tokens must refuse every one that breaks a rule. This
// one takes whatever comes.
func ExampleAuthDomain_InvalidLogoutTokens() {
	auth := passporttest.NewServer(passporttest.Options{})
	defer auth.Close()
	receiver := func(logoutToken string) (status int) { return http.StatusOK }

	about := passporttest.LogoutToken{Subject: passporttest.DefaultUser().Subject, SID: "the sid of a session"}
	tokens := auth.InvalidLogoutTokens(about)
	accepted := 0
	for _, token := range tokens {
		if receiver(token) != http.StatusBadRequest {
			accepted++
		}
	}
	fmt.Println("all accepted:", accepted == len(tokens))

	// Output:
	// all accepted: true
}
