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
const startTime = 30 * time.Second

// Server is one Redis server. Its methods are not for concurrent use.
type Server struct {
	// Addr is where it listens, as host:port, from one start to the next.
	Addr string

	program string
	dir     string
	options []string

	process *os.Process
	exited  chan struct{} // closed once the process has ended
	output  *bytes.Buffer // to be read after that
}

// Start starts a server and returns once it answers. It keeps nothing on disk
// unless the options, those of redis-server's command line such as
// "--appendonly", "yes", say otherwise. The caller calls Close.
func Start(options ...string) (*Server, error) {
	program, err := testprograms.Find("redis-server")
	if err != nil {
		return nil, fmt.Errorf("redistest: %w", err)
	}
	s := &Server{program: program, options: options}
	if s.dir, err = os.MkdirTemp("", "redistest-"); err != nil {
		return nil, fmt.Errorf("redistest: %w", err)
	}
	if err := s.startAt(freeAddr); err != nil {
		_ = os.RemoveAll(s.dir)
		return nil, err
	}
	return s, nil
}

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
	host, port, _ := net.SplitHostPort(s.Addr)
	args := append([]string{"--bind", host, "--port", port, "--dir", s.dir, "--save", ""}, s.options...)
	s.output = new(bytes.Buffer)
	command := exec.Command(s.program, args...)
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
	if _, err := conn.Write([]byte("PING\r\nCONFIG GET dir\r\n")); err != nil {
		return err
	}
	lines := bufio.NewScanner(conn)
	for _, want := range []string{"+PONG", "*2", "$3", "dir", "$", filepath.Base(s.dir)} {
		if !lines.Scan() {
			return cmp.Or(lines.Err(), io.ErrUnexpectedEOF)
		}
		if !strings.Contains(lines.Text(), want) {
			return fmt.Errorf("it says %q instead of %s", lines.Text(), want)
		}
	}
	return nil
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
