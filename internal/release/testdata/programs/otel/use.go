package use

import (
	"context"

	"github.com/passport-go/passport"
	passportotel "github.com/passport-go/passport/otel"
)

// Check needs no exporter: without providers, nothing is measured.
func Check(context.Context) error {
	o, err := passportotel.New(passportotel.Options{})
	if err != nil {
		return err
	}
	p, err := passport.New(o.Config(passport.Config{
		ClientID:    "client",
		RedirectURI: "https://app.example.com/redirect",
	}))
	if err != nil {
		return err
	}
	return o.Observe(p)
}
