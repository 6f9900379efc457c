package keyring_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/passport-go/passport/storage/keyring"
	gokeyring "github.com/zalando/go-keyring"
)

// realKeyring is set in a process of this test binary that is to use a keyring of
// the system. The others have one in memory.
const realKeyring = "STORAGE_KEYRING_TEST_REAL"

// childVariable names the function that a process of this test binary is to call
// instead of running tests.
const childVariable = "STORAGE_KEYRING_TEST_CHILD"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if child := children[os.Getenv(childVariable)]; child != nil {
		if err := child(); err != nil {
			fmt.Println("error:", err)
			return 1
		}
		return 0
	}
	if os.Getenv(realKeyring) == "" {
		gokeyring.MockInit()
		keyring.UseMemory()
	} else {
		stop, err := startKeyring()
		if err != nil {
			fmt.Println("no keyring:", err)
			return 1
		}
		defer stop()
	}
	// The suite's short counts are those for a store of a few sessions.
	flag.Parse()
	if err := flag.Set("test.short", "true"); err != nil {
		panic(err)
	}
	return m.Run()
}
