package browser

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAnAddressThatOnlyAServerAnswersIsToldFromTheProviders(t *testing.T) {
	for address, want := range map[string]bool{
		"https://game.example/?logout=id":                                   true,
		"https://game.example/realms/x/logout?client_id=a":                  false, // of a provider at the same origin
		"https://game.example:8080/logout?client_id=a":                      false,
		"https://game.example/realms/x/logout?logout=1&client_id=the+other": false,
		"https://auth.example/logout":                                       false,
		"":                                                                  false,
	} {
		assert.Equal(t, want, isForServers(address, "https://game.example/"), address)
	}
	assert.True(t, isForServers("https://game.example/cb?tab=1&logout=id", "https://game.example/cb?tab=1"))
	assert.False(t, isForServers("http://localhost:8080/logout?logout=1", "http://localhost"))
}
