package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

//go:embed nginx.conf
var siteConf string

// mainConf is the rest of what nginx needs, to run without rights and in one directory.
const mainConf = `pid nginx.pid;
error_log stderr warn;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path       proxy;
    fastcgi_temp_path     fastcgi;
    uwsgi_temp_path       uwsgi;
    scgi_temp_path        scgi;
    include               site.conf;
}
`

// patience is how long nginx may take to start, and to end.
const patience = 10 * time.Second

// nginx is a child in the foreground, in a directory of its own.
type nginx struct {
	dir     string
	process *os.Process
	exited  chan struct{}
	output  bytes.Buffer // to be read after that
}

// startNginx returns when it listens at public, in front of the program at backend.
func startNginx(ctx context.Context, public, backend string) (*nginx, error) {
	program, err := findNginx()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "passport-proxy-")
	if err != nil {
		return nil, err
	}
	n := &nginx{dir: dir, exited: make(chan struct{})}
	if err := errors.Join(n.configure(public, backend), n.start(ctx, program, public)); err != nil {
		return nil, errors.Join(fmt.Errorf("nginx does not start: %w", err), n.stop())
	}
	return n, nil
}

func findNginx() (program string, err error) {
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} { // which is not in everybody's PATH
		if program, err = exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", fmt.Errorf("this example needs nginx: on Debian, apt-get install nginx: %w", err)
}

// configure writes what nginx reads: nginx.conf with other ports, and a certificate.
func (n *nginx) configure(public, backend string) error {
	_, port, err := net.SplitHostPort(public)
	if err != nil {
		return err
	}
	certificate, key, err := selfSigned("localhost", "127.0.0.1")
	if err != nil {
		return err
	}
	site := strings.NewReplacer("127.0.0.1:3000", backend, "8443", port).Replace(siteConf)
	for name, contents := range map[string]string{
		"nginx.conf": mainConf, "site.conf": site, "certificate.pem": certificate, "key.pem": key,
	} {
		if err := os.WriteFile(filepath.Join(n.dir, name), []byte(contents), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (n *nginx) start(ctx context.Context, program, public string) error {
	command := exec.Command(program, "-p", n.dir, "-c", filepath.Join(n.dir, "nginx.conf"), "-e", "stderr",
		"-g", "daemon off; master_process off;")
	command.Stdout, command.Stderr = &n.output, &n.output
	if err := command.Start(); err != nil {
		return err
	}
	n.process = command.Process
	go func() {
		_ = command.Wait()
		close(n.exited)
	}()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", public)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-n.exited:
			return fmt.Errorf("it ended: %s", n.output.Bytes())
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stop ends it, by force if it must.
func (n *nginx) stop() error {
	if n.process != nil {
		_ = n.process.Signal(syscall.SIGTERM) // it may have ended by itself
		select {
		case <-n.exited:
		case <-time.After(patience):
			_ = n.process.Kill()
			<-n.exited
		}
	}
	return os.RemoveAll(n.dir)
}
