package loginstate

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/records"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/storage/memory"
)

var now = time.Unix(1_790_000_000, 0)

func sealer(t *testing.T, client string) Sealer {
	t.Helper()
	keys, err := seal.New([][]byte{bytes.Repeat([]byte{7}, seal.KeySize)})
	require.NoError(t, err)
	return Sealer{records.New(memory.New(memory.Options{}), keys, envelope.NewTenant("issuer", client), time.Now)}
}

func TestAStateOpensInTheBrowserThatBeganAndInNoOther(t *testing.T) {
	s, mine, other := sealer(t, "client"), NewBinding(), NewBinding()
	state := New(mine, now)
	state.ReturnTo, state.Asked = "/page", true
	text, err := s.Seal(state)
	require.NoError(t, err)
	assert.NotContains(t, text, "page")

	got, ok := s.Open(text, []string{other, mine}, now)
	require.True(t, ok)
	assert.Equal(t, state, got)
	assert.Equal(t, state.Verifier(), got.Verifier())
	assert.NotEqual(t, got.Nonce(), got.Verifier())

	_, ok = s.Open(text, []string{other}, now)
	assert.False(t, ok)
	_, ok = sealer(t, "another client").Open(text, []string{mine}, now)
	assert.False(t, ok)
}

func TestNeitherSeedNorBindingGivesTheVerifierAway(t *testing.T) {
	a := New(NewBinding(), now)
	b := a
	b.Binding = NewBinding()
	assert.NotEqual(t, a.Verifier(), b.Verifier())
	b = New(a.Binding, now)
	assert.NotEqual(t, a.Verifier(), b.Verifier())
}

func TestAStateExpires(t *testing.T) {
	s, binding := sealer(t, "client"), NewBinding()
	text, err := s.Seal(New(binding, now))
	require.NoError(t, err)
	_, ok := s.Open(text, []string{binding}, now.Add(Life-time.Second))
	assert.True(t, ok)
	_, ok = s.Open(text, []string{binding}, now.Add(Life))
	assert.False(t, ok)
}

func TestWhatIsReadOfAStateIsBounded(t *testing.T) {
	s, binding := sealer(t, "client"), NewBinding()
	state := New(binding, now)
	state.ReturnTo = "/" + strings.Repeat("<", LongestReturnTo-1)
	text, err := s.Seal(state)
	require.NoError(t, err)
	_, ok := s.Open(text, []string{binding}, now)
	assert.True(t, ok, "the longest destination fits")

	state.ReturnTo = "/" + strings.Repeat("a", 10_000)
	long, err := s.Seal(state)
	require.NoError(t, err)
	_, ok = s.Open(long, []string{binding}, now)
	assert.False(t, ok)

	var many []string
	for range MostBindings {
		many = append(many, NewBinding())
	}
	_, ok = s.Open(text, append(many[1:], binding), now)
	assert.True(t, ok)
	_, ok = s.Open(text, append(many, binding), now)
	assert.False(t, ok, "only so many bindings are tried")
}

func TestTabsThatBeginTogetherHaveBindingsThatBeginDifferently(t *testing.T) {
	seen := map[byte]bool{}
	for range len(alphabet) {
		seen[NewBinding()[0]] = true
	}
	assert.Len(t, seen, len(alphabet))
}
