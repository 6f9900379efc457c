// Package redistest starts a private Redis server for tests and benchmarks:
// real, on loopback, in a directory of its own, and gone when they are over.
//
// It runs redis-server, or what PASSPORT_REDIS_SERVER names, such as valkey-server.
package redistest

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/passport-go/passport/internal/testprograms"
)

var errEnded = errors.New("it ended")

// startTime bounds a start, with the data that a killed server loads first.
const startTime = 5 * time.Minute

// Server is one Redis server. Its methods are not for concurrent use.
type Server struct {
	// Addr is where it listens, as host:port, from one start to the next.
	Addr string

	program  string
	dir      string
	options  []string
	sentinel bool // options are lines of its configuration

	process *os.Process
	exited  chan struct{} // closed once the process has ended
	output  *bytes.Buffer // to be read after that
}

// Start starts a server and returns once it answers. It keeps nothing on disk
// unless the options, those of redis-server's command line such as
// "--appendonly", "yes", say otherwise. The caller calls Close.
func Start(options ...string) (*Server, error) {
	return start(&Server{options: append([]string{"--save", ""}, options...)})
}

// StartSentinel is Start for a Sentinel. The lines of its configuration, such as
// "sentinel monitor sessions 127.0.0.1 6379 1", are also where it keeps its state.
func StartSentinel(lines ...string) (*Server, error) {
	return start(&Server{sentinel: true, options: lines})
}

func start(s *Server) (_ *Server, err error) {
	if s.program, err = testprograms.Find("redis-server"); err != nil {
		return nil, fmt.Errorf("redistest: %w", err)
	}
	if s.dir, err = os.MkdirTemp("", "redistest-"); err != nil {
		return nil, fmt.Errorf("redistest: %w", err)
	}
	if s.sentinel {
		err = os.WriteFile(s.config(), []byte(strings.Join(s.options, "\n")+"\n"), 0o600)
	}
	if err == nil {
		err = s.startAt(freeAddr)
	}
	if err != nil {
		_ = os.RemoveAll(s.dir)
		return nil, err
	}
	return s, nil
}

// config is a Sentinel's.
func (s *Server) config() string { return filepath.Join(s.dir, "sentinel.conf") }

// startAt starts the server at an address that pick returns. One that was free may
// be somebody else's by the time the server asks for it: then it ends, and another
// address is tried.
func (s *Server) startAt(pick func() (string, error)) (err error) {
	for range 3 {
		if s.Addr, err = pick(); err != nil {
			return fmt.Errorf("redistest: %w", err)
		}
		if err = s.Restart(); !errors.Is(err, errEnded) {
			return err
		}
	}
	return err
}

func freeAddr() (string, error) {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return probe.Addr().String(), probe.Close()
}

// Restart starts the server again after Kill, at the same address and with what
// it has on disk.
func (s *Server) Restart() error {
	s.output = new(bytes.Buffer)
	command := exec.Command(s.program, s.args()...)
	command.Stdout, command.Stderr = s.output, s.output
	if err := s.supervise(command); err != nil {
		return fmt.Errorf("redistest: %w", err)
	}
	if err := s.ready(); err != nil {
		s.Kill()
		return fmt.Errorf("redistest: the server does not start: %w: %s", err, s.output)
	}
	return nil
}

func (s *Server) args() []string {
	host, port, _ := net.SplitHostPort(s.Addr)
	args := []string{"--bind", host, "--port", port, "--dir", s.dir}
	if s.sentinel {
		return append([]string{s.config(), "--sentinel"}, args...)
	}
	return append(args, s.options...)
}

// supervise starts the server and reaps it. One thread does both: on Linux the
// kernel ends the server with the thread that started it, so a test binary that
// panics leaves none behind.
func (s *Server) supervise(command *exec.Cmd) error {
	started, exited := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		endWithParent(command)
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait() // how it ended is in its output
			close(exited)
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process, s.exited = command.Process, exited
	return nil
}

// ready waits until the server answers, or has ended.
func (s *Server) ready() error {
	for deadline := time.Now().Add(startTime); ; {
		err := s.answers()
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return errEnded
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// answers asks as a person at a terminal would. A server that is still loading its
// data answers with an error; one that works elsewhere is somebody else's, which
// has got hold of the address first.
func (s *Server) answers() error {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	where, answer := "CONFIG GET dir", []string{"*2", "$3", "dir", "$", filepath.Base(s.dir)}
	if s.sentinel {
		where, answer = "SENTINEL MYID", []string{"$40", s.sentinelID()}
	}
	if _, err := conn.Write([]byte("PING\r\n" + where + "\r\n")); err != nil {
		return err
	}
	lines := bufio.NewScanner(conn)
	for _, want := range append([]string{"+PONG"}, answer...) {
		if !lines.Scan() {
			return cmp.Or(lines.Err(), io.ErrUnexpectedEOF)
		}
		if !strings.Contains(lines.Text(), want) {
			return fmt.Errorf("it says %q instead of %s", lines.Text(), want)
		}
	}
	return nil
}

// sentinelID is what a Sentinel has written into its configuration.
func (s *Server) sentinelID() string {
	text, _ := os.ReadFile(s.config())
	_, id, _ := strings.Cut(string(text), "sentinel myid ")
	id, _, _ = strings.Cut(id, "\n")
	return cmp.Or(id, "an ID that is not written yet")
}

// PID is the number of the server's process.
func (s *Server) PID() int { return s.process.Pid }

// Kill ends the server as SIGKILL does, and returns when it is gone.
func (s *Server) Kill() {
	_ = s.process.Kill()
	<-s.exited
}

// Close ends the server and removes its directory.
func (s *Server) Close() error {
	s.Kill()
	return os.RemoveAll(s.dir)
}
