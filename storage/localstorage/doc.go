// Package localstorage keeps a user's session in the localStorage of a browser, for
// Go programs compiled for GOOS=js GOARCH=wasm. It compiles on every platform; on
// platforms other than js/wasm, [New] returns an error.
//
// The session is stored where Immutable's JavaScript SDK (@imtbl/passport 2.x)
// stores it, and in its format: in localStorage, under
//
//	oidc.user:<authentication domain>:<client ID>
//
// So a Go program and pages with that SDK on the same origin share a session: each
// sees logins and refreshed tokens of the other, and a logout in one signs out
// both. [Store.LoadUser] and the related methods are for that session.
//
// Everything else (records, revocations, what the JavaScript SDK's format has no room
// for) is in an IndexedDB database of the origin,
//
//	passport-go:<authentication domain>:<client ID>
//
// because localStorage is not safe for several writers: browsers copy it to each
// process and update the copies later, so a tab may read an old value after another
// tab has written a new one and released a lock. (In Chromium 156, four tabs that
// count to 1000, each step under a Web Lock, lose a quarter of the steps.) So every
// writer locks with an IndexedDB transaction instead, which needs no secure context
// and ends with its tab.
//
// # What it needs
//
// A window, because workers have no localStorage; storage that neither the user's
// settings nor an iframe's sandbox forbid; and a little of the 5 MB of localStorage
// that the pages of an origin share.
//
// # What survives what
//
//   - A reload, or closing the browser: everything.
//   - A tab that is closed, or crashes, between two steps: the session is whole, or
//     it has ended and its revocation is enqueued. The next call in any tab
//     completes the rest.
//   - Full storage: a write fails with storage.ErrFull and changes nothing. Reading
//     and deleting the session need no space in localStorage.
//   - Unreadable content: it counts as no session and is removed, and
//     Options.Logger is told.
//   - The JavaScript SDK, which takes no lock: one of its refreshes that was in
//     progress while the session ended here writes the session back. The next call,
//     or at once a listener in another tab, notices this and undoes it.
//
// Every script that runs in a page of the origin can read the tokens. Sharing a
// session with the JavaScript SDK makes this unavoidable.
//
// # Goroutines
//
// Calls wait for the browser, so do not make them from the goroutine of an event
// handler (js.FuncOf): start another one, as for every blocking call on this
// platform.
package localstorage
