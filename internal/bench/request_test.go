package bench

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2/memstore"
	"github.com/stretchr/testify/require"
)

const idle = time.Hour

// sizes are how many are signed in, and all in use, while checks are measured.
var sizes = []struct {
	name string
	live int
}{{"1k", 1_000}, {"10k", 10_000}, {"100k", 100_000}}

// BenchmarkRequestInMemory is the check on every request, in one process.
func BenchmarkRequestInMemory(b *testing.B) {
	for _, size := range sizes {
		b.Run("live="+size.name, func(b *testing.B) { requestInMemory(b, size.live) })
	}
}

func requestInMemory(b *testing.B, live int) {
	contenders := []contender{
		limitInMemory(many(live)),
		passportSessions(b, many(live), nil, 0),
		passportSessions(b, many(live), nil, idle),
	}
	contenders = append(contenders, contenders[1].readingToken())
	if live == users {
		contenders = append(contenders,
			scsSessions(b, memstore.New(), 0), scsSessions(b, memstore.New(), idle), gorillaSessions(b))
	}
	for _, c := range contenders {
		b.Run("serial/"+c.name, c.serial)
	}
	for _, c := range contenders {
		b.Run("parallel/"+c.name, func(b *testing.B) { c.parallel(b, runtime.GOMAXPROCS(0)) })
	}
}

// serial sends one request after the other through the handler.
func (c contender) serial(b *testing.B) {
	requests := c.requests(b)
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.reset()
		c.handler.ServeHTTP(w, requests[i%len(requests)])
	}
	require.Equal(b, http.StatusNoContent, w.status)
}

// parallel sends requests from a number of goroutines at once.
func (c contender) parallel(b *testing.B, goroutines int) {
	requests := c.requests(b)
	var started atomic.Int64
	b.ReportAllocs()
	b.SetParallelism((goroutines + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	b.ResetTimer() // Loop does so by itself
	b.RunParallel(func(pb *testing.PB) {
		w := &discard{header: http.Header{}}
		for i := int(started.Add(1)) * len(requests) / goroutines; pb.Next(); i++ {
			w.reset()
			c.handler.ServeHTTP(w, requests[i%len(requests)])
			if w.status != http.StatusNoContent {
				b.Errorf("the handler answers %d", w.status)
				return
			}
		}
	})
}

// requests are one of each user's, in random order. Each has been made once, so that
// all are in use when the measurement begins.
func (c contender) requests(b *testing.B) []*http.Request {
	b.Helper()
	requests := make([]*http.Request, len(c.cookies))
	w := &discard{header: http.Header{}}
	for i, cookie := range c.cookies {
		requests[i] = &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, RequestURI: "/", Host: "localhost:8080", Header: http.Header{"Cookie": {cookie}}}
		w.reset()
		c.handler.ServeHTTP(w, requests[i])
		if w.status != http.StatusNoContent {
			b.Fatalf("the handler answers %d", w.status)
		}
	}
	rand.Shuffle(len(requests), func(i, j int) { requests[i], requests[j] = requests[j], requests[i] })
	runtime.GC()
	return requests
}

// discard is a response that goes nowhere, as cheap as can be.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

func (d *discard) reset() {
	clear(d.header)
	d.status = 0
}
