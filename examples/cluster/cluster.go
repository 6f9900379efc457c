package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/passport-go/passport/passporttest"
)

// patience bounds each step of starting and stopping.
const patience = 20 * time.Second

// cluster is everything that runs: each part is used by those below it, and is
// stopped after them.
type cluster struct {
	base  string
	redis *redisServer
	auth  *passporttest.Server

	instances []*instance

	front    *http.Server
	listener net.Listener
	next     atomic.Uint64
}

// shared is what the instances have in common, beside the Redis.
type shared struct {
	base, auth, redis string
	prefix            string // of their keys in the Redis
	key               []byte
	stopping          <-chan struct{} // closed when streams must end
	log               *slog.Logger
}

// newCluster starts a Redis and an auth domain, and prepares the instances and
// the proxy, which will listen at l. The caller must call run.
func newCluster(ctx context.Context, l net.Listener, log *slog.Logger) (*cluster, error) {
	redis, err := openRedis(ctx)
	if err != nil {
		return nil, err
	}
	base := fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port)
	c := &cluster{base: base, redis: redis, auth: standIn(base), listener: l}
	c.front = newServer(c.proxy())
	stopping, stop := context.WithCancel(context.Background())
	c.front.RegisterOnShutdown(stop) // streams would go on for ever

	common := shared{
		base: base, auth: c.auth.URL, redis: redis.addr,
		prefix: "passport-cluster-" + rand.Text(), key: newKey(),
		stopping: stopping.Done(), log: log,
	}
	for _, name := range []string{"A", "B"} {
		i, err := newInstance(name, common)
		if err != nil {
			stop()
			return nil, errors.Join(err, c.release())
		}
		c.instances = append(c.instances, i)
	}
	return c, nil
}

// newKey seals what is in the Redis, for as long as the program runs.
func newKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key
}

// standIn starts an auth domain on a free port of this machine.
func standIn(base string) *passporttest.Server {
	return passporttest.NewServer(passporttest.Options{
		Clients: []passporttest.Client{{
			ID:           clientID,
			RedirectURIs: []string{base + redirectPath},
			LogoutURLs:   []string{base + signedOutPath},
		}},
		Users: []passporttest.User{
			{Subject: "email|65f1c0ffee00000000a11ce0", Email: "alice@example.com", Nickname: "alice"},
			{Subject: "google-oauth2|104250000000000000b0b", Email: "bob@example.com", Nickname: "bob"},
		},
	})
}

func newServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
}

// proxy hands each request to the next instance. It keeps the Host, by which
// the instances tell the site's own forms from those of others.
func (c *cluster) proxy() http.Handler {
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		turn := c.next.Add(1) - 1
		r.SetURL(c.instances[turn%uint64(len(c.instances))].url())
		r.SetXForwarded()
		r.Out.Host = r.In.Host
	}}
}

// run serves until ctx is done or a server fails, and then stops everything.
func (c *cluster) run(ctx context.Context) error {
	serving, ctx := errgroup.WithContext(ctx)
	serving.Go(func() error { return serve(c.front, c.listener) })
	for _, i := range c.instances {
		serving.Go(func() error { return serve(i.server, i.listener) })
	}
	serving.Go(func() error {
		<-ctx.Done()
		return c.shutDown()
	})
	return errors.Join(serving.Wait(), c.release())
}

func serve(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// shutDown has the servers answer what they have been asked, the proxy first.
func (c *cluster) shutDown() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := c.front.Shutdown(ctx)
	for _, i := range c.instances {
		err = errors.Join(err, i.server.Shutdown(ctx))
	}
	return err
}

// release stops what stands behind the servers: the Passports, which may still
// have tokens to revoke, then what they need for that.
func (c *cluster) release() error {
	var err error
	for _, i := range c.instances {
		err = errors.Join(err, i.close())
	}
	c.auth.Close()
	return errors.Join(err, c.redis.stop())
}

func (i *instance) url() *url.URL {
	return &url.URL{Scheme: "http", Host: i.listener.Addr().String()}
}
