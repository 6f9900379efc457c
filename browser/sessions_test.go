package browser

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/internal/envelope"
)

// The engine asks its store for no ID of another tenant, so a logout would end
// nothing.
func TestWhatALogoutHasTakenIsTheTenants(t *testing.T) {
	s := &sessions{tenant: envelope.NewTenant("https://auth.immutable.com/", "app")}
	assert.True(t, s.tenant.Owns(s.takenID()))
}
