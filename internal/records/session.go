package records

import (
	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/storage"
)

// SealSession seals a session: its head and its body, which is packed for a store outside
// this process.
func (r *Records) SealSession(rec storage.Record, h Head, body []byte) storage.Record {
	if !r.inProcess {
		body = envelope.Pack(body)
	}
	return envelope.SealSession(r.keys, rec, h, body)
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

// OpenRefreshToken opens the refresh token of a session; "" if it has none.
func (r *Records) OpenRefreshToken(rec storage.Record) (string, error) {
	return envelope.OpenRefreshToken(r.keys, rec)
}

// OpenHeadOnce is OpenHead for a session that is looked up with each request. The head
// is shared, and must not be changed.
func (r *Records) OpenHeadOnce(rec *storage.Record) (*Head, error) {
	return envelope.OpenHeadOnce(r.keys, rec)
}

// OpenAccessTokenOnce opens the access token of a session, which many requests may ask
// for. It is shared, and must not be changed.
func (r *Records) OpenAccessTokenOnce(rec *storage.Record) (*envelope.AccessToken, error) {
	return envelope.OpenAccessTokenOnce(r.keys, rec)
}

// KeepHead opens the head of a session that has just been stored, for the first request
// to find, where the store has a place for it.
func (r *Records) KeepHead(rec *storage.Record) {
	if r.inProcess {
		_, _ = r.OpenHeadOnce(rec) // it was sealed here
	}
}

// OpenHeadLast is OpenHeadOnce for a session that has been removed.
func (r *Records) OpenHeadLast(rec *storage.Record) (Head, error) {
	return envelope.OpenHeadLast(r.keys, rec)
}

// SessionID returns the ID of the session whose secret a browser holds. It is derived
// anew each time: no secret is kept, and the cost is the same however many there are.
func (r *Records) SessionID(secret string) string { return r.tenant.ID(storage.KindSession, secret) }
