package file_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// Some of what a store survives happens to a whole process. Such a test runs
// this test binary again, as one of these.
var children = map[string]func(path string) error{
	"increment": incrementMany,
	"churn":     churnUntilKilled,
}

const childVariable = "STORAGE_FILE_TEST_CHILD"

func TestMain(m *testing.M) {
	if child := children[os.Getenv(childVariable)]; child != nil {
		if err := child(os.Args[1]); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		return
	}
	// The suite's short counts are those for a store of a few sessions.
	flag.Parse()
	if err := flag.Set("test.short", "true"); err != nil {
		panic(err)
	}
	inMemory()
	os.Exit(m.Run())
}

// inMemory has the tests write to a disk in memory, if there is one. Each write is
// synced, and no test pulls the plug.
func inMemory() {
	const dir = "/dev/shm"
	if there, err := os.Stat(dir); err == nil && there.IsDir() {
		_ = os.Setenv("TMPDIR", dir)
	}
}
