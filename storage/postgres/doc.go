// Package postgres keeps sessions in PostgreSQL, for programs that run as more than
// one instance, or that restart. The sessions, the pending revocations and the
// notices between instances go through it; the instances share nothing else but the
// encryption keys.
//
//	pool, err := pgxpool.New(ctx, "postgres://app@db.example/app")
//	store, err := postgres.New(pool, postgres.Options{})
//	err = store.Migrate(ctx)
//	p, err := passport.New(passport.Config{Store: store, EncryptionKeys: keys, ...})
//
// # What it needs
//
// PostgreSQL 14 or later without extensions, and a pool of
// github.com/jackc/pgx/v5, which stays the caller's to configure and to close.
// Migrate needs a role that may create tables in Options.Schema (and that
// schema, if it is missing). Once the tables are there, USAGE on the schema and
// SELECT, INSERT, UPDATE and DELETE on the tables are enough. The clocks of the
// instances decide what has expired, and should agree to the second.
//
// The pool must lead to the primary, and to nothing else: a standby lags behind,
// and a session may seem to live there after its logout. Where the connection
// string names several servers, say target_session_attrs=read-write in it.
//
// # Behind a proxy
//
// Every method is one statement that needs no session state, so a proxy may pool
// transactions (PgBouncer's pool_mode = transaction, and the like). Where it does
// not keep track of prepared statements, set DefaultQueryExecMode of the pool's
// configuration to pgx.QueryExecModeExec or pgx.QueryExecModeCacheDescribe: a
// session check still is one round trip.
//
// LISTEN is the exception. It needs a separate connection to the server for each
// instance, bypassing the proxy: Options.Listen. Without one, Listen fails with an
// error that says so, and an instance learns of sessions that ended on another when
// it next looks them up.
//
// # What survives
//
// What a method has returned is on disk, if the server is configured for that: with
// synchronous_commit off, or after a fail-over to a standby that lags behind, the
// last moment is lost. A session that ended in it exists again, and a pending
// revocation is lost.
//
// A synchronous standby closes that gap, but not by itself: when the wait for it is
// cancelled, PostgreSQL commits and reports success. Options.SynchronousCommit has the
// store wait, for its own transactions alone, with a bound, and find out. A write that
// the standby does not confirm in time is carried out and returns
// storage.ErrNotReplicated; package passport reports such a logout as pending and does
// it again until it is confirmed.
//
//	config, err := pgxpool.ParseConfig("postgres://app@db.example/app")
//	config.ConnConfig.OnNotice = postgres.OnNotice
//	pool, err := pgxpool.NewWithConfig(ctx, config)
//	store, err := postgres.New(pool, postgres.Options{SynchronousCommit: postgres.RemoteFlush})
//
// After an error
// other than those of package storage, the change may have been made completely or
// not at all, but never in part.
//
// # Size and cleaning up
//
// Take twice the size of the sealed data for a session: the table leaves room in
// each page, so that a session whose expiry moves is rewritten in its place
// and touches no index. Expired sessions are removed in small batches by the
// Saves that create new ones; see Sweep to do it elsewhere. Autovacuum must be
// on, as it is by default.
package postgres
