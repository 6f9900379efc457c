package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// redisServer is where the instances keep their sessions.
type redisServer struct {
	addr string

	process *os.Process // nil: somebody else's
	dir     string
	exited  chan struct{} // closed once the process has ended
	output  bytes.Buffer  // to be read after that
}

// openRedis returns the server at REDIS_ADDR or, if that is not set, starts
// one. It is ready.
func openRedis(ctx context.Context) (*redisServer, error) {
	addr := os.Getenv("REDIS_ADDR")
	if addr == "" {
		return startRedis(ctx)
	}
	s := &redisServer{addr: addr}
	if err := s.ping(ctx); err != nil {
		return nil, fmt.Errorf("cluster: no Redis answers at REDIS_ADDR %s: %w", addr, err)
	}
	return s, nil
}

// startRedis starts a server in a directory of its own.
func startRedis(ctx context.Context) (*redisServer, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("cluster: the instances share a Redis, and there is none: %w\n\n"+
			"Install one (on Debian, the package redis-server), or set REDIS_ADDR to one that runs", err)
	}
	port, err := freePort()
	if err != nil {
		return nil, fmt.Errorf("cluster: no port for Redis: %w", err)
	}
	dir, err := os.MkdirTemp("", "passport-cluster-")
	if err != nil {
		return nil, fmt.Errorf("cluster: no directory for Redis: %w", err)
	}
	s := &redisServer{addr: net.JoinHostPort("127.0.0.1", port), dir: dir, exited: make(chan struct{})}
	command := exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "")
	command.Stdout, command.Stderr = &s.output, &s.output
	if err := s.start(ctx, command); err != nil {
		return nil, errors.Join(fmt.Errorf("cluster: Redis does not start: %w", err), s.stop())
	}
	return s, nil
}

// freePort returns one that nobody uses at the moment.
func freePort() (string, error) {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return strconv.Itoa(probe.Addr().(*net.TCPAddr).Port), probe.Close()
}

// start returns when the server answers.
func (s *redisServer) start(ctx context.Context, command *exec.Cmd) error {
	shield(command)
	if err := command.Start(); err != nil {
		return err
	}
	s.process = command.Process
	go func() {
		_ = command.Wait()
		close(s.exited)
	}()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := s.ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("it ended: %s", s.output.Bytes())
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *redisServer) ping(ctx context.Context) error {
	client := goredis.NewClient(&goredis.Options{Addr: s.addr, MaxRetries: -1})
	defer client.Close()
	return client.Ping(ctx).Err()
}

// stop ends the server if it is ours, by force if it must.
func (s *redisServer) stop() error {
	if s.dir == "" {
		return nil
	}
	if s.process != nil {
		_ = s.process.Signal(syscall.SIGTERM) // it may have ended by itself
		select {
		case <-s.exited:
		case <-time.After(patience):
			_ = s.process.Kill()
			<-s.exited
		}
	}
	return os.RemoveAll(s.dir)
}
