package passport_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/storage"
	"github.com/passport-go/passport/storage/memory"
)

// counting is a wrapper as programs write it.
type counting struct{ storage.TokenStore }

func TestAStoreThatHidesTheQueueOfAnotherIsNoticed(t *testing.T) {
	inner := memory.New(memory.Options{})
	for store, warnings := range map[storage.TokenStore]int{
		counting{inner}:                1,
		&faultyStore{Store: inner}:     0,
		inner:                          0,
		counting{nil}:                  0,
		struct{ *memory.Store }{inner}: 0,
		struct{ storage.TokenStore }{counting{nil}}: 0,
	} {
		log := &syncBuffer{}
		newPassport(t, passport.Config{
			ClientID: "client", RedirectURI: "https://app.example.com/", Store: store, EncryptionKeys: someKey(),
			Logger: slog.New(slog.NewTextHandler(log, nil)),
		})
		assert.Equal(t, warnings, strings.Count(log.String(), "level=WARN"), "%T", store)
		if warnings > 0 {
			for _, said := range []string{"passport_test.counting", "*memory.Store", "storage.RevocationQueue=", "storage.Lister=", "forward their methods"} {
				assert.Contains(t, log.String(), said)
			}
		}
	}
}
