-- Keys are bytea: they hold any string exactly, NUL and broken UTF-8 included,
-- and compare byte by byte whatever the collation of the database.
--
-- sweep_after is expiry rounded up to the next full hour. Clean-up goes by it
-- and not by expiry, so that moving the expiry changes no indexed column most
-- of the time and the update stays within its page (HOT). The fill factor
-- leaves it room there.
--
-- data arrives sealed: compressing it is wasted work, and keeping it in the row
-- spares every load a second lookup. So only what fits in no page goes elsewhere.
CREATE TABLE {records} (
	id          bytea       PRIMARY KEY,
	tenant      bytea       NOT NULL,
	kind        bytea       NOT NULL,
	subject     bytea,
	sid         bytea,
	revision    bigint      NOT NULL,
	expiry      timestamptz NOT NULL,
	sweep_after timestamptz NOT NULL,
	data        bytea       NOT NULL
) WITH (
	fillfactor = 70,
	toast_tuple_target = 8160,
	autovacuum_vacuum_scale_factor = 0.05,
	autovacuum_analyze_scale_factor = 0.05
);

ALTER TABLE {records} ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE INDEX {records_subject} ON {records} (subject, tenant, kind) WHERE subject IS NOT NULL;
CREATE INDEX {records_sid} ON {records} (sid, tenant, kind) WHERE sid IS NOT NULL;
CREATE INDEX {records_sweep_after} ON {records} (sweep_after);

-- A revocation is the record as it was, and who may claim it when. The table is short
-- but for long outages of the provider, and changes with every attempt.
CREATE TABLE {revocations} (
	id       bytea       PRIMARY KEY,
	tenant   bytea       NOT NULL,
	kind     bytea       NOT NULL,
	subject  bytea,
	sid      bytea,
	revision bigint      NOT NULL,
	expiry   timestamptz NOT NULL,
	data     bytea       NOT NULL,
	since    timestamptz NOT NULL,
	attempts integer     NOT NULL,
	due      timestamptz NOT NULL
) WITH (
	toast_tuple_target = 8160,
	autovacuum_vacuum_scale_factor = 0.05,
	autovacuum_analyze_scale_factor = 0.05
);

ALTER TABLE {revocations} ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE INDEX {revocations_due} ON {revocations} (tenant, due);
