package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
)

const keygenHelp = `usage: passport keygen [-o FILE]

Makes a key for Config.EncryptionKeys, as encryption_keys and its file take it: 32
random bytes in base64. To replace a key, put the new one in front of the old one.

Exit codes: 0 done, 2 failed, 64 wrong usage.

`

func keygen(_ context.Context, t terminal, args []string) int {
	flags := newFlags(t, "keygen", keygenHelp)
	name := flags.String("o", "", "write the key to a new `file` that only you can read (default: standard output)")
	if code, ok := parse(t, flags, args, 0); !ok {
		return code
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	line := []byte(base64.StdEncoding.EncodeToString(key) + "\n")
	if err := write(t, *name, line); err != nil {
		fmt.Fprintln(t.err, "passport keygen:", err)
		return exitFailed
	}
	return exitOK
}

// write never overwrites a file: the sessions sealed with the key in it would be lost.
func write(t terminal, name string, line []byte) error {
	if name == "" {
		_, err := t.out.Write(line)
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("-o: %w", withoutPath(err))
	}
	_, err = f.Write(line)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("-o: %w", withoutPath(err))
	}
	return nil
}
