package browser

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/storage"
)

// unfinished is the record of the last logout from this browser. While that is
// not known to have ended the Passport session, a login asks for credentials.
type unfinished struct {
	store storage.TokenStore
	now   func() time.Time
}

// doubt is what it holds: what the logout says once it is under way.
type doubt struct {
	Logout string `json:"logout,omitempty"` // its name
	Guard  string `json:"guard,omitempty"`  // of passport.Logout
	URL    string `json:"url,omitempty"`
	Over   bool   `json:"over,omitempty"` // there is no doubt any more
}

const (
	unfinishedRecord = "unfinished" // no ID of the engine's is as short

	// unfinishedLife: Auth0 ends a Passport session by itself after 30 days at
	// the latest.
	unfinishedLife = 30 * 24 * time.Hour
)

// load returns storage.ErrNotFound if there is none.
func (f *unfinished) load(ctx context.Context) (doubt, error) {
	d, err := f.last(ctx)
	if err == nil && (d.Logout == "" || d.Over) {
		err = storage.ErrNotFound
	}
	return d, err
}

// last returns what is known of the last logout; nothing if there was none.
func (f *unfinished) last(ctx context.Context) (doubt, error) {
	d, _, err := f.read(ctx)
	return d, err
}

func (f *unfinished) read(ctx context.Context) (doubt, storage.Record, error) {
	rec, err := f.store.Load(ctx, unfinishedRecord)
	if errors.Is(err, storage.ErrNotFound) {
		return doubt{}, storage.Record{ID: unfinishedRecord}, nil
	}
	var d doubt
	_ = json.Unmarshal(rec.Data, &d) // one that makes no sense is a doubt all the same
	d.Logout = cmp.Or(d.Logout, "unnamed")
	return d, rec, err
}

// note puts a doubt in the place of the one before.
func (f *unfinished) note(ctx context.Context, d doubt) error {
	return f.update(ctx, func(old *doubt) { *old = d })
}

// finish notes that there is no doubt about the logout of that name any more.
func (f *unfinished) finish(ctx context.Context, name string) error {
	return f.update(ctx, func(d *doubt) {
		if d.Logout == name { // and not a later one
			*d = doubt{Logout: name, Over: true}
		}
	})
}

// update changes the record, again if another tab has come in between.
func (f *unfinished) update(ctx context.Context, change func(*doubt)) error {
	for {
		old, rec, err := f.read(ctx)
		if err != nil {
			return err
		}
		d := old
		if change(&d); d == old {
			return nil
		}
		if rec.Data, err = json.Marshal(d); err != nil {
			return err
		}
		rec.Expiry = f.now().Add(unfinishedLife)
		if _, err = f.store.Save(ctx, rec); err == nil || !again(err) {
			return err
		}
	}
}

// UnfinishedLogout reports a logout from this browser that is not known to have
// ended the Passport session, so that the program can offer the URL that does.
// It is false if there is none, or if the browser's storage could not answer.
func (p *Passport) UnfinishedLogout(ctx context.Context) (passport.Logout, bool) {
	d, err := p.unfinished.load(ctx)
	if err != nil {
		return passport.Logout{}, false
	}
	if d.URL == "" { // the page was gone before there was one
		d.URL = p.engine.LogoutURL()
	}
	return passport.Logout{
		Mode:       passport.LogoutRedirect,
		URL:        d.URL,
		State:      passport.Secret(d.Guard),
		App:        passport.OutcomeSkipped,
		Revocation: passport.OutcomeSkipped,
		Passport:   passport.OutcomeUnconfirmed,
	}, true
}

// noticeReturn looks whether the page is the return from the last logout. Only at
// top level has the auth domain been given its cookie for certain.
func (p *Passport) noticeReturn(ctx context.Context) error {
	values := query()
	if !values.Has(authdomain.ReturnParam) && !(p.c.Discover && values.Has("state")) {
		return nil
	}
	d, err := p.unfinished.load(ctx)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if !atTop() {
		return nil
	}
	outcome, _ := p.engine.CheckLogoutReturn(ctx, passport.BrowserState{Logout: passport.Secret(d.Guard)},
		passport.LogoutReturn{Query: values, Way: passport.ReturnTopLevel})
	if outcome == passport.OutcomePending {
		return nil
	}
	if outcome == passport.OutcomeDone {
		if err := p.unfinished.finish(ctx, d.Logout); err != nil {
			return err
		}
	}
	if p.c.Discover {
		return tidy("state")
	}
	return tidy(authdomain.ReturnParam)
}
