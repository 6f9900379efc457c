// Package postgres keeps sessions in PostgreSQL, for programs that run more
// than one instance or must survive a restart. Records, the ledger of owed
// revocations and the notices between instances are all there.
package postgres
