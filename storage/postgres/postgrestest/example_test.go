//go:build unix

package postgrestest_test

import (
	"fmt"

	"github.com/passport-go/passport/storage/postgres/postgrestest"
)

// In the tests of a program, TestMain starts the server.
func Example() {
	server, err := postgrestest.Start("fsync=off")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	fmt.Println("connect to", server.URL())
}
