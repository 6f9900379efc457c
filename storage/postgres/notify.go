package postgres

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// probeWait bounds the wait for the store's own first notice, and for the answer
	// to a check of the connection; checkEvery is how long silence lasts before one.
	probeWait  = 5 * time.Second
	checkEvery = 30 * time.Second

	// probeMark begins a payload that is not an ID: it is outside the alphabet of
	// encoding.
	probeMark = "?"
)

// errDeaf reports a connection on which LISTEN has no effect.
var errDeaf = errors.New("the connection does not hear its own notices, as happens behind a proxy that pools transactions: set Options.Listen to a direct connection")

// Notify tells every listener on these tables that the records with these ids have
// ended. It is one statement through the pool, and works behind a proxy that pools
// transactions. A hot standby cannot send notices.
func (s *Store) Notify(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	payloads := make([]string, len(ids))
	for i, id := range ids {
		payloads[i] = encoding.EncodeToString([]byte(id))
	}
	return s.notify(ctx, payloads)
}

// encoding encodes IDs: a payload is text, but an ID may contain any bytes.
var encoding = base64.RawURLEncoding

func (s *Store) notify(ctx context.Context, payloads []string) error {
	err := s.run(ctx, func(db querier) error {
		_, err := db.Exec(ctx, s.sql.notify, s.names.channel, payloads)
		return err
	})
	if err != nil {
		return failed("notify", err)
	}
	return nil
}

// Listen implements storage.Notifier. It needs a connection of its own: a new one if
// Options.Listen is set, and otherwise one that it takes out of the pool for good,
// which the pool may replace.
//
// Before it calls ready it sends itself a notice through the pool, and it fails if
// that does not arrive within five seconds. After 30 seconds of silence it checks the
// connection, for which it turns the server's idle_session_timeout off.
func (s *Store) Listen(ctx context.Context, ready func(), ended func(id string)) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return failed("listen", err)
	}
	defer hangUp(ctx, conn)
	if err := s.tune(ctx, conn, ended); err != nil {
		return failed("listen", err)
	}
	if err := s.stay(ctx, conn); err != nil {
		return failed("listen", err)
	}
	if ready != nil {
		ready()
	}
	return failed("listen", follow(ctx, conn, checkEvery, probeWait, ended))
}

func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	if s.listen != nil {
		return pgx.ConnectConfig(ctx, s.listen)
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return conn.Hijack(), nil
}

// hangUp closes conn properly even if ctx is done, but does not wait long for that.
func hangUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// tune starts to listen, and waits for proof that notices arrive.
func (s *Store) tune(ctx context.Context, conn *pgx.Conn, ended func(id string)) error {
	if err := s.sendListen(ctx, conn); err != nil {
		return err
	}
	probe := probeMark + rand.Text()
	if err := s.notify(ctx, []string{probe}); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	err := hear(waiting, conn, probe, ended)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return errDeaf
	}
	return err
}

func (s *Store) sendListen(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `LISTEN `+pgx.Identifier{s.names.channel}.Sanitize())
	return err
}

// stay keeps the server from ending the session, which is idle for as long as nobody signs
// out. It comes after the proof that the session is ours alone. LISTEN comes once more, so
// that pg_stat_activity shows what the session is for.
func (s *Store) stay(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, `SET idle_session_timeout = 0`); err != nil {
		return err
	}
	return s.sendListen(ctx, conn)
}

// follow passes notices on until ctx is done or the connection is lost. After each
// period of silence it checks the connection: one that was cut without notice would
// stay silent for ever.
func follow(ctx context.Context, conn *pgx.Conn, silence, patience time.Duration, ended func(id string)) error {
	for {
		listening, cancel := context.WithTimeout(ctx, silence)
		err := hear(listening, conn, "", ended)
		timeUp := listening.Err() != nil
		cancel()
		if ctx.Err() != nil || !timeUp {
			return err
		}
		if err := alive(ctx, conn, patience); err != nil {
			return err
		}
	}
}

func alive(ctx context.Context, conn *pgx.Conn, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := conn.Ping(ctx); err != nil {
		return fmt.Errorf("no sign of life from the server: %w", err)
	}
	return nil
}

// hear calls ended for each notice until the one that is awaited arrives; "" waits for
// none.
func hear(ctx context.Context, conn *pgx.Conn, awaited string, ended func(id string)) error {
	for {
		notice, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		if awaited != "" && notice.Payload == awaited {
			return nil
		}
		if id, err := encoding.DecodeString(notice.Payload); err == nil {
			ended(string(id))
		}
	}
}
