package file

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/passport-go/passport/internal/filelock"
)

const keySize = 32

// Key returns the key in the file at path, for Config.EncryptionKeys of package
// passport. The first call makes it, of 32 random bytes, and writes it down in
// base64, in a file of mode 0600; of processes that call at the same time, all
// get the same key. What New says of path holds here too.
//
// A key beside the sessions that it seals keeps them from whoever gets to see
// their file and not the key's, in a backup or a bug report, and lets no change
// to them go unnoticed. It does not keep them from programs that run as the same
// user, nor from who copies both files: for that, put the key in the system's
// keyring, with Key of storage/keyring.
//
// Without the file the sessions are lost, and so are revocations that are still
// pending. A file with something else in it is an error, and left alone.
func Key(path string) ([]byte, error) {
	if path == "" {
		return nil, errors.New("storage/file: Key: path is empty: name a file in a directory of the user's, such as one in os.UserConfigDir")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("storage/file: %w", err)
	}
	if err := prepareDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("storage/file: %w", err)
	}
	f := newFile(path, filelock.New(path+".lock", 10*time.Second))
	var key []byte
	err = f.Update(context.Background(), func(there []byte) (_ []byte, err error) {
		if len(there) == 0 {
			key = make([]byte, keySize)
			_, _ = rand.Read(key) // never fails
			return append([]byte(base64.StdEncoding.EncodeToString(key)), '\n'), nil
		}
		key, err = base64.StdEncoding.DecodeString(string(bytes.TrimSpace(there)))
		if err != nil || len(key) != keySize {
			return nil, fmt.Errorf("storage/file: Key: %s holds no key of %d bytes in base64: put back what was there, or remove the file and, with it, every session that was sealed with the key", path, keySize)
		}
		return there, nil
	})
	if err != nil {
		return nil, err
	}
	return key, nil
}
