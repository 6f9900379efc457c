//go:build unix

// Package postgrestest starts a private PostgreSQL server for the tests of
// programs that keep sessions in one: real, on loopback, in a directory of its
// own, and gone when the tests are over.
//
// It needs the server's programs (package postgresql on Debian), looked for in
// PATH and where distributions put them. PostgreSQL refuses to run as root: a
// test that does run as root starts it as the user postgres, or nobody.
package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

var errEnded = errors.New("it ended")

// startTime bounds a start, with the recovery that a killed server begins with: with the
// writes of some minutes to do again on a busy disk it takes longer than half a minute.
const startTime = 5 * time.Minute

// Server is one PostgreSQL server. Its methods are not for concurrent use.
type Server struct {
	bin      string
	dir      string
	port     int
	settings []string
	owner    *syscall.Credential

	process *os.Process
	exited  chan struct{}
	log     *bytes.Buffer
}

// Start makes an empty database cluster and starts a server on it, and returns
// once it answers. Settings are lines of postgresql.conf, such as "fsync=off".
// The caller calls Close.
func Start(settings ...string) (*Server, error) {
	s := &Server{settings: settings}
	if err := s.start(freePort); err != nil {
		return nil, errors.Join(fmt.Errorf("postgrestest: %w", err), s.Close())
	}
	return s, nil
}

// StartStandby makes a copy of the server's data and starts a streaming standby on it,
// and returns once that answers. It follows s, under the application name "standby"
// for synchronous_standby_names, also across its own Kill and Restart. The caller
// calls Close.
func (s *Server) StartStandby(settings ...string) (*Server, error) {
	standby := &Server{bin: s.bin, owner: s.owner, settings: settings}
	if err := standby.follow(s); err != nil {
		return nil, errors.Join(fmt.Errorf("postgrestest: standby: %w", err), standby.Close())
	}
	return standby, nil
}

func (s *Server) follow(primary *Server) (err error) {
	if s.dir, err = s.makeDir(); err != nil {
		return err
	}
	from := fmt.Sprintf("host=127.0.0.1 port=%d user=postgres application_name=standby", primary.port)
	backup := s.command("pg_basebackup", "--dbname", from, "--pgdata", s.dir, "--write-recovery-conf",
		"--checkpoint", "fast", "--no-sync", "--no-password")
	if out, err := backup.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	return s.runAt(freePort)
}

// Promote makes a primary of a standby, and returns once it takes writes. The one
// that it followed should be dead by then.
func (s *Server) Promote(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return fmt.Errorf("postgrestest: promote: %w", err)
	}
	defer conn.Close(ctx)
	var promoted bool
	if err := conn.QueryRow(ctx, "SELECT pg_promote()").Scan(&promoted); err != nil || !promoted {
		return fmt.Errorf("postgrestest: promote: it is not one, or took too long: %w", err)
	}
	return nil
}

func (s *Server) start(pick func() (int, error)) (err error) {
	if s.bin, err = findPrograms(); err != nil {
		return err
	}
	if s.owner, err = otherThanRoot(); err != nil {
		return err
	}
	if s.dir, err = s.makeDir(); err != nil {
		return err
	}
	initdb := s.command("initdb", "--pgdata", s.dir, "--username", "postgres", "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s.runAt(pick)
}

// runAt starts the server at a port that pick returns. One that was free may be
// somebody else's by the time the server asks for it: then it ends, and another
// port is tried.
func (s *Server) runAt(pick func() (int, error)) (err error) {
	for range 3 {
		if s.port, err = pick(); err != nil {
			return err
		}
		if err = s.run(); !errors.Is(err, errEnded) {
			return err
		}
	}
	return err
}

// URL returns the connection string of the superuser.
func (s *Server) URL() string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", s.port)
}

// PID is the number of the server's main process, the parent of the others.
func (s *Server) PID() int { return s.process.Pid }

// Kill ends the server as SIGKILL does, in the middle of whatever it is doing,
// and returns when its processes are gone.
func (s *Server) Kill() error {
	return s.end(syscall.SIGKILL)
}

// Restart starts the server again on the same port and data, stopping it first
// if it runs. It returns once the server answers.
func (s *Server) Restart() error {
	if err := s.end(syscall.SIGINT); err != nil {
		return err
	}
	if err := s.run(); err != nil {
		return fmt.Errorf("postgrestest: %w", err)
	}
	return nil
}

// Close stops the server and removes its directory.
func (s *Server) Close() error {
	return errors.Join(s.end(syscall.SIGINT), os.RemoveAll(s.dir))
}

// run starts the server and waits until it takes connections.
func (s *Server) run() error {
	if err := s.launch(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	err := s.ready(ctx)
	if err == nil {
		return nil
	}
	endErr := s.end(syscall.SIGKILL)
	return errors.Join(fmt.Errorf("the server does not start: %w: %s", err, s.log), endErr)
}

func (s *Server) launch() error {
	args := []string{"-D", s.dir, "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-k", ""}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	cmd := s.command("postgres", args...)
	// A buffer and not a file: the processes of the server share the pipe to it,
	// so Wait returns when the last of them is gone, and not before. Until then
	// they hold on to memory that a new server would not start without.
	s.log = new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	return s.supervise(cmd)
}

// ready waits until the server takes connections, or has exited.
func (s *Server) ready(ctx context.Context) error {
	for {
		err := s.answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return errEnded
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// answers asks the server where it works: one that works elsewhere is somebody
// else's, which has got hold of the port first.
func (s *Server) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var dir string
	if err := conn.QueryRow(ctx, "SHOW data_directory").Scan(&dir); err != nil {
		return err
	}
	if filepath.Base(dir) != filepath.Base(s.dir) {
		return fmt.Errorf("another server has port %d", s.port)
	}
	return nil
}

// end sends the server a signal and waits for it to exit.
func (s *Server) end(signal os.Signal) error {
	if s.process == nil {
		return nil
	}
	if err := s.process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("postgrestest: stop the server: %w", err)
	}
	<-s.exited
	s.process = nil
	return nil
}

func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner}
	return cmd
}

func (s *Server) makeDir() (string, error) {
	dir, err := os.MkdirTemp("", "postgrestest-")
	if err != nil || s.owner == nil {
		return dir, err
	}
	return dir, os.Chown(dir, int(s.owner.Uid), int(s.owner.Gid))
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
