package transport

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

type other struct{ http.RoundTripper }

func TestWhatTheProgramHasSetIsLeftAsItIs(t *testing.T) {
	theirs := &http.Transport{HTTP2: &http.HTTP2Config{SendPingTimeout: time.Minute}}
	assert.Same(t, theirs, Checked(theirs))
	assert.Equal(t, other{}, Checked(other{}), "of another type")

	theirs = &http.Transport{MaxIdleConns: 7, HTTP2: &http.HTTP2Config{PingTimeout: time.Second, MaxReadFrameSize: 1 << 20}}
	ours := Checked(theirs).(*http.Transport)
	assert.Equal(t, http.HTTP2Config{SendPingTimeout: silence, PingTimeout: time.Second, MaxReadFrameSize: 1 << 20}, *ours.HTTP2)
	assert.Equal(t, 7, ours.MaxIdleConns)
	assert.Zero(t, theirs.HTTP2.SendPingTimeout, "the program's own")
}

func TestTheDefaultTransportIsCheckedToo(t *testing.T) {
	ours := Checked(nil).(*http.Transport)
	assert.Equal(t, http.HTTP2Config{SendPingTimeout: silence, PingTimeout: patience}, *ours.HTTP2)
	assert.Nil(t, http.DefaultTransport.(*http.Transport).HTTP2)
	assert.NotNil(t, ours.Proxy)
}
