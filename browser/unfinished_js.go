package browser

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/storage"
)

// unfinished is the record of a logout from this browser that is not known to
// have ended the Passport session. While it is there, a login asks for
// credentials.
type unfinished struct {
	store storage.TokenStore
	now   func() time.Time
}

// doubt is what it holds: what the logout says once it is under way.
type doubt struct {
	Guard string `json:"guard,omitempty"` // of passport.Logout
	URL   string `json:"url,omitempty"`
}

const (
	unfinishedRecord = "unfinished" // no ID of the engine's is as short

	// unfinishedLife: Auth0 ends a Passport session by itself after 30 days at
	// the latest.
	unfinishedLife = 30 * 24 * time.Hour
)

// load returns storage.ErrNotFound if there is none.
func (f *unfinished) load(ctx context.Context) (doubt, error) {
	rec, err := f.store.Load(ctx, unfinishedRecord)
	if err != nil {
		return doubt{}, err
	}
	var d doubt
	_ = json.Unmarshal(rec.Data, &d) // one that makes no sense is a doubt all the same
	return d, nil
}

// note puts a doubt in the place of the one before.
func (f *unfinished) note(ctx context.Context, d doubt) error {
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	for {
		rec, err := f.store.Load(ctx, unfinishedRecord)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		rec.ID, rec.Data, rec.Expiry = unfinishedRecord, data, f.now().Add(unfinishedLife)
		if _, err = f.store.Save(ctx, rec); err == nil || !again(err) {
			return err
		}
	}
}

func (f *unfinished) clear(ctx context.Context) error {
	_, err := f.store.Delete(ctx, unfinishedRecord)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
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
		Guard:      passport.Secret(d.Guard),
		App:        passport.Skipped,
		Revocation: passport.Skipped,
		Passport:   passport.Unconfirmed,
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
	outcome := p.engine.Returned(passport.Secret(d.Guard), values)
	if outcome == passport.Pending || !atTop() {
		return nil
	}
	returned := passport.Event{Name: "passport.returned", Time: p.c.Now()}
	if outcome == passport.Done {
		returned.Name = "passport.done"
		if err := p.unfinished.clear(ctx); err != nil {
			return err
		}
	}
	if p.c.OnEvent != nil {
		p.c.OnEvent(returned)
	}
	if p.c.Discover {
		return tidy("state")
	}
	return tidy(authdomain.ReturnParam)
}
