package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/passport-go/passport/passporttest"
)

// clientID is the site's, as registered with the stand-in.
const clientID = "passport-example"

// standIn starts an auth domain on a free port of this machine. Its host is
// 127.0.0.1, which to a browser is another site than localhost, as the real
// auth domain is another site than yours.
func standIn(base string, sameSite bool) *passporttest.Server {
	o := passporttest.Options{
		Clients: []passporttest.Client{{
			ID:           clientID,
			RedirectURIs: []string{base + redirectPath},
			LogoutURLs:   []string{base + signedOutPath, base + silentPath},

			BackChannelLogoutURI: base + backChannelPath,
		}},
		Users: []passporttest.User{
			{
				Subject: "email|65f1c0ffee00000000a11ce0", Email: "alice@example.com", Nickname: "alice", Username: "alice",
				ZkEVMEthAddress:       "0x7a3fE1c58b2D4906aC4e5d0B9f1263784Ea11ce1",
				ZkEVMUserAdminAddress: "0x1d9B04e7c63A85f2De71b60C94a8f53702Ea11ce",
			},
			{Subject: "google-oauth2|104250000000000000b0b", Email: "bob@example.com", Nickname: "bob"},
		},
	}
	if sameSite {
		o.Host = "localhost"
	}
	return passporttest.NewServer(o)
}

// follow enters each request for a path of the stand-in in the journal, until
// ctx is done.
func (s *site) follow(ctx context.Context, path string, tell func(passporttest.Request) step) {
	for n := 1; ; n++ {
		requests, err := s.auth.Await(ctx, path, n)
		if err != nil {
			return
		}
		s.journal.add(tell(requests[n-1]))
	}
}

func (s *site) tellAuthorize(r passporttest.Request) step {
	st := step{at: r.Time, By: byAuth, Text: "GET /authorize"}
	switch {
	case r.Status >= http.StatusBadRequest:
		return st.failed(r.Status)
	case strings.HasPrefix(r.Query.Get("prompt"), "login"):
		st.Note = "The site asks for a new sign-in (prompt=login), for the last sign-out was not confirmed."
	case r.SID != "":
		st.Note = "The Passport session is still alive: signed in without a question."
		st.Tone = toneWarn
	default:
		st.Note = "Nobody is signed in here: on to the sign-in page."
	}
	return st
}

func (s *site) tellSignIn(r passporttest.Request) step {
	st := step{at: r.Time, By: byAuth, Text: r.Method + " /u/login"}
	switch {
	case r.Status >= http.StatusBadRequest:
		return st.failed(r.Status)
	case r.Method == http.MethodGet:
		st.Note = "The sign-in page is shown."
	case r.Form.Has("deny"):
		st.Note = "The user cancelled."
	default:
		st.Note, st.Tone = "The user signed in. The Passport session begins: a cookie on the auth domain.", toneGood
	}
	return st
}

func (s *site) tellLogout(r passporttest.Request) step {
	st := step{at: r.Time, By: byAuth, Text: "GET /v2/logout, at top level"}
	framed := r.Header.Get("Sec-Fetch-Dest") == "iframe"
	if framed {
		st.Text = "GET /v2/logout, in the hidden iframe"
	}
	switch {
	case r.Status >= http.StatusBadRequest:
		return st.failed(r.Status)
	case framed && r.Status != http.StatusFound:
		st.Note, st.Tone = "Answered with a page that may not be framed.", toneBad
	case r.SID != "":
		st.Note, st.Tone = "It came with the cookie: the Passport session has ended.", toneGood
	case framed && len(s.auth.Sessions()) > 0:
		st.Note, st.Tone = "The browser withheld the cookie, as it is a third-party one. Nothing has ended, and the answer looks the same.", toneWarn
	default:
		st.Note = "There was no Passport session in this browser."
	}
	return st
}

// fault is something that a visitor can make go wrong.
type fault struct {
	Name, Label, Note string
	inject            []passporttest.Fault
}

const faultPage = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Out of order</title>
<body style="font:1rem/1.5 system-ui;max-width:30rem;margin:20vh auto;padding:0 1rem"><main><h1>Out of order</h1>
<p>You told this auth domain to fail. Go back to the site and lift the fault there.`

var faults = []fault{
	{Name: "", Label: "Nothing", Note: "The auth domain works."},
	{
		Name: "revocation", Label: "Revocation",
		Note:   "POST /oauth/revoke answers 503. A sign-out goes through all the same; the revocation is tried again until it succeeds.",
		inject: []passporttest.Fault{{Path: "/oauth/revoke", Status: http.StatusServiceUnavailable, RetryAfter: time.Second}},
	},
	{
		Name: "framing", Label: "Framing",
		Note:   "The auth domain’s logout may not be framed. A silent sign-out notices, and offers the way to finish.",
		inject: []passporttest.Fault{{Path: "/v2/logout", DenyFraming: true}},
	},
	{
		Name: "down", Label: "Everything",
		Note:   "The whole auth domain answers 503. The app session ends even so.",
		inject: []passporttest.Fault{{Status: http.StatusServiceUnavailable, RetryAfter: time.Second, Body: faultPage}},
	},
}

// setFault puts one fault in the place of whichever there was.
func (s *site) setFault(name string) bool {
	for _, f := range faults {
		if f.Name != name {
			continue
		}
		s.auth.Lift()
		for _, one := range f.inject {
			s.auth.Inject(one)
		}
		s.journal.setFault(f)
		return true
	}
	return false
}
