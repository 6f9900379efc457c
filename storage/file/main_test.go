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
	os.Exit(m.Run())
}
