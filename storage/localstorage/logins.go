package localstorage

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// loginStale is how old the state of a login is that the JavaScript SDK itself
// takes to be abandoned (staleStateAgeInSeconds of oidc-client-ts).
const loginStale = 15 * time.Minute

// clearLogins removes what logins of the JavaScript SDK that were not finished
// have left: the verifier of loginWithPKCEFlow, and the states of others, unless
// they are so young that a tab may be in the middle of one.
func clearLogins(i items, o Options) error {
	errs := []error{i.remove("pkce_state"), i.remove("pkce_verifier")}
	names, err := i.names()
	errs = append(errs, err)
	for _, name := range names {
		if !strings.HasPrefix(name, "oidc.") {
			continue
		}
		state, err := i.get(name)
		errs = append(errs, err)
		if isStaleLogin(state, o) {
			errs = append(errs, i.remove(name))
		}
	}
	return errors.Join(errs...)
}

// isStaleLogin recognises the form of SigninState of oidc-client-ts 3.4.
func isStaleLogin(state string, o Options) bool {
	var login struct {
		Authority string  `json:"authority"`
		ClientID  string  `json:"client_id"`
		Created   float64 `json:"created"`
	}
	return json.Unmarshal([]byte(state), &login) == nil &&
		login.Authority == o.AuthenticationDomain && login.ClientID == o.ClientID &&
		o.Now().After(seconds(login.Created).Add(loginStale))
}
