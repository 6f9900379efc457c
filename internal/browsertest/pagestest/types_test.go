package pagestest

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/internal/npmtest"
)

// compile has TypeScript check the files of a configuration in testdata.
func compile(t *testing.T, config string) (string, error) {
	t.Helper()
	npmtest.Install(t, ".")
	return npmtest.Run(t, ".", "tsc", "--project", "testdata/"+config)
}

// A program can use every outcome, reason and event by its type.
func TestTheTypesFitWhatProgramsDo(t *testing.T) {
	out, err := compile(t, "tsconfig.json")
	require.NoError(t, err, out)
}

// The script itself is what the types say: TypeScript reads its source, whose
// functions are annotated with them.
func TestTheScriptIsWhatItsTypesSay(t *testing.T) {
	out, err := compile(t, "tsconfig.script.json")
	require.NoError(t, err, out)
}

func TestTheTypesRefuseWhatIsWrong(t *testing.T) {
	source, err := os.ReadFile("testdata/wrong.ts")
	require.NoError(t, err)
	var want []int
	for i, line := range strings.Split(string(source), "\n") {
		if strings.HasSuffix(line, "// wrong") {
			want = append(want, i+1)
		}
	}
	require.NotEmpty(t, want)

	out, err := compile(t, "tsconfig.wrong.json")
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, out)
	var got []int
	for _, found := range regexp.MustCompile(`(?m)^\S*wrong\.ts\((\d+),`).FindAllStringSubmatch(out, -1) {
		line, err := strconv.Atoi(found[1])
		require.NoError(t, err)
		got = append(got, line)
	}
	assert.Equal(t, want, got, out)
}
