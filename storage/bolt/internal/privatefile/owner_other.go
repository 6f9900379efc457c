//go:build !unix

package privatefile

import "io/fs"

const noFollow = 0

func isRoot() bool { return false }

func checkOwner(string, string, fs.FileInfo) error { return nil }

func checkOwn(string, string, fs.FileInfo) error { return nil }

func isOwnGroup(fs.FileInfo) bool { return false }
