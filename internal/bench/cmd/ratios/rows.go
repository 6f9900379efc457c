package main

import "strings"

// row is one comparison. The names are those of benchmarks, with their package
// in front.
type row struct {
	path  string
	unit  string
	limit string
	ours  string
	rule  rule
	peers []peer
}

// peer is another's measurement, and the limit that it has.
type peer struct{ name, measured, limit string }

const time, allocations = "ns/op", "allocs/op"

// rows are what the table shows, in this order.
var rows = []row{
	inMemory("1,000 users, one at a time", "live=1k/serial/", "", time, atMost(3)),
	inMemory("1,000 users, in parallel", "live=1k/parallel/", "", time, atMost(3)),
	inMemory("1,000 users, one at a time, idle expiry", "live=1k/serial/", "-idle", time, atMost(3)),
	inMemory("1,000 users, in parallel, idle expiry", "live=1k/parallel/", "-idle", time, atMost(3)),
	inMemory("1,000 users, one at a time, token read", "live=1k/serial/", "-token", time, atMost(8)),
	inMemory("1,000 users, in parallel, token read", "live=1k/parallel/", "-token", time, atMost(8)),
	inMemory("10,000 users, one at a time", "live=10k/serial/", "", time, atMost(3)),
	inMemory("10,000 users, in parallel", "live=10k/parallel/", "", time, atMost(3)),
	inMemory("10,000 users, one at a time, idle expiry", "live=10k/serial/", "-idle", time, atMost(3)),
	inMemory("10,000 users, in parallel, idle expiry", "live=10k/parallel/", "-idle", time, atMost(3)),
	inMemory("10,000 users, one at a time, token read", "live=10k/serial/", "-token", time, atMost(8)),
	inMemory("10,000 users, in parallel, token read", "live=10k/parallel/", "-token", time, atMost(8)),
	inMemory("100,000 users, one at a time", "live=100k/serial/", "", time, atMost(3)),
	inMemory("100,000 users, in parallel", "live=100k/parallel/", "", time, atMost(3)),
	inMemory("100,000 users, one at a time, idle expiry", "live=100k/serial/", "-idle", time, atMost(3)),
	inMemory("100,000 users, in parallel, idle expiry", "live=100k/parallel/", "-idle", time, atMost(3)),
	inMemory("100,000 users, one at a time, token read", "live=100k/serial/", "-token", time, atMost(8)),
	inMemory("100,000 users, in parallel, token read", "live=100k/parallel/", "-token", time, atMost(8)),
	inMemory("allocations", "live=1k/serial/", "", allocations, atMostMore(4)),
	onServer("on Redis, 32 connections", "Redis/", "", atMost(1.15)),
	onServer("on Redis, 32 connections, idle expiry", "Redis/", "-idle", atMost(1.2)),
	onServer("on PostgreSQL, 1 connection", "Postgres/conns=1/", "", atMost(1.15)),
	onServer("on PostgreSQL, 32 connections", "Postgres/conns=32/", "", atMost(1.15)),
	onServer("on PostgreSQL, 1 connection, idle expiry", "Postgres/conns=1/", "-idle", atMost(1.3)),
	onServer("on PostgreSQL, 32 connections, idle expiry", "Postgres/conns=32/", "-idle", atMost(1.3)),
	{
		path: "requests per second, net/http server on one core", unit: time, rule: atLeast(0.9),
		limit: bench + "Server/limit", ours: bench + "Server/passport",
		peers: []peer{
			{"the handler alone with Cache-Control: no-store", bench + "Server/no-store", bench + "Server/limit"},
			{"scs", bench + "Server/scs", bench + "Server/limit"},
		},
	},
	{
		path: "logout request, in memory, 303", unit: time, rule: atMost(5),
		limit: "LogoutRequest/limit", ours: "LogoutRequest/passport",
		peers: []peer{
			{"with revocations on the same cores", "LogoutRequest/passport-revoking", "LogoutRequest/limit"},
			{"scs", bench + "LogoutRequest/scs", "LogoutRequest/limit"},
		},
	},
	bearer("access token", "access/"),
	bearer("ID token", "id/"),
	inStore("log out by sid, 1,000 live", "Logout/live=few/by_sid/", atMost(1.5), ""),
	inStore("log out by sid, 1,000,000 live", "Logout/live=many/by_sid/", atMost(1.5), ""),
	inStore("log out a user's 3 sessions, 1,000 live", "Logout/live=few/everywhere/", atMost(1.5), "LogoutEverywhere/live=few/scs"),
	inStore("log out a user's 3 sessions, 1,000,000 live (scs: 100,000)", "Logout/live=many/everywhere/", atMost(1.5), "LogoutEverywhere/live=many/scs"),
	growth("the same, of 1,000,000 to of 1,000: by sid", "by_sid/"),
	growth("the same, of 1,000,000 to of 1,000: a user's 3", "everywhere/"),
	growthOfAll("EndSessions and the revocation, of 1,000,000 to of 1,000: by sid", "by_sid"),
	growthOfAll("EndSessions and the revocations, of 1,000,000 to of 1,000: a user's 3", "everywhere"),
	{
		path: "bytes per live session, both indexes included", unit: "B/session", rule: atMost(1.15),
		limit: store + "Memory/limit", ours: store + "Memory/store",
		peers: []peer{{"scs", bench + "Memory/scs", store + "Memory/limit"}},
	},
	{
		path: "longest wait of a reader while 1,000,000 sessions expire", unit: "max-ns", rule: withinNoise(1e6),
		limit: store + "ReaderWait/limit", ours: store + "ReaderWait/sweeping",
		peers: []peer{{"scs", bench + "ReaderWait/scs", store + "ReaderWait/limit"}},
	},
	verification("ID token verification, RS256", "internal/provider Tokens/id/"),
	verification("logout token verification, RS256", "internal/provider Tokens/logout/"),
}

