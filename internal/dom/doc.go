// Package dom reaches a browser's objects from Go.
//
// Any property of a page may have a getter that throws: localStorage does where
// site data is blocked, and a script of the page can make any other do so. A
// method of js.Value that is not Call, Invoke or New ends the whole program then,
// and no recover sees it. Here, every access may fail, and a [Value] carries the
// failure along until somebody asks.
//
// No other package of the SDK uses syscall/js, or internal/js.
package dom
