-- A debt is the record as it was, and who may claim it when. The table is short
-- but for long outages of the provider, and changes with every attempt.
CREATE TABLE {debts} (
	id       bytea       PRIMARY KEY,
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

ALTER TABLE {debts} ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE INDEX {debts_due} ON {debts} (due);
