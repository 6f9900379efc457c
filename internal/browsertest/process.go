package browsertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// process is a program with a home of its own, which it may litter.
type process struct {
	command *exec.Cmd
	home    string
	exited  chan struct{}
}

// startTime bounds how long a program may take to say that it is ready.
const startTime = 60 * time.Second

// start starts a program in a new home, and returns what the pattern's group
// matches first in what it prints. prepare may fill the home and change the
// command before it starts.
func start(path string, pattern *regexp.Regexp, prepare func(home string, command *exec.Cmd) error) (*process, string, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, "", err
	}
	p, err := startQuiet(path, func(home string, command *exec.Cmd) error {
		command.Stdout, command.Stderr = write, write
		return prepare(home, command)
	})
	_ = write.Close()
	if err != nil {
		return nil, "", errors.Join(err, read.Close())
	}
	ready, err := p.await(read, pattern)
	if err != nil {
		p.end()
		return nil, "", fmt.Errorf("start %s: %w", filepath.Base(path), err)
	}
	return p, ready, nil
}

// startQuiet is start for a program that says nothing when it is ready.
func startQuiet(path string, prepare func(home string, command *exec.Cmd) error) (*process, error) {
	home, err := os.MkdirTemp("", "browsertest-")
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.Command(path), home: home, exited: make(chan struct{})}
	p.command.Env = append(os.Environ(), "HOME="+home, "TMPDIR="+home, "XDG_RUNTIME_DIR="+home,
		"XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "XDG_CACHE_HOME="+home)
	endWithParent(p.command)
	if err = prepare(home, p.command); err == nil {
		err = p.command.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(home))
	}
	go func() {
		_ = p.command.Wait()
		close(p.exited)
	}()
	return p, nil
}

// await reads on for as long as the program runs, lest it blocks.
func (p *process) await(output io.ReadCloser, pattern *regexp.Regexp) (string, error) {
	found := make(chan string, 1)
	go func() {
		defer output.Close()
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			if match := pattern.FindStringSubmatch(lines.Text()); match != nil {
				select {
				case found <- match[1]:
				default:
				}
			}
		}
		_, _ = io.Copy(io.Discard, output)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	select {
	case match := <-found:
		return match, nil
	case <-p.exited:
		return "", errors.New("it has ended")
	case <-ctx.Done():
		return "", errors.New("it does not get ready")
	}
}

// end ends the program and what it has started, and removes its home.
func (p *process) end() {
	endGroup(p.command)
	<-p.exited
	_ = os.RemoveAll(p.home)
}
