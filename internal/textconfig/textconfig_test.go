package textconfig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type config struct {
	Wait   time.Duration     `json:"wait"`
	Params map[string]string `json:"params"`
	Key    string            `json:"key" file:"key_file"`
	Count  int               `json:"count"`
	Open   bool              `json:"open"`
	List   []string          `json:"list"`
	Keys   [][]byte          `json:"keys"`
	Hidden string            `json:"-"`
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0":       0,
		"off":     -1,
		"90s":     90 * time.Second,
		"1h30m":   90 * time.Minute,
		"1h 30m":  90 * time.Minute,
		"1.5h":    90 * time.Minute,
		"30d":     30 * 24 * time.Hour,
		"2w":      14 * 24 * time.Hour,
		"250ms":   250 * time.Millisecond,
		"-5m":     -5 * time.Minute,
		" 1d12h ": 36 * time.Hour,
	} {
		got, err := duration(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "90", "-", "s", "1", "1x", "h1", "1h30", "ten minutes", "1e300w", "--1s", "1s-2s", "1..5s"} {
		_, err := duration(text)
		assert.ErrorIs(t, err, errDuration, text)
	}
}

func TestADurationSurvivesBeingWritten(t *testing.T) {
	for _, d := range []time.Duration{time.Millisecond, 90 * time.Second, 36 * time.Hour, 1500 * time.Millisecond} {
		got, err := duration(written(int64(d)))
		require.NoError(t, err)
		assert.Equal(t, d, got)
	}
}

func TestMapsFromTextAndFromJSON(t *testing.T) {
	want := map[string]string{"access_type": "offline", "hd": "example.com"}
	var c config
	require.NoError(t, FromEnv(&c, "X_", func(name string) string {
		return map[string]string{"X_PARAMS": "access_type=offline, hd=example.com", "X_HIDDEN": "seen"}[name]
	}))
	assert.Equal(t, config{Params: want}, c)

	c = config{}
	require.NoError(t, FromJSON(&c, []byte(`{"params": {"access_type": "offline", "hd": "example.com"}}`)))
	assert.Equal(t, want, c.Params)
	assert.ErrorContains(t, FromJSON(&c, []byte(`{"params": {"n": 1}}`)), `"n"`)
}

// docker run --env-file and kubectl create --from-env-file do not read a file as a shell
// does.
func TestQuotesThatNoShellHasTakenOff(t *testing.T) {
	for _, value := range []string{`"k"`, `'k'`, ` "k" `, `""`} {
		c := config{}
		err := FromEnv(&c, "X_", func(name string) string { return map[string]string{"X_KEY": value}[name] })
		assert.ErrorContains(t, err, "X_KEY: has quotes around it", value)
		assert.NotContains(t, err.Error(), "k\"", "it may be a secret")
		assert.Zero(t, c)
	}
	for _, value := range []string{`k"`, `"`, `"a" b`, `a"b"c`} {
		c := config{}
		require.NoError(t, FromEnv(&c, "X_", func(name string) string { return map[string]string{"X_KEY": value}[name] }))
		assert.Equal(t, value, c.Key)
	}
}

func TestAFieldThatIsNotGivenKeepsItsValue(t *testing.T) {
	c := config{Key: "kept"}
	require.NoError(t, FromJSON(&c, []byte(`{"wait": "1s", "params": null}`)))
	assert.Equal(t, config{Wait: time.Second, Key: "kept"}, c)
}

func TestValuesOfEachType(t *testing.T) {
	want := config{Key: "k", Count: -7, Open: true, List: []string{"a", "b"}, Keys: [][]byte{[]byte("one"), []byte("two")}}
	for _, text := range []string{
		`{"key": " k ", "count": -7, "open": true, "list": ["a", "b"], "keys": ["b25l", "dHdv"], "wait": 0}`,
		`{"key": "k", "count": "-7", "open": "true", "list": "a, b", "keys": "b25l dHdv", "wait": "0"}`,
		`{"key": "k", "count": -7.0, "open": "1", "list": "a b", "keys": "b25l,\ndHdv"}`,
	} {
		var c config
		require.NoError(t, FromJSON(&c, []byte(text)), text)
		assert.Equal(t, want, c, text)
	}
}

func TestValuesOfAnotherTypeAreNamed(t *testing.T) {
	for text, complaint := range map[string]string{
		`{"key": 1}`:                "key: is not a text",
		`{"open": "perhaps"}`:       "open: is neither true nor false",
		`{"count": 1.5}`:            "count: is not a whole number",
		`{"count": "x"}`:            "count: is not a whole number",
		`{"count": 1e300}`:          "count: is not a whole number",
		`{"open": 1}`:               "open: is neither true nor false",
		`{"list": {}}`:              "list: is not a list",
		`{"list": ["a", 1]}`:        "list: element 2",
		`{"keys": [1]}`:             "keys: element 1",
		`{"keys": ["b25l", "b2*"]}`: "keys: key 2",
		`{"keys": ["b25m="]}`:       "keys: key 1",
		`{"keys": ["b25\nl"]}`:      "keys: key 1",
		`{"wait": 1}`:               "wait: is not a duration",
		`{"params": "x"}`:           "params: is not a list of name=value",
		`{"params": []}`:            "params: is not a map",
		`{"": 1}`:                   `"": is not the name`,
		`{"key_file": 1}`:           "key_file: is not a path",
		`7`:                         "not a JSON object",
	} {
		var c config
		assert.ErrorContains(t, FromJSON(&c, []byte(text)), complaint, text)
		assert.Equal(t, config{}, c, text)
	}
}

func TestAFileHoldsASecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	read := func(content string) (config, error) {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		var c config
		err := FromMap(&c, map[string]any{"key_file": path})
		return c, err
	}
	c, err := read("hush\n")
	require.NoError(t, err)
	assert.Equal(t, "hush", c.Key)
	c, err = read(strings.Repeat("x", longestSecret))
	require.NoError(t, err)
	assert.Len(t, c.Key, longestSecret)
	_, err = read(strings.Repeat("x", longestSecret+1))
	assert.ErrorContains(t, err, "key_file: the file is larger")
	_, err = read(" \n")
	assert.ErrorContains(t, err, "key_file: the file is empty")
	require.NoError(t, os.Remove(path))
	err = FromMap(&c, map[string]any{"key_file": path})
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.NotContains(t, err.Error(), path)
}

func TestWhatIsWrittenLeavesOutSecretsAndZeroes(t *testing.T) {
	assert.Equal(t, map[string]any{"wait": "1m0s", "count": -7, "open": true, "list": []string{"a"}},
		ToMap(config{Wait: time.Minute, Count: -7, Open: true, List: []string{"a"}, Key: "hush"}))
}
