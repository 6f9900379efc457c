package browser

import (
	"context"
	"errors"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/dom"
)

// AwaitSession waits until somebody is signed in, and returns the session: at once if
// there is one, otherwise after a login in another tab, in a popup whose page was
// reloaded, or by the JavaScript SDK. It may take a second to notice.
//
// The error is that of ctx, passport.ErrClosed after Close of p, or as for Session.
func (p *Passport) AwaitSession(ctx context.Context) (*passport.Session, error) {
	changed := make(chan struct{}, 1)
	defer dom.Listen(window, "storage", func(dom.Value) { offer(changed, struct{}{}) })()
	look := time.NewTicker(recheck)
	defer look.Stop()
	for {
		if p.life.Err() != nil {
			return nil, passport.ErrClosed
		}
		seen := p.item() // which may be there without a session, such as one that has ended and could not be removed
		s, err := p.Session(ctx)
		if !errors.Is(err, passport.ErrNoSession) {
			return s, err
		}
		for p.item() == seen {
			select {
			case <-changed:
			case <-look.C:
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-p.life.Done():
				return nil, passport.ErrClosed
			}
		}
	}
}
