package main

// row is one comparison. The names are those of benchmarks, with their package
// in front.
type row struct {
	path  string
	unit  string
	limit string
	ours  string
	rule  rule
	peers map[string]string
}

const time, allocations = "ns/op", "allocs/op"

// rows are what the table shows, in this order.
var rows = []row{
	inMemory("in memory, one at a time", "serial/", "", time, atMost(3)),
	inMemory("in memory, in parallel", "parallel/", "", time, atMost(3)),
	inMemory("in memory, one at a time, idle expiry", "serial/", "-idle", time, atMost(3.5)),
	inMemory("in memory, in parallel, idle expiry", "parallel/", "-idle", time, atMost(3.5)),
	inMemory("in memory: allocations", "serial/", "", allocations, atMostMore(4)),
	onServer("on Redis, 32 connections", "Redis/", "", atMost(1.15)),
	onServer("on Redis, 32 connections, idle expiry", "Redis/", "-idle", atMost(1.2)),
	onServer("on PostgreSQL, 1 connection", "Postgres/conns=1/", "", atMost(1.15)),
	onServer("on PostgreSQL, 32 connections", "Postgres/conns=32/", "", atMost(1.15)),
	onServer("on PostgreSQL, 1 connection, idle expiry", "Postgres/conns=1/", "-idle", atMost(1.3)),
	onServer("on PostgreSQL, 32 connections, idle expiry", "Postgres/conns=32/", "-idle", atMost(1.3)),
	{
		path: "requests per second, net/http server on one core", unit: time, rule: atLeast(0.9),
		limit: bench + "Server/limit", ours: bench + "Server/passport",
		peers: map[string]string{"scs": bench + "Server/scs"},
	},
}

const bench = "internal/bench "

func inMemory(path, how, idle, unit string, r rule) row {
	at := bench + "RequestInMemory/" + how
	peers := map[string]string{"scs": at + "scs" + idle}
	if idle == "" {
		peers["gorilla"] = at + "gorilla"
	}
	return row{path: "request " + path, unit: unit, limit: at + "limit", ours: at + "passport" + idle, rule: r, peers: peers}
}

func onServer(path, where, idle string, r rule) row {
	at := bench + "RequestOn" + where
	return row{
		path: "request " + path, unit: time, limit: at + "limit", ours: at + "passport" + idle, rule: r,
		peers: map[string]string{"scs": at + "scs" + idle},
	}
}
