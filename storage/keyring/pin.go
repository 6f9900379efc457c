package keyring

import "context"

// Pin is one item of the keyring. It implements Pin of storage/file: a file of
// sessions that is put back after a logout is noticed. It may be used from many
// goroutines at once.
type Pin struct{ ring *ring }

// NewPin returns the pin under service and user, which it shares with [Key] and
// [New]. It does not ask the keyring yet; Get and Set return errors as [New] does.
func NewPin(service, user string, opts Options) (*Pin, error) {
	r, err := newRing(service, user, opts.withDefaults())
	if err != nil {
		return nil, err
	}
	return &Pin{r}, nil
}

func (p *Pin) name() string { return p.ring.pinName() }

func (r *ring) pinName() string { return r.user + "/pin" }

// Get returns the value, or "" if there is none.
func (p *Pin) Get(ctx context.Context) (string, error) {
	var value string
	err := p.ring.ask(ctx, func(w *work) error {
		there, err := p.ring.items.get(p.name())
		if err == nil && w.commit() {
			value = there
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return value, nil
}

// Set stores a value.
func (p *Pin) Set(ctx context.Context, value string) error {
	return p.ring.ask(ctx, func(w *work) error {
		if !w.commit() {
			return errGivenUp
		}
		return p.ring.items.set(p.name(), value)
	})
}
