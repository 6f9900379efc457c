// Package logoutstate is the rule of an unfinished logout, for every driver.
//
// A logout ends the app session at once, but only the browser can end the
// Passport session, and it may fail to. Until it is known to have ended, the
// logout is unfinished, and the next login in that browser asks for credentials.
// So a browser keeps the name of its last logout, and whether it is finished. A
// login that was begun before that logout must not end after it.
//
// The name also goes out with the browser, and comes back with it:
//
//	session (21 characters) | random (22) | time (8)
//
// The first part is derived from the provider's sid, so that a logout token for
// that session finds the logouts that it finishes. Other apps of the user know
// the sid too, so the random part is what a return has to prove. The time is the
// moment of the logout, which an authentication has to come after.
package logoutstate

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/passport-go/passport/internal/strictbase64"
)

// Life is how long a browser remembers a logout that is not finished. Auth0 ends
// a session by itself after 30 days at the latest.
const Life = 30 * 24 * time.Hour

const (
	// SessionLength is how much of a name stands for the Passport session: 126
	// bits, and the random part has 132.
	SessionLength = 21

	randomLength = 22
	timeLength   = 8

	// Length is that of a name, in characters of unpadded base64url.
	Length = SessionLength + randomLength + timeLength
)

var encoding = base64.RawURLEncoding

// State is what a browser knows of its last logout. The zero value: there was
// none.
type State struct {
	Name     string
	Finished bool // the Passport session is known to have ended
}

// New returns the name of a logout at a moment. session is the first part, or
// something longer that begins with it; empty if the session is not known.
func New(session string, at time.Time) string {
	var name [Length]byte
	if len(session) >= SessionLength {
		copy(name[:SessionLength], session)
	} else {
		randomize(name[:SessionLength])
	}
	randomize(name[SessionLength : SessionLength+randomLength])
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
	encoding.Encode(name[SessionLength+randomLength:], ms[2:])
	return string(name[:])
}

// randomize fills a part of a name, of at most randomLength characters.
func randomize(part []byte) {
	var b [(randomLength*6 + 7) / 8]byte
	_, _ = rand.Read(b[:]) // never fails
	var text [(len(b)*8 + 5) / 6]byte
	encoding.Encode(text[:], b[:])
	copy(part, text[:])
}

// Session is the part of a name that stands for the Passport session.
func Session(name string) string {
	if len(name) < SessionLength {
		return ""
	}
	return name[:SessionLength]
}

// Time is when the logout was, or the zero Time if the name does not say.
func Time(name string) time.Time {
	if len(name) != Length {
		return time.Time{}
	}
	b, err := strictbase64.RawURL(name[Length-timeLength:])
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(append([]byte{0, 0}, b...))))
}

// Unfinished reports whether the Passport session may live on.
func (s State) Unfinished() bool { return s.Name != "" && !s.Finished }

// Finish is s once the logout of that name is known to be complete. A later
// logout stays unfinished.
func (s State) Finish(name string) State {
	if s.Name == name {
		s.Finished = true
	}
	return s
}

// Overtook reports whether the logout in s came after the beginning of a login
// that knew of the logout begun, and of no later one.
func (s State) Overtook(begun string) bool { return s.Name != "" && s.Name != begun }

// Plausible tells what can be a name from what cannot.
func Plausible(s string) bool { return len(s) == Length && strictbase64.IsURL(s) }

// PostedParam is in the address at which a logout request that is too long for a URL
// waits for its browser.
const PostedParam = "logout"
