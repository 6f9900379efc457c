package authdomain

import (
	"slices"
	"strings"
)

// AskForCredentials adds login to the prompt parameter of a login, which may ask
// for more: without consent, say, there may be no refresh token. "none" goes with
// nothing else (OpenID Connect Core 1.0 §3.1.2.1).
func AskForCredentials(prompt string) string {
	switch {
	case prompt == "", prompt == "none":
		return "login"
	case AsksForCredentials(prompt):
		return prompt
	}
	return "login " + prompt
}

// AsksForCredentials reports whether a prompt has the user sign in anew whatever
// session there is.
func AsksForCredentials(prompt string) bool {
	return slices.Contains(strings.Fields(prompt), "login")
}
