package processtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/envelope"
	"github.com/passport-go/passport/internal/redistest"
	"github.com/passport-go/passport/internal/seal"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
)

// TestLoad is two instances on one Redis, with many sessions alive, and sign-ins,
// checks, refreshes and logouts at once: no error, no session that outlives its
// logout, no refresh token that outlives its session, and no memory that grows.
// "make load" runs it with 200,000 sessions, and shows what it measures.
func TestLoad(t *testing.T) {
	live, atOnce := fromEnv(t, "LOAD_SESSIONS", 300), fromEnv(t, "LOAD_USERS", 8)
	phase := time.Duration(fromEnv(t, "LOAD_SECONDS", 2)) * time.Second
	// Tokens are refreshed when half a minute of their life is left.
	auth := authDomain(t, 32*time.Second)
	server, err := redistest.Start()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	client := goredis.NewClient(&goredis.Options{Addr: server.Addr})
	defer client.Close()
	memory, cpu := redisInfo(t, client, "memory", "used_memory"), redisCPU(t, client)
	address := "redis:" + server.Addr
	populate(t, auth, address, live)
	memory = (redisInfo(t, client, "memory", "used_memory") - memory) / float64(live)
	cpu = (redisCPU(t, client) - cpu) / time.Duration(live)

	var running []*process
	l := &load{auth: auth.URL, redis: client, live: live, transport: &http.Transport{MaxIdleConnsPerHost: 2 * atOnce}}
	defer l.transport.CloseIdleConnections()
	for range 2 {
		p := start(t, task{Kind: "serve", Store: address, Auth: auth.URL})
		running = append(running, p)
		l.instances = append(l.instances, p.says())
	}

	everybody := make([]*user, atOnce)
	for i := range everybody {
		everybody[i] = l.newUser(uint64(i))
		require.NoError(t, everybody[i].signIn())
	}
	t.Logf("%d sessions live, %d users at once, %s each phase", live, atOnce, phase)
	l.measure(t, "without the SDK", everybody, phase, (*user).lookBare)
	l.measure(t, "checks alone", everybody, phase, (*user).look)
	mixed := l.measure(t, "all at once", everybody, phase, (*user).next)
	assertFlat(t, mixed)
	t.Logf("Redis: %.0f bytes a session, and %s of CPU to store it", memory, cpu)

	for _, u := range everybody {
		require.NoError(t, u.logOut())
	}
	for _, p := range running {
		p.finish() // and pending revocations are done
	}
	assert.Len(t, auth.RefreshTokens(passporttest.Live), 1, "that of those who merely look; all others were revoked")
	assert.Empty(t, auth.Incidents(), "no token was used twice")
	assert.Positive(t, len(auth.Requests("/oauth/revoke")))
}

func fromEnv(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	require.Positive(t, n, name)
	return n
}

