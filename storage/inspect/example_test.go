package inspect_test

import (
	"net/http"

	"github.com/passport-go/passport/storage/inspect"
	"github.com/passport-go/passport/storage/memory"
)

// Operators, and passport doctor, ask on an address that only this machine reaches.
func Example() {
	store := memory.New(memory.Options{}) // the program's store

	admin := http.NewServeMux()
	admin.Handle("GET /debug/passport/store", inspect.Handler(store))
	go http.ListenAndServe("127.0.0.1:6060", admin)
}
