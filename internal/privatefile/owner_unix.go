//go:build unix

package privatefile

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// noFollow are the flags for a file that may turn out to be a link, or a pipe
// which nobody writes to.
const noFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// geteuid is replaced by a test.
var geteuid = os.Geteuid

func isRoot() bool { return geteuid() == 0 }

// checkOwner refuses what belongs to another user than this one or root. what is
// what to call it.
func checkOwner(what, path string, info fs.FileInfo) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid == 0 {
		return nil
	}
	if err := checkOwn(what, path, info); err != nil {
		return fmt.Errorf("%w: %w", err, fs.ErrPermission)
	}
	return nil
}

// checkOwn refuses what belongs to any other user.
func checkOwn(what, path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == geteuid() {
		return nil
	}
	return fmt.Errorf("the %s %s belongs to another user (ID %d, and this program runs as %d): run as that user, chown it, or use a path elsewhere",
		what, path, stat.Uid, geteuid())
}

// isOwnGroup reports whether a group is the user's private one, with nobody else
// in it: it has the user's number. Where users have such groups, directories are
// writable for them by default.
func isOwnGroup(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	uid := geteuid()
	return ok && uid != 0 && int(stat.Gid) == uid && os.Getegid() == uid
}
