package main

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
		peers: []peer{
			{"the handler alone with Cache-Control: no-store", bench + "Server/no-store", bench + "Server/limit"},
			{"scs", bench + "Server/scs", bench + "Server/limit"},
		},
	},
	{
		path: "logout request, in memory, 303", unit: time, rule: atMost(3),
		limit: "LogoutRequest/limit", ours: "LogoutRequest/passport",
		peers: []peer{
			{"with revocations on the same cores", "LogoutRequest/passport-revoking", "LogoutRequest/limit"},
			{"scs", bench + "LogoutRequest/scs", "LogoutRequest/limit"},
		},
	},
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

func inMemory(path, how, idle, unit string, r rule) row {
	at := bench + "RequestInMemory/" + how
	peers := []peer{{"scs", at + "scs" + idle, at + "limit"}}
	if idle == "" {
		peers = append(peers, peer{"gorilla", at + "gorilla", at + "limit"})
	}
	return row{path: "request " + path, unit: unit, limit: at + "limit", ours: at + "passport" + idle, rule: r, peers: peers}
}

func onServer(path, where, idle string, r rule) row {
	at := bench + "RequestOn" + where
	return row{
		path: "request " + path, unit: time, limit: at + "limit", ours: at + "passport" + idle, rule: r,
		peers: []peer{{"scs", at + "scs" + idle, at + "limit"}},
	}
}
