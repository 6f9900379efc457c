package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/passport-go/passport/storage/document"
)

// Keyrings limit the size of an item: Windows to 2560 bytes, macOS to about 3000 with
// the names. So the document is cut into pieces, and one item under the user's name
// says where they are:
//
//	user       "1 b 3": format 1, in slot b, 3 pieces
//	user/b/0   the first piece
//	user/b/1
//	user/b/2
//
// A new document is written to the other slot, and setting that one item makes it
// current. Items cannot be listed. So that no piece is lost, the pieces in a slot are
// always numbered from 0 without gaps: they are set in ascending order and deleted in
// descending order.

const (
	format    = 1
	pieceSize = 2 << 10 // leaves space for the names, and for what macOS adds
)

// ring is a document in a keyring. It implements document.Backend.
type ring struct {
	items items
	user  string
	lock  *document.Lock

	patience time.Duration // how long to wait for the user to unlock the keyring
}

// ask calls do in a goroutine, and waits for it until ctx is done or the user has taken
// too long to unlock the keyring.
func (r *ring) ask(ctx context.Context, do func(*work) error) error {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	return wait(ctx, func(w *work) error {
		return w.ask(ctx, func() error { return do(w) })
	})
}

// alone is ask while holding the lock, so that no other process uses the user's items.
func (r *ring) alone(ctx context.Context, do func(*work) error) error {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	return wait(ctx, func(w *work) error {
		release, err := r.lock.Acquire(ctx)
		if err != nil {
			return fmt.Errorf("storage/keyring: %w", err)
		}
		w.hold(release)
		return w.ask(ctx, func() error { return do(w) })
	})
}

// Read takes the lock too, because pieces that are being replaced do not form a
// document. If the lock file is not writable, nobody replaces pieces.
func (r *ring) Read(ctx context.Context) ([]byte, error) {
	var document []byte
	read := func(w *work) error {
		there, _, err := r.read()
		if err == nil && w.commit() {
			document = there
		}
		return err
	}
	err := r.alone(ctx, read)
	if isReadOnly(err) {
		err = r.ask(ctx, read)
	}
	if err != nil {
		return nil, err
	}
	return document, nil
}

func isReadOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

func (r *ring) Update(ctx context.Context, change func([]byte) ([]byte, error)) error {
	return r.alone(ctx, func(w *work) error {
		old, slot, err := r.read()
		if err != nil {
			return err
		}
		if !w.commit() {
			return errGivenUp
		}
		document, err := change(old)
		if err != nil || bytes.Equal(old, document) {
			return err
		}
		if len(document) == 0 {
			return r.remove()
		}
		return r.replace(document, other(slot))
	})
}

// SetAside does nothing: a document with a missing piece is useless.
func (r *ring) SetAside([]byte) error { return nil }

// read returns the document and its slot. If it is damaged, read returns bytes that are
// not a valid document.
func (r *ring) read() (document []byte, slot string, err error) {
	head, err := r.items.get(r.user)
	if err != nil || head == "" {
		return nil, "", err
	}
	var version, pieces int
	_, err = fmt.Sscanf(head, "%d %1s %d", &version, &slot, &pieces)
	if version > format {
		return nil, "", fmt.Errorf("storage/keyring: the sessions are stored in format %d and this program reads format %d: "+
			"run the newer version that wrote them", version, format)
	}
	if err != nil {
		return []byte(head), "", nil
	}
	for i := range pieces {
		piece, err := r.items.get(r.piece(slot, i))
		if err != nil {
			return nil, "", err
		}
		if piece == "" {
			return []byte(head), slot, nil
		}
		document = append(document, piece...)
	}
	return document, slot, nil
}

func other(slot string) string {
	if slot == "a" {
		return "b"
	}
	return "a"
}

func (r *ring) piece(slot string, i int) string { return fmt.Sprintf("%s/%s/%d", r.user, slot, i) }

func (r *ring) replace(document []byte, slot string) error {
	pieces := 0
	for len(document) > 0 {
		n := pieceLen(document)
		if err := r.items.set(r.piece(slot, pieces), string(document[:n])); err != nil {
			return err
		}
		document = document[n:]
		pieces++
	}
	if err := r.cut(slot, pieces); err != nil {
		return err
	}
	if err := r.items.set(r.user, fmt.Sprintf("%d %s %d", format, slot, pieces)); err != nil {
		return err
	}
	// The change has been made. The next write deletes what cannot be deleted now.
	_ = r.cut(other(slot), 0)
	return nil
}

// pieceLen returns the length of the document's next piece. Some keyrings only store
// text, so it does not split a character.
func pieceLen(document []byte) int {
	if len(document) <= pieceSize {
		return len(document)
	}
	n := pieceSize
	for n > pieceSize-utf8.UTFMax && !utf8.RuneStart(document[n]) {
		n--
	}
	return n
}

func (r *ring) remove() error {
	head, err := r.items.get(r.user)
	if err != nil {
		return err
	}
	if err := r.items.delete(r.user); err != nil {
		return err
	}
	return errors.Join(r.removeListed(head), r.cut("a", 0), r.cut("b", 0))
}

// mostPieces bounds what a damaged head may ask for. It is more than a keyring holds.
const mostPieces = 1000

// removeListed deletes the pieces that a head lists. If the keyring has lost one, the
// others are not numbered without gaps any more.
func (r *ring) removeListed(head string) error {
	var version, pieces int
	var slot string
	if _, err := fmt.Sscanf(head, "%d %1s %d", &version, &slot, &pieces); err != nil || version != format {
		return nil
	}
	var errs []error
	for i := min(pieces, mostPieces) - 1; i >= 0; i-- {
		errs = append(errs, r.items.delete(r.piece(slot, i)))
	}
	return errors.Join(errs...)
}

// cut deletes the pieces in the slot, from the n-th on.
func (r *ring) cut(slot string, n int) error {
	end := n
	for {
		piece, err := r.items.get(r.piece(slot, end))
		if err != nil {
			return err
		}
		if piece == "" {
			break
		}
		end++
	}
	for i := end - 1; i >= n; i-- {
		if err := r.items.delete(r.piece(slot, i)); err != nil {
			return err
		}
	}
	return nil
}