// The packages that most of the rows come from.
const (
	bench = "internal/bench "
	store = "storage/memory "
)

// bearer is a check of a bearer token. There is no limit but the peer, which does not
// look whether the user has signed out.
func bearer(token, at string) row {
	return row{
		path: "bearer check, " + token + ", in memory; limit: go-jwt-middleware", unit: time, rule: atMost(1),
		limit: bench + "Bearer/" + at + "go-jwt-middleware", ours: bench + "Bearer/" + at + "passport",
	}
}

func inStore(path, at string, r rule, scs string) row {
	found := row{path: path, unit: time, limit: store + at + "limit", ours: store + at + "store", rule: r}
	if scs != "" {
		found.peers = []peer{{"scs", bench + scs, store + at + "limit"}}
	}
	return found
}

// growth compares a logout among many with itself among few.
func growth(path, how string) row {
	return row{
		path: path, unit: time, rule: atMost(1.3),
		limit: store + "Logout/live=few/" + how + "store", ours: store + "Logout/live=many/" + how + "store",
		peers: []peer{{"the limit itself", store + "Logout/live=many/" + how + "limit", store + "Logout/live=few/" + how + "limit"}},
	}
}

// growthOfAll does so for all that a program waits for.
func growthOfAll(path, how string) row {
	return row{
		path: path, unit: time, rule: atMost(1.3),
		limit: "EndSessions/live=few/" + how, ours: "EndSessions/live=many/" + how,
	}
}

func verification(path, at string) row {
	return row{
		path: path, unit: time, rule: atMost(1.97), limit: at + "limit", ours: at + "passport",
		peers: []peer{{"go-oidc", at + "go-oidc", at + "limit"}},
	}
}

// inMemory has peers among 1,000 users alone: signing more in takes them too long. They
// read the tokens with every request.
func inMemory(path, how, variant, unit string, r rule) row {
	at := bench + "RequestInMemory/" + how
	checked := row{path: "request in memory: " + path, unit: unit, limit: at + "limit", ours: at + "passport" + variant, rule: r}
	if !strings.HasPrefix(how, "live=1k/") {
		return checked
	}
	scs := variant
	if variant == "-token" {
		scs = ""
	}
	checked.peers = []peer{{"scs", at + "scs" + scs, at + "limit"}}
	if variant == "" {
		checked.peers = append(checked.peers, peer{"gorilla", at + "gorilla", at + "limit"})
	}
	return checked
}

func onServer(path, where, idle string, r rule) row {
	at := bench + "RequestOn" + where
	return row{
		path: "request " + path, unit: time, limit: at + "limit", ours: at + "passport" + idle, rule: r,
		peers: []peer{{"scs", at + "scs" + idle, at + "limit"}},
	}
}