// populate signs one user in and stores that session again and again, as of
// others, three each: 200,000 logins would take longer than all the rest.
func populate(t *testing.T, auth *passporttest.Server, address string, n int) {
	t.Helper()
	secret := signIn(t, auth, address)
	p, closeStore, err := program(task{Store: address, Auth: auth.URL}, nil, nil)
	require.NoError(t, err)
	in, err := p.Session(t.Context(), passport.Secret(secret))
	require.NoError(t, err)
	s := opened(t, address)
	model, err := s.Load(t.Context(), in.ID())
	require.NoError(t, err)
	keys, err := seal.New(config(auth.URL).EncryptionKeys)
	require.NoError(t, err)
	head, err := envelope.OpenHead(keys, model)
	require.NoError(t, err)
	body, err := envelope.OpenBody(keys, model)
	require.NoError(t, err)

	tenant := envelope.NewTenant(auth.URL+"/", config(auth.URL).ClientID)
	var savers sync.WaitGroup
	for saver := range 16 {
		savers.Go(func() {
			for i := saver; i < n; i += 16 {
				r := tenant.Record(storage.KindSession, secretOf(i))
				r.Subject, r.SID, r.Expiry = fmt.Sprintf("auth0|%024d", i/3), fmt.Sprintf("%032d", i), model.Expiry
				if _, err := s.Save(context.Background(), envelope.Seal(keys, r, head, body)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	savers.Wait()
	_, err = p.Session(t.Context(), passport.Secret(secretOf(0)))
	require.NoError(t, err, "the sessions are such as the SDK itself stores")
	require.NoError(t, p.Close(t.Context()))
	require.NoError(t, closeStore())
}

// samples is how often the memory is looked at in a phase. On a machine that is
// slow to answer, the phase is as long as that takes.
const samples = 12

// measure lets everybody do something again and again, and reports it.
func (l *load) measure(t *testing.T, name string, everybody []*user, d time.Duration, do func(*user) error) []usage {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for _, u := range everybody {
		clear(u.times)
	}
	first := l.usage(t)
	begun := time.Now()
	var done sync.WaitGroup
	for _, u := range everybody {
		done.Go(func() {
			for ctx.Err() == nil {
				if err := do(u); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	taken := []usage{first}
	for tick := time.NewTicker(d / samples); len(taken) <= samples; {
		<-tick.C
		taken = append(taken, l.usage(t))
	}
	stop()
	done.Wait()
	took := time.Since(begun)
	report(t, name, everybody, took, append(taken, l.usage(t)))
	return taken
}

// usage is what the instances have taken so far, together.
func (l *load) usage(t *testing.T) (sum usage) {
	t.Helper()
	client := http.Client{Transport: l.transport, Timeout: 30 * time.Second}
	for _, instance := range l.instances {
		res, err := client.Get(instance + "/usage")
		require.NoError(t, err)
		var u usage
		require.NoError(t, json.NewDecoder(res.Body).Decode(&u))
		require.NoError(t, res.Body.Close())
		sum.CPU += u.CPU
		sum.Memory += u.Memory
		sum.Goroutines += u.Goroutines
	}
	if l.redis != nil {
		sum.Redis = redisCPU(t, l.redis)
	}
	return sum
}

// report shows how often each thing was done, and how long it took.
func report(t *testing.T, name string, everybody []*user, took time.Duration, taken []usage) {
	t.Helper()
	all, total := map[string][]time.Duration{}, 0
	for _, u := range everybody {
		for what, times := range u.times {
			all[what] = append(all[what], times...)
			total += len(times)
		}
	}
	require.Positive(t, total, "something was done")
	first, last := taken[0], taken[len(taken)-1]
	each := func(cpu time.Duration) time.Duration {
		return (cpu / time.Duration(total)).Round(100 * time.Nanosecond)
	}
	t.Logf("%s: %.0f a second; CPU each: %s of the instances, %s of Redis; memory of the instances: %d MB at first, %d MB at last", name,
		float64(total)/took.Seconds(), each(last.CPU-first.CPU), each(last.Redis-first.Redis), first.Memory>>20, last.Memory>>20)
	for _, what := range []string{"bare", "check", "token", "sign-in", "logout"} {
		times := all[what]
		if len(times) == 0 {
			continue
		}
		slices.Sort(times)
		t.Logf("  %-8s %7d  p50 %8s  p99 %8s", what, len(times),
			times[len(times)/2].Round(10*time.Microsecond), times[len(times)*99/100].Round(10*time.Microsecond))
	}
}

// assertFlat compares the last quarter of a run with the second: by then
// everything is warm.
func assertFlat(t *testing.T, taken []usage) {
	t.Helper()
	quarter := len(taken) / 4
	byMemory := func(a, b usage) int { return int(a.Memory - b.Memory) }
	early := slices.MaxFunc(taken[quarter:2*quarter], byMemory).Memory
	late := slices.MaxFunc(taken[len(taken)-quarter:], byMemory).Memory
	assert.Less(t, late, early+early/4+16<<20, "memory grows: %d MB, then %d MB", early>>20, late>>20)
}

// redisCPU is what a server has taken of the machine.
func redisCPU(t *testing.T, client *goredis.Client) time.Duration {
	t.Helper()
	seconds := redisInfo(t, client, "cpu", "used_cpu_user") + redisInfo(t, client, "cpu", "used_cpu_sys")
	return time.Duration(seconds * float64(time.Second))
}

// redisInfo is one number of what a server says of itself.
func redisInfo(t *testing.T, client *goredis.Client, section, field string) float64 {
	t.Helper()
	info, err := client.Info(t.Context(), section).Result()
	require.NoError(t, err)
	_, rest, found := strings.Cut(info, field+":")
	require.True(t, found, field)
	number, _, _ := strings.Cut(rest, "\r\n")
	value, err := strconv.ParseFloat(number, 64)
	require.NoError(t, err)
	return value
}
