package main

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/storage"
)

// logout signs out of the session of the browser that asks, and then has it
// end its Passport session.
func (i *instance) logout(w http.ResponseWriter, r *http.Request) {
	if session := passport.SessionFrom(r.Context()); session != nil {
		i.sign(r.Context(), session.Subject())
	}
	i.passport.Logout(w, r)
}

// end ends one session of the user's, whichever browser has it.
func (i *instance) end(w http.ResponseWriter, r *http.Request) {
	subject, id := passport.SessionFrom(r.Context()).Subject(), r.PostFormValue("session")
	sessions, err := i.passport.Sessions(r.Context(), subject)
	if err != nil {
		unavailable(w)
		return
	}
	// Session.ID is no secret, so knowing it is no right to end the session.
	if !slices.ContainsFunc(sessions, func(s passport.SessionInfo) bool { return s.ID == id }) {
		http.Error(w, "You have no such session. It may have ended by itself.", http.StatusNotFound)
		return
	}
	i.sign(r.Context(), subject)
	_, err = i.passport.EndSession(r.Context(), id)
	i.ended(w, r, err)
}

// endOthers ends all sessions of the user's but this one.
func (i *instance) endOthers(w http.ResponseWriter, r *http.Request) {
	session := passport.SessionFrom(r.Context())
	i.sign(r.Context(), session.Subject())
	_, err := i.passport.EndSessions(r.Context(), storage.Match{Subject: session.Subject(), Except: session.ID()})
	i.ended(w, r, err)
}

func (i *instance) ended(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		unavailable(w)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func unavailable(w http.ResponseWriter) {
	http.Error(w, "The sessions cannot be reached at the moment. Please try again.", http.StatusServiceUnavailable)
}

// sign notes for a while which instance signs a user out, for the streams on
// the others to say. Without the note they end all the same.
func (i *instance) sign(ctx context.Context, subject string) {
	_ = i.client.Set(ctx, i.noteOn(subject), i.name, time.Minute).Err()
}

// signedOutBy is the instance that did it, or empty.
func (i *instance) signedOutBy(ctx context.Context, subject string) string {
	return i.client.Get(ctx, i.noteOn(subject)).Val()
}

func (i *instance) noteOn(subject string) string { return i.prefix + "-note:" + subject }
