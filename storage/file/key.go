package file

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/passport-go/passport/internal/filelock"
	"github.com/passport-go/passport/internal/strictbase64"
)

const keySize = 32

// Key returns the key in the file at path, for Config.EncryptionKeys of package
// passport. The first call creates it, from 32 random bytes, and writes it in
// base64 to a file of mode 0600; concurrent processes all get the same key. The
// requirements for path are those of New.
//
// A key file beside the sessions protects them from whoever sees only the session
// file, for example in a backup or a bug report, and changed sessions are rejected.
// It does not tell an old session from the current one: whoever can write to the
// file can put back a copy of it; see Options.Pin. Nor does it keep sessions from
// programs that run as the same user, or from somebody who copies both files: for
// that, put the key in the system's keyring, with Key of storage/keyring.
//
// An existing key can be read from a read-only home directory.
//
// If the file is lost, so are the sessions and the pending revocations. If the file has
// other content, Key returns an error and does not change it.
func Key(path string) ([]byte, error) {
	if path == "" {
		return nil, errors.New("storage/file: Key: path is empty: name a file in a directory of the user's, such as one in os.UserConfigDir")
	}
	path, err := prepare(path)
	if err != nil {
		return nil, fmt.Errorf("storage/file: %w", err)
	}
	f := newFile(path, filelock.New(path+".lock", 10*time.Second))
	there, err := f.Read(context.Background())
	if err != nil {
		return nil, err
	}
	if len(there) > 0 { // without the lock, which needs a writable directory
		return decodeKey(path, there)
	}
	var key []byte
	err = f.Update(context.Background(), func(there []byte) ([]byte, error) {
		if len(there) > 0 { // another process was faster
			key, err = decodeKey(path, there)
			return there, err
		}
		key = make([]byte, keySize)
		_, _ = rand.Read(key) // never fails
		return append([]byte(base64.StdEncoding.EncodeToString(key)), '\n'), nil
	})
	if err != nil {
		return nil, err
	}
	return key, nil
}

func decodeKey(path string, contents []byte) ([]byte, error) {
	key, err := strictbase64.Std(string(bytes.TrimSpace(contents)))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("storage/file: Key: %s holds no key of %d bytes in base64: put back what was there, or remove the file and, with it, every session that was sealed with the key", path, keySize)
	}
	return key, nil
}
