//go:build !unix

package privatefile

import "io/fs"

const noFollow = 0

func checkOwner(string, string, fs.FileInfo) error { return nil }

func isOwnGroup(fs.FileInfo) bool { return false }
