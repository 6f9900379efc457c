package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/native"
	"github.com/passport-go/passport/storage/file"
)

// closeTimeout bounds the wait for a revocation that has failed before. One that
// fails again is kept for the next run.
const closeTimeout = 5 * time.Second

// program is one run of the program.
type program struct {
	terminal
	p       *native.Passport
	standIn bool
}

// open finds the session that the last run has left.
func open(t terminal) (*program, error) {
	dir := os.Getenv("PASSPORT_EXAMPLE_DIR")
	if dir == "" {
		config, err := os.UserConfigDir()
		if err != nil {
			return nil, err
		}
		dir = filepath.Join(config, "passport-example-cli")
	}
	store, err := file.New(filepath.Join(dir, "session.json"), file.Options{})
	if err != nil {
		return nil, err
	}
	key, err := file.Key(filepath.Join(dir, "key"))
	if err != nil {
		return nil, err
	}
	c, err := passport.ConfigFromEnv()
	if err != nil {
		return nil, err
	}
	p := &program{terminal: t, standIn: c.ClientID == ""}
	if p.standIn {
		c.ClientID, c.AuthDomain = clientID, cmp.Or(c.AuthDomain, standInURL)
	}
	c.Store, c.EncryptionKeys = store, [][]byte{key}
	p.p, err = native.New(native.Config{Config: c, OpenBrowser: p.openBrowser})
	return p, err
}

// openBrowser shows the address too, for a browser that does not come up. Where
// there is none, the user may have one that only they know of.
func (p *program) openBrowser(ctx context.Context, address string) error {
	said := "Your browser opens. If it does not, open this page on this machine:"
	err := native.OpenBrowser(ctx, address)
	if errors.Is(err, native.ErrNoBrowser) {
		said = "No browser could be opened. Open this page in one on this machine; or press Ctrl-C, and sign in by a code: " + self + " login --device"
		err = nil
	}
	if err == nil {
		p.tell("%s\n\n  %s\n\n", said, address)
	}
	return err
}

func (p *program) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := p.p.Close(ctx); err != nil {
		p.tell("%v\n", err)
	}
}
