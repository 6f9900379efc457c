package pages

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The page about passport.js has a row for all that its types name.
func TestTheDocumentHasEveryOutcomeReasonAndEvent(t *testing.T) {
	document, err := os.ReadFile("../../docs/passport-js.md")
	require.NoError(t, err)
	name := regexp.MustCompile(`"([a-z:]+)"`)
	for declaration, count := range map[string]int{
		`(?s)export type Outcome =(.*?);`:              6,
		`(?s)export type Reason =(.*?);`:               7,
		`(?s)interface DocumentEventMap \{(.*?)\n  \}`: 2,
	} {
		found := regexp.MustCompile(declaration).FindStringSubmatch(passportTypes)
		require.NotNil(t, found, declaration)
		names := name.FindAllStringSubmatch(found[1], -1)
		assert.Len(t, names, count, declaration)
		for _, name := range names {
			assert.Regexp(t, "(?m)^\\| `"+name[1]+"` \\|", string(document))
		}
	}
}
