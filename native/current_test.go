package native

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Version 0.1 stores this. Programs are updated while their users are signed in, and
// while a logout is unfinished; a run of the older version may come after one of the
// newer, which has stored more.
const stored = `{"session":"a","id":"b","logins":["c"],"logout":"d","logout_finished":true,` +
	`"ending":true,"replaced":["e"],"browser":"f"}`

func TestWhatIsStoredIsReadableInEveryVersion(t *testing.T) {
	want := userState{
		Session: "a", ID: "b", Logins: []string{"c"}, Logout: "d", LogoutFinished: true,
		Ending: true, Replaced: []string{"e"}, BrowserID: "f",
	}
	for _, text := range []string{stored, `{"later":{"x":1},` + stored[1:]} {
		var got userState
		require.NoError(t, json.Unmarshal([]byte(text), &got))
		assert.Equal(t, want, got)
	}
	text, err := json.Marshal(want)
	require.NoError(t, err)
	assert.Equal(t, stored, string(text))
}
