package processtest

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// load is what the users of a load run share.
type load struct {
	auth      string   // URL of the auth domain
	instances []string // URLs
	live      int      // sessions of people who merely look at pages
	transport *http.Transport
	redis     *goredis.Client // for a look at the server; nil: none
}

// user is somebody at a browser without a screen, whose requests reach the
// instances by chance, as behind a balancer.
type user struct {
	*load
	rng     *rand.Rand
	browser http.Client
	times   map[string][]time.Duration // by what was done
}

func (l *load) newUser(seed uint64) *user {
	u := &user{load: l, rng: rand.New(rand.NewPCG(seed, 0)), times: map[string][]time.Duration{}}
	u.browser = http.Client{
		Transport:     l.transport,
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	u.forget()
	return u
}

// forget gives the user a new browser.
func (u *user) forget() { u.browser.Jar, _ = cookiejar.New(nil) } // never fails

func (u *user) anyInstance() string { return u.instances[u.rng.IntN(len(u.instances))] }

// timed does something and notes how long it took.
func (u *user) timed(what string, do func() error) error {
	start := time.Now()
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	u.times[what] = append(u.times[what], time.Since(start))
	return nil
}

// send makes a request, expects a status, and returns where it is sent on to.
func (u *user) send(method, address, cookie string, status int) (location string, err error) {
	r, err := http.NewRequest(method, address, nil)
	if err != nil {
		return "", err
	}
	browser := u.browser
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
		browser.Jar = nil
	}
	res, err := browser.Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return "", err
	}
	if res.StatusCode != status {
		return "", &statusError{r, res.StatusCode, status}
	}
	return res.Header.Get("Location"), nil
}

// statusError is an answer that was not expected.
type statusError struct {
	request   *http.Request
	got, want int
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s %s: %d, not %d", e.request.Method, e.request.URL.Path, e.got, e.want)
}

// signIn goes to the auth domain and back, to whichever instance.
func (u *user) signIn() error {
	return u.timed("sign-in", func() error {
		to, err := u.send("GET", u.anyInstance()+"/login", "", http.StatusSeeOther)
		if err != nil {
			return err
		}
		back, err := u.send("GET", to, "", http.StatusFound)
		if err != nil {
			return err
		}
		callback, err := url.Parse(back)
		if err != nil {
			return err
		}
		_, err = u.send("GET", u.anyInstance()+callback.RequestURI(), "", http.StatusSeeOther)
		return err
	})
}

// logOut goes to the auth domain, too; and what was the user's cookie must be
// worth nothing from then on, on whichever instance.
func (u *user) logOut() error {
	cookie, err := u.cookie()
	if err != nil {
		return err
	}
	err = u.timed("logout", func() error {
		to, err := u.send("POST", u.anyInstance()+"/logout", "", http.StatusSeeOther)
		if err != nil {
			return err
		}
		_, err = u.send("GET", to, "", http.StatusOK)
		return err
	})
	if err != nil {
		return err
	}
	if err := u.assertOut(cookie); err != nil {
		return err
	}
	u.forget()
	return nil
}

func (u *user) assertOut(cookie string) error {
	for _, instance := range u.instances {
		if _, err := u.send("GET", instance+"/", cookie, http.StatusUnauthorized); err != nil {
			return fmt.Errorf("after a logout: %w", err)
		}
	}
	return nil
}

func (u *user) cookie() (string, error) {
	site, err := url.Parse(u.instances[0])
	if err != nil {
		return "", err
	}
	for _, c := range u.browser.Jar.Cookies(site) {
		if c.Name == "passport" {
			return c.Name + "=" + c.Value, nil
		}
	}
	return "", errors.New("the browser has no session cookie")
}

// next is what a user who is signed in does.
func (u *user) next() error {
	switch chance := u.rng.IntN(100); {
	case chance < 90:
		return u.look()
	case chance < 98:
		return u.timed("token", func() error {
			_, err := u.send("GET", u.anyInstance()+"/token", "", http.StatusNoContent)
			return err
		})
	}
	if err := u.logOut(); err != nil {
		return err
	}
	return u.signIn()
}

// look is a request of somebody who is signed in, any of them all.
func (u *user) look() error {
	return u.timed("check", func() error {
		_, err := u.send("GET", u.anyInstance()+"/", "passport="+secretOf(u.rng.IntN(u.live)), http.StatusNoContent)
		return err
	})
}

// lookBare is the same request where nobody asks who makes it.
func (u *user) lookBare() error {
	return u.timed("bare", func() error {
		_, err := u.send("GET", u.anyInstance()+"/bare", "passport="+secretOf(u.rng.IntN(u.live)), http.StatusNoContent)
		return err
	})
}

// secretOf is the session id in the cookie of the i-th of those who merely look.
func secretOf(i int) string {
	sum := sha256.Sum256(fmt.Append(nil, "load ", i))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
