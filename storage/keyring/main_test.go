package keyring_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	gokeyring "github.com/zalando/go-keyring"
)

// realKeyring is set in a process of this test binary that is to use a keyring of
// the system. The others have one in memory.
const realKeyring = "STORAGE_KEYRING_TEST_REAL"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv(realKeyring) == "" {
		gokeyring.MockInit()
	} else {
		stop, err := startKeyring()
		if err != nil {
			fmt.Println("no keyring:", err)
			return 1
		}
		defer stop()
	}
	// The suite's short counts are those for a store of a handful of sessions.
	flag.Parse()
	if err := flag.Set("test.short", "true"); err != nil {
		panic(err)
	}
	return m.Run()
}
