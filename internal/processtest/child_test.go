package processtest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage"
)

// What happens to a whole process is tested on whole processes: this test
// binary run again, as one of these.
var children = map[string]func(task) error{
	"logout":  logOutAndStop,
	"recover": recoverAndWait,
	"use":     useAndLogOut,
	"serve":   serveInstance,
}

const childVariable = "PASSPORT_PROCESSTEST"

// task is what a child is to do.
type task struct {
	Kind      string
	Store     string // address
	Auth      string // URL of the auth domain
	SessionID string
	Step      int64         // logout: where to stop for ever; 0: nowhere
	Ahead     time.Duration // how far the clock runs ahead
	Seed      uint64        // use: of the order of things
	Listen    string        // serve: the address; empty: any
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		var do task
		err := json.Unmarshal([]byte(text), &do)
		if err == nil {
			err = children[do.Kind](do)
		}
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		return
	}
	err := startServers()
	code := 1
	if err == nil {
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, "processtest:", err)
	}
	stopServers()
	os.Exit(code)
}

// program is one instance: a Passport with its store.
func program(do task, wrap func(store) storage.TokenStore, transport http.RoundTripper) (*passport.Passport, func() error, error) {
	now := func() time.Time { return time.Now().Add(do.Ahead) }
	s, closeStore, err := open(do.Store, now)
	if err != nil {
		return nil, nil, err
	}
	c := config(do.Auth)
	c.Store, c.Now = storage.TokenStore(s), now
	if wrap != nil {
		c.Store = wrap(s)
	}
	c.HTTPClient = &http.Client{Transport: transport, Timeout: 10 * time.Second}
	p, err := passport.New(c)
	return p, closeStore, err
}

func config(auth string) passport.Config {
	return passport.Config{
		ClientID:    passporttest.ClientID,
		AuthDomain:  auth,
		RedirectURI: "http://127.0.0.1/redirect",

		RevokeOnProviderLogout: true,
		EncryptionKeys:         [][]byte{[]byte("a key of exactly thirty-two byte")},
	}
}

// logOutAndStop logs out, and stops for ever at its step.
func logOutAndStop(do task) error {
	steps := &steps{stopAt: do.Step}
	p, closeStore, err := program(do, func(s store) storage.TokenStore { return stepping{s, steps} }, steppingTransport{steps})
	if err != nil {
		return err
	}
	s, err := p.Session(context.Background(), passport.Secret(do.SessionID))
	if err != nil {
		return err
	}
	steps.counting.Store(true)
	if _, err := p.EndSession(context.Background(), s.ID()); err != nil {
		return err
	}
	if err := p.Close(context.Background()); err != nil {
		return err
	}
	if err := closeStore(); err != nil {
		return err
	}
	fmt.Println("done")
	return nil
}

// recoverAndWait is the next start: it says whether the session is there, and
// lives until its standard input ends.
func recoverAndWait(do task) error {
	p, closeStore, err := program(do, nil, nil)
	if err != nil {
		return err
	}
	s, err := p.Session(context.Background(), passport.Secret(do.SessionID))
	switch {
	case err == nil:
		if _, err := s.AccessToken(context.Background()); err != nil {
			return err
		}
		fmt.Println("whole")
	case errors.Is(err, passport.ErrNoSession):
		fmt.Println("gone")
	default:
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	return errors.Join(p.Close(context.Background()), closeStore())
}

// useAndLogOut refreshes again and again, and logs out in the middle of it.
func useAndLogOut(do task) error {
	p, closeStore, err := program(do, nil, nil)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(do.Seed, 0))
	for i := range 40 {
		s, err := p.Session(context.Background(), passport.Secret(do.SessionID))
		if errors.Is(err, passport.ErrNoSession) {
			break
		}
		if err != nil {
			return err
		}
		if i > 10 && rng.IntN(20) == 0 {
			if _, err := p.EndSession(context.Background(), s.ID()); err != nil {
				return err
			}
			break
		}
		if _, err := s.AccessToken(context.Background()); err != nil && !errors.Is(err, passport.ErrNoSession) {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := errors.Join(p.Close(ctx), closeStore()); err != nil {
		return err
	}
	fmt.Println("done")
	return nil
}

// steps counts what a logout does, and stops the process at one of them.
type steps struct {
	counting atomic.Bool
	n        atomic.Int64
	stopAt   int64
}

func (s *steps) take() {
	if s.counting.Load() && s.n.Add(1) == s.stopAt {
		fmt.Println("stopped")
		select {}
	}
}

// around takes a step before and after.
func around[T any](s *steps, f func() (T, error)) (T, error) {
	s.take()
	v, err := f()
	s.take()
	return v, err
}

// stepping is a store whose part in a logout is counted.
type stepping struct {
	store
	steps *steps
}

func (s stepping) DeleteAndEnqueue(ctx context.Context, id string, hold time.Duration) (storage.Revocation, error) {
	return around(s.steps, func() (storage.Revocation, error) { return s.store.DeleteAndEnqueue(ctx, id, hold) })
}

func (s stepping) Complete(ctx context.Context, d storage.Revocation) error {
	_, err := around(s.steps, func() (struct{}, error) { return struct{}{}, s.store.Complete(ctx, d) })
	return err
}

type steppingTransport struct{ steps *steps }

func (s steppingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return around(s.steps, func() (*http.Response, error) { return http.DefaultTransport.RoundTrip(r) })
}

// process is a child and what it says.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
	wait  sync.Once
}

func start(t *testing.T, do task) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	text, err := json.Marshal(do)
	require.NoError(t, err)
	p := &process{t: t, cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	p.cmd.Stderr = os.Stderr
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.lines = bufio.NewScanner(out)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(p.kill)
	return p
}

// says returns the next line.
func (p *process) says() string {
	p.t.Helper()
	require.True(p.t, p.lines.Scan(), "the process ended without a word")
	line := p.lines.Text()
	require.False(p.t, strings.HasPrefix(line, "error:"), line)
	return line
}

// kill ends the process as SIGKILL does.
func (p *process) kill() {
	p.wait.Do(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
}

// finish lets the process end by itself, and well.
func (p *process) finish() {
	p.t.Helper()
	p.wait.Do(func() {
		require.NoError(p.t, p.stdin.Close())
		for p.lines.Scan() {
			require.False(p.t, strings.HasPrefix(p.lines.Text(), "error:"), p.lines.Text())
		}
		require.NoError(p.t, p.cmd.Wait())
	})
}
