package passport_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Whatever cookies a browser sends, a request costs no more than 32 logins.
func TestOfTheLoginsThatABrowserBringsABoundedNumberIsRead(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	s := newSite(t)
	for sent, read := range map[int]int{0: 0, 1: 1, 32: 32, 33: 32, 64: 32} {
		r := httptest.NewRequest("GET", "/redirect", nil)
		for _, first := range alphabet[:sent] {
			r.AddCookie(&http.Cookie{Name: "passport-login-" + string(first), Value: string(first) + strings.Repeat("A", 42)})
		}
		assert.Len(t, s.p.BrowserState(r).Logins, read, "%d cookies", sent)
	}
}
