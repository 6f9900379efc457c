package doctor

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/passport-go/passport/internal/jwt"
)

const (
	// mostKeys is how many keys of a set are looked at.
	mostKeys = 64

	leastRSA = 2048
)

// checkKeys looks at each of the provider's signing keys.
func (e *examination) checkKeys(ctx context.Context, address string) {
	res, err := e.get(ctx, address)
	if err != nil {
		e.unreachable("keys.unreachable", address, err)
		return
	}
	set, err := jwt.ParseObject([]byte(strings.TrimPrefix(res.body, "\ufeff")))
	var entries []json.RawMessage
	if res.StatusCode != http.StatusOK || err != nil || json.Unmarshal(set["keys"], &entries) != nil {
		e.find("keys.unreachable", "%s answers %d, and not with a set of keys", place(res.Request.URL), res.StatusCode)
		return
	}
	usable := 0
	for i, entry := range entries[:min(len(entries), mostKeys)] {
		if e.checkKey(i+1, entry) {
			usable++
		}
	}
	if usable == 0 {
		e.find("keys.none", "of %d entries, none is a public key for signatures", len(entries))
	}
}

// checkKey reports whether the SDK can use an entry.
func (e *examination) checkKey(number int, entry []byte) bool {
	o, err := jwt.ParseObject(entry)
	if err != nil {
		e.find("keys.unreadable", "entry %d is %v", number, err)
		return false
	}
	id, _ := o.Text("kid")
	if o.Has("d") || o.Has("k") {
		e.find("keys.private", "entry %d (kid %q)", number, id)
		return false
	}
	if use, _ := o.Text("use"); use == "enc" {
		return false
	}
	if alg, _ := o.Text("alg"); alg != "" && !slices.Contains(asymmetric, alg) {
		e.find("keys.unreadable", "entry %d (kid %q) is for the algorithm %q", number, id, alg)
		return false
	}
	for _, name := range []string{"x5c", "x5t", "x5t#S256", "x5u"} {
		delete(o, name) // the SDK goes by the key alone
	}
	plain, err := json.Marshal(o)
	var key jose.JSONWebKey
	if err != nil || key.UnmarshalJSON(plain) != nil || !key.IsPublic() {
		kty, _ := o.Text("kty")
		e.find("keys.unreadable", "entry %d (kid %q, kty %q) cannot be read", number, id, kty)
		return false
	}
	if public, ok := key.Key.(*rsa.PublicKey); ok && public.N.BitLen() < leastRSA {
		e.find("keys.weak", "entry %d (kid %q) is RSA of %d bits", number, id, public.N.BitLen())
	}
	return true
}
