package envelope

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage"
)

// neighbours are clients that meet if issuer and client ID are joined.
var neighbours = []*Tenant{
	aTenant, NewTenant("https://issuer.example/", "client2"), NewTenant("https://issuer.example", "/client"),
	NewTenant("https://issuer.example/client", ""), NewTenant("", "https://issuer.example/client"), NewTenant("", ""),
}

var aTenant = NewTenant("https://issuer.example/", "client")

var aSecret = strings.Repeat("s", IDLength)

func TestTenantsShareNoIDAndNoName(t *testing.T) {
	ids, names := map[string]bool{}, map[string]bool{}
	for _, tenant := range neighbours {
		names[tenant.Name()] = true
		assert.LessOrEqual(t, len(tenant.Name()), storage.MaxTenant)
		for _, kind := range []storage.Kind{storage.KindSession, storage.KindLogin, "", "session:"} {
			for _, secret := range []string{aSecret, aSecret[1:], "s", ""} {
				id := tenant.ID(kind, secret)
				ids[id] = true
				assert.Len(t, id, IDLength)
				assert.Equal(t, id, tenant.ID(kind, secret))
				for _, other := range neighbours {
					assert.Equal(t, other == tenant, other.Owns(id))
				}
			}
		}
	}
	assert.Len(t, ids, len(neighbours)*4*4)
	assert.Len(t, names, len(neighbours))
}

func TestOnlyWholeIDsAreOwned(t *testing.T) {
	id := aTenant.ID(storage.KindSession, aSecret)
	for _, other := range []string{"", id[1:], id + id[:1], id[:IDLength-1] + "!", strings.ToUpper(id)} {
		assert.False(t, aTenant.Owns(other), other)
	}
}

func TestSealedDataIsBoundToTenantAndKind(t *testing.T) {
	keys := keysOf(t, 1)
	r := Seal(keys, aTenant.Record(storage.KindSession, aSecret), Head{Begun: 1}, []byte("tokens"))
	for _, moved := range []storage.Record{
		{ID: r.ID, Tenant: neighbours[1].Name(), Kind: r.Kind, Data: r.Data},
		{ID: r.ID, Tenant: r.Tenant, Kind: storage.KindLogin, Data: r.Data},
		{ID: r.ID, Tenant: r.Tenant + string(r.Kind), Data: r.Data},
	} {
		_, err := OpenHead(keys, moved)
		assert.ErrorIs(t, err, seal.ErrOpen)
		_, err = OpenBody(keys, moved)
		assert.ErrorIs(t, err, seal.ErrOpen)
	}
}

func BenchmarkID(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if !aTenant.Owns(aTenant.ID(storage.KindSession, aSecret)) {
			b.Fatal("not its own")
		}
	}
}
