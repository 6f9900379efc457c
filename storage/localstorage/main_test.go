//go:build !js

package localstorage

import (
	"flag"
	"os"
	"testing"
)

// The suite's short counts are those for a store of a few sessions.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.short", "true"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
