// Package bench compares this SDK with the limit, which is the least that a
// path can cost, and with the session libraries that a Go program would take
// otherwise: github.com/alexedwards/scs and github.com/gorilla/sessions.
//
// Everything here goes through exported names, as a program would. All of a
// comparison runs in one process, so that the ratio is what counts; "make bench"
// repeats it six times and prints the ratios, which cmd/ratios makes. What needs
// no peer is measured beside the code.
package bench
