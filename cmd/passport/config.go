package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/text"
)

const configHelp = `CONFIG is a JSON file as docs/configuration.md describes it. Without one, the
configuration comes from the environment (PASSPORT_CLIENT_ID, ...).
`

// longestConfig bounds what is read of a file.
const longestConfig = 1 << 20

// readConfig reads a JSON file, or the environment if it has no name.
func readConfig(ctx context.Context, file string) (passport.Config, error) {
	if file == "" {
		return passport.ConfigFromEnv()
	}
	var c passport.Config
	data, err := readFile(ctx, file, longestConfig)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		return passport.Config{}, fmt.Errorf("the configuration file: %w", err)
	}
	return c, nil
}

// readFile reads a file of at most n bytes. The error does not repeat its name.
func readFile(ctx context.Context, name string, n int64) ([]byte, error) {
	return untilDone(ctx, func() ([]byte, error) {
		f, err := os.Open(name)
		if err != nil {
			return nil, withoutPath(err)
		}
		defer f.Close()
		data, err := readAtMost(f, n)
		return data, withoutPath(err)
	})
}

func readAtMost(r io.Reader, n int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, n+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > n {
		return nil, errors.New("is too large")
	}
	return text.UTF8(data), nil
}

// untilDone returns what read does, or gives up: nothing else ends a read from a terminal
// or a pipe at Ctrl-C. The goroutine ends with the program, which is about to.
func untilDone(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := read()
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, errors.New("interrupted")
	}
}
