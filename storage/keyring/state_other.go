//go:build !(darwin || windows || linux || freebsd || netbsd || openbsd || dragonfly)

package keyring

// system is unknown to the library, which says so at each call.
var system = state{reachable: available, probe: answers}
