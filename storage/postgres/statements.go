package postgres

import "github.com/passport-go/passport/storage"

// statements are the SQL texts of one store, made once, so that each is prepared once
// per connection. A verb is one statement: it needs no session state and no
// transaction block, and is never half done.
//
// The time is always a parameter, from the store's clock and never the server's.
type statements struct {
	load    string
	create  string
	replace string
	remove  string

	list           byMatch
	removeMatching byMatch

	removeAndEnqueue         string
	removeMatchingAndEnqueue byMatch
	enqueue                  string
	claim                    string
	retry                    string
	complete                 string
	count                    string

	sweep  string
	notify string
}

// byMatch has one statement for each way to select records. Separate texts let the
// server use a suitable index for each. The parameters are the same: $1 the ID to
// spare, $2 the time, $3 the subject, $4 the sid, $5 the tenant and $6 the kind.
type byMatch struct {
	subject, sid, both string
}

func (b byMatch) pick(m storage.Match) string {
	switch {
	case m.SID == "":
		return b.subject
	case m.Subject == "":
		return b.sid
	default:
		return b.both
	}
}

const (
	columns           = `id, tenant, kind, subject, sid, revision, expiry, data`
	revocationColumns = columns + `, since, attempts, due`

	// What a caller gets. Without a prepared statement it comes as text, and the server's
	// settings say how a timestamptz looks then. So times come as microseconds.
	returnedBody       = `tenant, kind, subject, sid, revision, (extract(epoch FROM expiry) * 1000000)::bigint, data`
	returned           = `id, ` + returnedBody
	returnedRevocation = returned + `, (extract(epoch FROM since) * 1000000)::bigint, attempts, (extract(epoch FROM due) * 1000000)::bigint`

	// Without the casts, a parameter that is only tested for NULL has no type.
	whereSubject = ` WHERE subject = $3 AND $4::bytea IS NULL AND tenant = $5 AND kind = $6 AND id <> $1 AND expiry > $2`
	whereSID     = ` WHERE sid = $4 AND $3::bytea IS NULL AND tenant = $5 AND kind = $6 AND id <> $1 AND expiry > $2`
	whereBoth    = ` WHERE subject = $3 AND sid = $4 AND tenant = $5 AND kind = $6 AND id <> $1 AND expiry > $2`
)

func newStatements(n names) statements {
	return statements{
		// The caller checks the expiry: one parameter less on the path of every
		// request.
		load: n.fill(`
			SELECT ` + returnedBody + ` FROM {records} WHERE id = $1`),

		// An expired record is absent, so a new one may take its place.
		create: n.fill(`
			INSERT INTO {records} AS r (id, tenant, kind, subject, sid, revision, expiry, sweep_after, data)
			VALUES ($1, $8, $9, $2, $3, 1, $4, $5, $6)
			ON CONFLICT (id) DO UPDATE
			SET tenant = excluded.tenant, kind = excluded.kind, subject = excluded.subject, sid = excluded.sid, revision = 1,
			    expiry = excluded.expiry, sweep_after = excluded.sweep_after, data = excluded.data
			WHERE r.expiry <= $7
			RETURNING true`),

		replace: n.fill(`
			WITH done AS (
				UPDATE {records}
				SET subject = $3, sid = $4, revision = revision + 1,
				    expiry = $5, sweep_after = $6, data = $7
				WHERE id = $1 AND revision = $2 AND expiry > $8 AND tenant = $9 AND kind = $10
				RETURNING id)
			SELECT EXISTS (SELECT FROM done), revision = $2 AND tenant = $9 AND kind = $10 FROM {records} WHERE id = $1 AND expiry > $8`),

		remove: n.fill(`
			DELETE FROM {records} WHERE id = $1 AND expiry > $2 RETURNING ` + returned),

		list: n.byMatch(`
			SELECT `+returned+` FROM {records}`, ``),

		removeMatching: n.byMatch(deleteMatching, inOrder+`)) RETURNING `+returned),

		removeAndEnqueue: n.fill(`
			WITH gone AS (
				DELETE FROM {records} WHERE id = $1 AND expiry > $2 RETURNING ` + columns + `)
			INSERT INTO {revocations} (` + revocationColumns + `)
			SELECT ` + columns + `, $2::timestamptz, 0, $3::timestamptz FROM gone
			RETURNING ` + returnedRevocation),

		removeMatchingAndEnqueue: n.byMatch(`
			WITH gone AS (`+deleteMatching, inOrder+`)) RETURNING `+columns+`)
			INSERT INTO {revocations} (`+revocationColumns+`)
			SELECT `+columns+`, $2::timestamptz, 0, $7::timestamptz FROM gone
			RETURNING `+returnedRevocation),

		enqueue: n.fill(`
			INSERT INTO {revocations} (` + revocationColumns + `)
			VALUES ($1, $9, $10, $2, $3, $4, $5, $6, $7, 0, $8)
			ON CONFLICT (id) DO NOTHING
			RETURNING ` + returnedRevocation),

		// The array makes the update use the primary key, whatever the planner
		// thinks of the limit. The join gives the order by the previous due.
		claim: n.fill(`
			WITH ripe AS MATERIALIZED (
				SELECT id, due AS former FROM {revocations} WHERE tenant = $4 AND due <= $1 ORDER BY due LIMIT $2
				FOR UPDATE SKIP LOCKED),
			leased AS (
				UPDATE {revocations} SET due = $3 WHERE id = ANY (ARRAY(SELECT id FROM ripe))
				RETURNING ` + revocationColumns + `)
			SELECT ` + returnedRevocation + ` FROM leased JOIN ripe USING (id) ORDER BY former`),

		retry: n.fill(`
			WITH done AS (
				UPDATE {revocations} SET attempts = attempts + 1, due = $3
				WHERE id = $1 AND due = $2 AND tenant = $4
				RETURNING id)
			SELECT EXISTS (SELECT FROM done), due = $2 FROM {revocations} WHERE id = $1 AND tenant = $4`),

		complete: n.fill(`
			WITH done AS (DELETE FROM {revocations} WHERE id = $1 AND due = $2 AND tenant = $3 RETURNING id)
			SELECT EXISTS (SELECT FROM done), due = $2 FROM {revocations} WHERE id = $1 AND tenant = $3`),

		count: n.fill(`
			SELECT count(*), coalesce((extract(epoch FROM min(since)) * 1000000)::bigint, 0) FROM {revocations} WHERE tenant = $1`),

		sweep: n.fill(`
			DELETE FROM {records} WHERE id = ANY (ARRAY(
				SELECT id FROM {records} WHERE sweep_after <= $1
				ORDER BY sweep_after LIMIT $2
				FOR UPDATE SKIP LOCKED))`),

		notify: `SELECT pg_notify($1, id) FROM unnest($2::text[]) AS ended (id)`,
	}
}

// deleteMatching locks the records in the order of their IDs before it removes them,
// so that callers whose selections overlap never deadlock. A record that changes while
// it waits is checked again.
const (
	deleteMatching = `
			DELETE FROM {records} WHERE id = ANY (ARRAY(
				SELECT id FROM {records}`
	inOrder = ` ORDER BY id FOR UPDATE`
)

func (n names) byMatch(before, after string) byMatch {
	return byMatch{
		subject: n.fill(before + whereSubject + after),
		sid:     n.fill(before + whereSID + after),
		both:    n.fill(before + whereBoth + after),
	}
}
