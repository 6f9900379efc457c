package native_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
)

// Any program on the machine, whosoever it is, can connect to the port of a login.

// connect opens a connection on which nothing takes longer than it may.
func (d *desktop) connect(address string) net.Conn {
	c, err := net.Dial("tcp", hostOf(d.t, address))
	require.NoError(d.t, err)
	require.NoError(d.t, c.SetDeadline(time.Now().Add(patience/3)))
	d.t.Cleanup(func() { _ = c.Close() })
	return c
}

// ask sends a request, and returns the status of its answer.
func (d *desktop) ask(c net.Conn, answers *bufio.Reader, header string) int {
	_, err := fmt.Fprintf(c, "GET /favicon.ico HTTP/1.1\r\nHost: %s\r\n%s\r\n", c.RemoteAddr(), header)
	assert.NoError(d.t, err)
	res, err := http.ReadResponse(answers, nil)
	if !assert.NoError(d.t, err) {
		return 0
	}
	_, err = io.Copy(io.Discard, res.Body)
	assert.NoError(d.t, err)
	return res.StatusCode
}

func TestStrangersDoNotKeepManyConnections(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	d.surfBy(func(address string) {
		var first net.Conn
		var answers *bufio.Reader
		for i := range 100 {
			c := d.connect(address)
			r := bufio.NewReader(c)
			assert.Equal(t, http.StatusBadRequest, d.ask(c, r, ""))
			if i == 0 {
				first, answers = c, r
			}
		}
		_, err := answers.ReadByte()
		assert.ErrorIs(t, err, io.EOF, "the server has closed %v", first.LocalAddr())
		d.pages <- d.visit(browser, address)
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.NoError(t, err, "and the browser gets in")
	assert.Contains(t, d.shown().text, "You are signed in")
}

// Otherwise the login, and the end of the program, would wait for it.
func TestABodyThatDoesNotComeIsNotWaitedFor(t *testing.T) {
	d := newDesktop(t)
	browser := d.auth.Browser()
	d.surfBy(func(address string) {
		for _, header := range []string{"Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n"} {
			c := d.connect(address)
			answers := bufio.NewReader(c)
			assert.Equal(t, http.StatusBadRequest, d.ask(c, answers, header))
			_, err := answers.ReadByte()
			assert.ErrorIs(t, err, io.EOF, header)
		}
		d.pages <- d.visit(browser, address)
	})
	_, err := d.p.Login(t.Context(), passport.LoginOptions{})
	require.NoError(t, err)
	assert.Contains(t, d.shown().text, "You are signed in")
}
