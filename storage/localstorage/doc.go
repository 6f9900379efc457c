// Package localstorage keeps a user's session in the localStorage of a browser,
// for Go programs compiled for GOOS=js GOARCH=wasm. It compiles on every platform;
// on the others [New] returns an error.
//
// The session stands where Immutable's JavaScript SDK (@imtbl/passport 2.x) has
// it, and in its format: in localStorage, under
//
//	oidc.user:<authentication domain>:<client ID>
//
// So a Go program and pages with that SDK, on one origin, share a session: each
// finds the user whom the other has signed in or whose tokens it has refreshed,
// and each signs out for both. [Store.LoadUser] and the methods beside it are for
// that session.
//
// Everything else (records, revocations, what the JavaScript SDK's format has no room
// for) is in an IndexedDB database of the origin,
//
//	passport-go:<authentication domain>:<client ID>
//
// because localStorage cannot hold what several tabs write: browsers copy it to
// each process and bring the copies up to date in their own time, so that a tab
// still reads the old value after another has written a new one and given up a
// lock. (Chromium 156, four tabs that count to 1000, each step under a Web Lock:
// they lose a quarter of the steps.) A transaction of IndexedDB is in its place
// the lock of every writer. It needs no secure context, and ends with its tab.
//
// # What it needs
//
// A window, for workers have no localStorage; that neither the user's settings
// nor the sandbox of an iframe forbid storage; and a little room in the 5 MB of
// localStorage that the pages of an origin share.
//
// # What survives what
//
//   - A reload, the end of the browser: everything.
//   - A tab that is closed, or crashes, between two steps: the session is whole, or
//     it has ended and its revocation is enqueued. The next call, in whichever tab, makes
//     up for the rest.
//   - Storage that is full: a write fails with storage.ErrFull and changes
//     nothing. Reading, and deleting the session, need no room in localStorage.
//   - Content that makes no sense: it counts as no session and is removed, and
//     Options.Logger is told.
//   - The JavaScript SDK, which takes no turns: a refresh of its that was under way
//     while the session was ended here writes the session back. That is noticed by
//     the next call, or at once by a listener in another tab, and undone.
//
// Whatever script runs in a page of the origin can read the tokens: that is the
// JavaScript SDK's choice, which sharing a session with it makes ours.
//
// # Goroutines
//
// Calls wait for the browser. The goroutine of an event handler (js.FuncOf) must
// not: let it start another one, as for every blocking call on this platform.
package localstorage
