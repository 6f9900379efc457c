package failtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport/storage/postgres"
	"github.com/passport-go/passport/storage/postgres/postgrestest"
)

// primaryAndStandby are two PostgreSQL servers of which one follows the other. The
// test is what a program such as Patroni is elsewhere: it promotes the standby.
type primaryAndStandby struct {
	network *network
	seats   []*seat // the primary's first
}

// seat is a place in the network that one server after another takes.
type seat struct {
	party  party
	data   *port
	link   *port // by which the server in the other seat follows this one
	server *postgrestest.Server
}

// settings wait for no standby, unless the store asks for it.
var settings = []string{"synchronous_standby_names=standby", "synchronous_commit=local", "fsync=off", "max_connections=60"}

func newPostgres(t *testing.T, n *network) deployment {
	t.Helper()
	d := &primaryAndStandby{network: n, seats: []*seat{{party: n.join()}, {party: n.join()}}}
	t.Cleanup(func() {
		for _, s := range d.seats {
			if s.server != nil {
				_ = s.server.Kill()
				_ = s.server.Close()
			}
		}
	})
	for i, s := range d.seats {
		var err error
		s.data, err = n.open(s.party, 0)
		require.NoError(t, err)
		s.link, err = n.open(s.party, d.seats[1-i].party)
		require.NoError(t, err)
	}
	server, err := postgrestest.Start(settings...)
	require.NoError(t, err)
	d.seats[0].take(server)
	require.NoError(t, migrate(t.Context(), server.URL()))
	within(t, func(ctx context.Context) error { return d.follow(ctx) })
	return d
}

func migrate(ctx context.Context, url string) error {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	s, err := postgres.New(pool, postgres.Options{})
	if err != nil {
		return err
	}
	return s.Migrate(ctx)
}

func (s *seat) take(server *postgrestest.Server) {
	config, _ := pgx.ParseConfig(server.URL())
	addr := net.JoinHostPort(config.Host, fmt.Sprint(config.Port))
	s.server = server
	s.data.lead(addr)
	s.link.lead(addr)
}

// follow starts a standby in the second seat, and returns once it has caught up.
func (d *primaryAndStandby) follow(ctx context.Context) error {
	host, port := split(d.seats[0].link.addr)
	from := fmt.Sprintf("primary_conninfo=host=%s port=%s user=postgres application_name=standby", host, port)
	standby, err := d.seats[0].server.StartStandby(append(settings, from)...)
	if err != nil {
		return err
	}
	d.seats[1].take(standby)
	conn, err := pgx.Connect(ctx, d.seats[0].server.URL())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return until(ctx, "the standby", func(ctx context.Context) error {
		var follows bool
		const sql = `SELECT EXISTS (SELECT FROM pg_stat_replication WHERE application_name = 'standby' AND sync_state = 'sync' AND state = 'streaming')`
		if err := conn.QueryRow(ctx, sql).Scan(&follows); err != nil || !follows {
			return errors.Join(errors.New("it does not stream yet"), err)
		}
		return nil
	})
}

func (d *primaryAndStandby) open(client party, safe bool, now func() time.Time) (store, func(), error) {
	url := fmt.Sprintf("postgres://postgres@%s,%s/postgres?sslmode=disable&target_session_attrs=read-write&connect_timeout=1",
		d.seats[0].data.addr, d.seats[1].data.addr)
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, nil, err
	}
	config.ConnConfig.DialFunc = d.network.dial(client)
	o := postgres.Options{Now: now}
	if safe {
		config.ConnConfig.OnNotice = postgres.OnNotice
		o.SynchronousCommit = postgres.RemoteFlush
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, nil, err
	}
	opened, err := postgres.New(pool, o)
	return opened, pool.Close, err
}

func (d *primaryAndStandby) victim(context.Context) (party, error) { return d.seats[0].party, nil }

func (d *primaryAndStandby) seat(p party) *seat {
	for _, s := range d.seats {
		if s.party == p {
			return s
		}
	}
	return nil
}

func (d *primaryAndStandby) setLag(lag time.Duration) {
	a, b := d.seats[0].party, d.seats[1].party
	d.network.setLag(a, b, lag)
	d.network.setLag(b, a, lag)
}

func (d *primaryAndStandby) kill(victim party) error {
	d.network.crash(victim)
	return d.seat(victim).server.Kill()
}

// signal reaches the main process first, which starts the others.
func (d *primaryAndStandby) signal(victim party, s syscall.Signal) error {
	main := d.seat(victim).server.PID()
	if err := syscall.Kill(main, s); err != nil {
		return err
	}
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state ppid
		_, rest, _ := strings.Cut(string(text), ") ")
		var pid, parent int
		var state string
		_, _ = fmt.Sscan(string(text), &pid)
		_, _ = fmt.Sscan(rest, &state, &parent)
		if parent == main {
			_ = syscall.Kill(pid, s)
		}
	}
	return nil
}

// failedOver promotes the standby.
func (d *primaryAndStandby) failedOver(ctx context.Context, victim party) error {
	if d.seats[0].party == victim {
		d.seats[0], d.seats[1] = d.seats[1], d.seats[0]
	}
	return d.seats[0].server.Promote(ctx)
}

// repair starts from a copy of the new primary.
func (d *primaryAndStandby) repair(ctx context.Context, victim party) error {
	s := d.seat(victim)
	if err := errors.Join(s.server.Kill(), s.server.Close()); err != nil {
		return err
	}
	s.server = nil
	return d.follow(ctx)
}
