package envelope

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/storage"
)

var aTenant = NewTenant("https://issuer.example/", "client")

var aSecret = strings.Repeat("s", IDLength)

func TestARememberedIDIsTheOneThatIsDerived(t *testing.T) {
	ids := new(IDs)
	id, remembered := ids.Session(aTenant, aSecret)
	assert.Equal(t, aTenant.ID(storage.KindSession, aSecret), id)
	assert.False(t, remembered)

	ids.Remember(aSecret, id)
	again, remembered := ids.Session(aTenant, aSecret)
	assert.Equal(t, id, again)
	assert.True(t, remembered)

	ids.Forget(aSecret)
	_, remembered = ids.Session(aTenant, aSecret)
	assert.False(t, remembered)
}

// TestOnlyTheWholeSecretIsTakenForIt changes each character that does not
// decide where the secret is kept, one by one.
func TestOnlyTheWholeSecretIsTakenForIt(t *testing.T) {
	ids := new(IDs)
	ids.Remember(aSecret, aTenant.ID(storage.KindSession, aSecret))
	others := []string{"", aSecret[:IDLength-1], aSecret + "s"}
	for i := 4; i < IDLength; i++ {
		others = append(others, aSecret[:i]+"t"+aSecret[i+1:])
	}
	for _, other := range others {
		id, remembered := ids.Session(aTenant, other)
		assert.False(t, remembered, other)
		assert.Equal(t, aTenant.ID(storage.KindSession, other), id)

		ids.Forget(other)
		_, remembered = ids.Session(aTenant, aSecret)
		assert.True(t, remembered, "no other drives it out")
	}
}

func TestNoIDsRememberNothing(t *testing.T) {
	var none *IDs
	none.Remember(aSecret, "id")
	none.Forget(aSecret)
	id, remembered := none.Session(aTenant, aSecret)
	assert.Equal(t, aTenant.ID(storage.KindSession, aSecret), id)
	assert.False(t, remembered)
}

func TestIDsAreForManyAtOnce(t *testing.T) {
	ids := new(IDs)
	var wg sync.WaitGroup
	for i := range 8 {
		secret := aSecret[:IDLength-1] + string(rune('a'+i)) // all in one slot
		wg.Go(func() {
			for range 500 {
				id, _ := ids.Session(aTenant, secret)
				assert.Equal(t, aTenant.ID(storage.KindSession, secret), id)
				ids.Remember(secret, id)
				ids.Forget(secret)
			}
		})
	}
	wg.Wait()
}
