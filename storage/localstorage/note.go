package localstorage

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"
)

const (
	// writtenBackWithin is how long after the end of a session a refresh of the
	// JavaScript SDK's, which has no time-out, is taken to have been under way.
	// Nobody signs in again, through a redirect or a popup, in less.
	writtenBackWithin = 5 * time.Second

	// rememberEnded is how long a session that has ended is looked out for. The
	// next call may come days later, and find it there still, or again; Auth0
	// lets a refresh token live no longer by default.
	rememberEnded = 30 * 24 * time.Hour

	// propagation is the time in which a browser brings what one process has
	// written to localStorage to all others.
	propagation = time.Second

	// rememberReplaced is how many writes of ours a process may lag behind.
	rememberReplaced = 8
)

// note is what the JavaScript SDK's format has no room for.
type note struct {
	User  *beside `json:"user,omitempty"`
	Ended *ended  `json:"ended,omitempty"`

	// Replaced are digests of what stood in the user's place before the last
	// writes of ours, and Written, by the machine's clock, is when that was.
	Replaced []string  `json:"replaced,omitempty"`
	Written  time.Time `json:"written,omitzero"`
}

// beside stands beside a stored user. Digest is that of the user as it was when
// this was written, so what another writer changes is noticed.
type beside struct {
	Subject  string    `json:"sub"`
	SID      string    `json:"sid,omitempty"`
	Digest   string    `json:"digest"`
	Revision uint64    `json:"revision"`
	Expiry   time.Time `json:"expiry"`
	Extra    []byte    `json:"extra,omitempty"`
}

// ended is the last session that was ended here. Until its item is removed, and
// should it be written back, it says that it must go.
type ended struct {
	Subject      string    `json:"sub"`
	SID          string    `json:"sid,omitempty"`
	IDToken      string    `json:"id_token"`      // digest
	RefreshToken string    `json:"refresh_token"` // digest
	At           time.Time `json:"at"`
}

func parseNote(raw json.RawMessage) (n note) {
	if json.Unmarshal(raw, &n) != nil {
		return note{}
	}
	return n
}

// format returns nothing for a note that says nothing.
func (n note) format() (json.RawMessage, error) {
	if n.User == nil && n.Ended == nil && len(n.Replaced) == 0 {
		return nil, nil
	}
	return json.Marshal(n)
}

func (n note) equal(m note) bool {
	a, err1 := n.format()
	b, err2 := m.format()
	return err1 == nil && err2 == nil && bytes.Equal(a, b)
}

// replaced is n after item has been replaced, or is about to be.
func (n note) replaced(item string) note {
	n.Replaced = append(slices.Clone(n.Replaced), digest(item))
	if extra := len(n.Replaced) - rememberReplaced; extra > 0 {
		n.Replaced = n.Replaced[extra:]
	}
	n.Written = time.Now().Round(0).UTC()
	return n
}

// lags reports whether item is what stood in the place of the user's before, and
// this process has yet to hear of the change.
func (n note) lags(item string) bool {
	if age := time.Since(n.Written); n.User == nil || age < 0 || age > propagation {
		return false
	}
	is := digest(item)
	return is != n.User.Digest && slices.Contains(n.Replaced, is)
}

// forget drops what is of no use any more.
func (n note) forget(now time.Time) note {
	if n.Ended != nil && now.After(n.Ended.At.Add(rememberEnded)) {
		n.Ended = nil
	}
	if len(n.Replaced) > 0 && time.Since(n.Written) > propagation {
		n.Replaced, n.Written = nil, time.Time{}
	}
	return n
}

// digest does not tell what it is of.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func besideOf(u User, item string) *beside {
	return &beside{
		Subject:  u.Subject,
		SID:      u.SID,
		Digest:   digest(item),
		Revision: u.Revision,
		Expiry:   u.Expiry,
		Extra:    u.Extra,
	}
}

func endedOf(u User, at time.Time) *ended {
	return &ended{
		Subject:      u.Subject,
		SID:          u.SID,
		IDToken:      digest(u.IDToken),
		RefreshToken: digest(u.RefreshToken),
		At:           at,
	}
}

// covers reports whether u, as it is there now, is the session that was ended. A
// new one of the same user in the same Passport session has the same sub and sid.
func (e *ended) covers(u User, now time.Time) bool {
	if u.Subject != e.Subject || u.SID != e.SID {
		return false
	}
	if digest(u.IDToken) == e.IDToken || u.RefreshToken != "" && digest(u.RefreshToken) == e.RefreshToken {
		return true
	}
	// By this machine's clock alone: the provider's, which the tokens go by, may
	// be ahead of it.
	if now.Sub(e.At).Abs() < writtenBackWithin {
		return true
	}
	_, c, err := openIDToken(u.IDToken)
	return err == nil && seconds(c.IssuedAt).Before(e.At.Add(writtenBackWithin))
}

// instant is at as it is kept.
func instant(at time.Time) time.Time { return at.Round(0).UTC() }
