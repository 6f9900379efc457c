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
// github.com/jackc/pgx/v5, which the caller configures and closes. Migrate needs a
// role that may create tables in Options.Schema (and that schema, if it is missing); in
// "public", from PostgreSQL 15 on, only the owner of the database may, unless CREATE on
// it is granted.
// Once the tables exist, a role needs no more than this; a release that adds a table says
// so in the CHANGELOG:
//
//	GRANT USAGE ON SCHEMA public TO app;
//	GRANT SELECT, INSERT, UPDATE, DELETE ON passport_records, passport_revocations TO app;
//	GRANT SELECT ON passport_migrations TO app;
//
// The clocks of the instances decide what has expired, and should agree to the second.
//
// The pool must connect to the primary only: a standby lags behind, and may still
// have a session after its logout. If the connection string names several servers,
// set target_session_attrs=read-write in it.
//
// # Behind a proxy
//
// Every method is one statement that needs no session state, so a proxy may pool
// transactions (such as PgBouncer with pool_mode = transaction). If the proxy does
// not track prepared statements, set DefaultQueryExecMode of the pool's configuration
// to pgx.QueryExecModeExec or pgx.QueryExecModeCacheDescribe: a session check is
// still one round trip.
//
// LISTEN is the exception. It needs a separate connection to the server for each
// instance, bypassing the proxy: Options.Listen. Without one, Listen fails with an
// error that says so, and an instance learns of sessions that ended on another when
// it next looks them up.
//
// # What survives
//
// When a method returns, its effect is on disk, if the server is configured for that:
// with synchronous_commit off, or after a fail-over to a standby that lags behind, the
// last moment is lost. A session that ended then exists again, and a pending
// revocation is lost.
//
// A synchronous standby closes that gap, but not by itself: when the wait for it is
// cancelled, PostgreSQL commits and reports success. With Options.SynchronousCommit
// the store itself waits for its own transactions, with a bound, and detects that. If
// the standby does not confirm a write in time, the write still takes place and
// returns storage.ErrNotReplicated; package passport reports such a logout as pending
// and repeats it until it is confirmed.
//
//	config, err := pgxpool.ParseConfig("postgres://app@db.example/app")
//	config.ConnConfig.OnNotice = postgres.OnNotice
//	pool, err := pgxpool.NewWithConfig(ctx, config)
//	store, err := postgres.New(pool, postgres.Options{SynchronousCommit: postgres.RemoteFlush})
//
// After an error other than those of package storage, the change may have been made
// completely or not at all, but never in part.
//
// # Size and cleaning up
//
// A page of 8 KB has room for its sessions and for a new version of one, so that a session
// whose expiry moves is updated in place, without touching an index. That makes 2.7 KB for
// sealed data of 1.6 KB (three to a page), 4 KB for 2.1 KB (two) and 8 KB from 2.7 KB on
// (one); the four indexes add 220 to 350 bytes. Nothing is in a TOAST table, which would
// be a second look-up. Saves that create sessions remove expired ones in small batches; see Sweep
// to do it elsewhere. Autovacuum must be on, as it is by default.
package postgres
