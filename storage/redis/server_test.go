package redis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// serverProgram is what the tests run: redis-server, or what the environment
// names, such as valkey-server.
func serverProgram() (string, error) {
	name := os.Getenv("PASSPORT_REDIS_SERVER")
	if name == "" {
		name = "redis-server"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("these tests run against a real server: %w; Debian has it in the package redis-server", err)
	}
	return path, nil
}

// server is a real one, on loopback, in a directory of its own.
type server struct {
	addr string
	port int
	dir  string
	args []string

	process *os.Process
	exited  chan struct{} // closed once the process has ended
	output  *bytes.Buffer // to be read after that
}

// startServer returns one that is ready, with these lines in its configuration.
func startServer(lines ...string) (*server, error) {
	return start(nil, append([]string{`save ""`}, lines...))
}

// start tries again if somebody else was faster to take the port.
func start(flags, lines []string) (s *server, err error) {
	program, err := serverProgram()
	if err != nil {
		return nil, err
	}
	for range 3 {
		if s, err = tryStart(program, flags, lines); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func tryStart(program string, flags, lines []string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "storage-redis-")
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "server.conf")
	lines = append([]string{"bind 127.0.0.1", fmt.Sprint("port ", port), "dir " + dir}, lines...)
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	s := &server{
		addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		port: port,
		dir:  dir,
		args: append([]string{program, config}, flags...),
	}
	if err := s.start(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

// freePort returns one whose bus port, 10,000 above it, is free too.
func freePort() (int, error) {
	for range 100 {
		probe, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := probe.Addr().(*net.TCPAddr).Port
		_ = probe.Close()
		if port+10000 > 65535 {
			continue
		}
		bus, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+10000)))
		if err == nil {
			return port, bus.Close()
		}
	}
	return 0, errors.New("no free port")
}

func (s *server) start() error {
	command := exec.Command(s.args[0], s.args[1:]...)
	s.output, s.exited = new(bytes.Buffer), make(chan struct{})
	command.Stdout, command.Stderr = s.output, s.output
	started := make(chan error)
	go func() {
		// The server ends with the thread that started it.
		runtime.LockOSThread()
		dieWithParent(command)
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait()
			close(s.exited)
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process = command.Process
	if err := s.ready(); err != nil {
		s.kill()
		return fmt.Errorf("the server does not start: %w: %s", err, s.output)
	}
	return nil
}

func (s *server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		conn, err := net.Dial("tcp", s.addr)
		if err == nil {
			_ = conn.Close()
			break
		}
		select {
		case <-s.exited:
			return errors.New("it ended")
		case <-ctx.Done():
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
	client := s.dial()
	defer func() { _ = client.Close() }()
	for {
		// It may have to load its data first.
		err := client.Ping(ctx).Err()
		if err == nil || !redis.IsLoadingError(err) {
			return err
		}
	}
}

// dial returns a client for the test's own look at the server.
func (s *server) dial() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: s.addr, Protocol: 2})
}

// kill ends the server as a crash would.
func (s *server) kill() {
	_ = s.process.Kill()
	<-s.exited
}

func (s *server) remove() {
	s.kill()
	_ = os.RemoveAll(s.dir)
}

// newServer returns one for this test alone.
func newServer(t testing.TB, lines ...string) *server {
	t.Helper()
	s, err := startServer(lines...)
	require.NoError(t, err)
	t.Cleanup(s.remove)
	return s
}

// admin returns a client for the test's own look at the server.
func (s *server) admin(t testing.TB) *redis.Client {
	client := s.dial()
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// client returns one such as an application has.
func (s *server) client(t testing.TB) *redis.Client {
	return newClient(t, &redis.Options{Addr: s.addr})
}

func newClient(t testing.TB, o *redis.Options) *redis.Client {
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	return client
}
