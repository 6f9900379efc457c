package records

import (
	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/storage"
)

// SealSession seals a session: its head and its body.
func (r *Records) SealSession(rec storage.Record, h Head, body []byte) storage.Record {
	return envelope.Seal(r.keys, rec, h, body)
}

// SealHead gives a session another head.
func (r *Records) SealHead(rec storage.Record, h Head) (storage.Record, error) {
	return envelope.SealHead(r.keys, rec, h)
}

// OpenHead opens the head of a session.
func (r *Records) OpenHead(rec storage.Record) (Head, error) { return envelope.OpenHead(r.keys, rec) }

// OpenTokens opens the tokens of a session.
func (r *Records) OpenTokens(rec storage.Record) (envelope.Tokens, error) {
	return envelope.OpenTokens(r.keys, rec)
}

// RememberedHead is OpenHead for a session that is looked up with each request. The
// head is shared, and must not be changed.
func (r *Records) RememberedHead(rec *storage.Record) (*Head, error) {
	return r.heads.OpenHead(r.keys, rec)
}

// SessionID returns the ID of the session whose secret a browser holds, and whether
// it was remembered.
func (r *Records) SessionID(secret string) (id string, remembered bool) {
	return r.ids.Session(r.tenant, secret)
}

// Remember keeps the ID of a session that was found, and Forget forgets it. A store
// outside this process costs more than the hash, so for that nothing is kept.
func (r *Records) Remember(secret, id string) { r.ids.Remember(secret, id) }

// Forget forgets the ID of a session that is gone.
func (r *Records) Forget(secret string) { r.ids.Forget(secret) }
