package processtest

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
)

// streams serves a server-sent event stream and a WebSocket that end with the
// session.
func streams(p *passport.Passport) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		s := passport.SessionFrom(r.Context())
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: hello\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-s.Done(r.Context()):
			fmt.Fprint(w, "data: signed out\n\n")
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("GET /socket", func(w http.ResponseWriter, r *http.Request) {
		s := passport.SessionFrom(r.Context())
		socket, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		_ = socket.Write(r.Context(), websocket.MessageText, []byte("hello"))
		select {
		case <-s.Done(r.Context()):
			_ = socket.Close(websocket.StatusPolicyViolation, "signed out")
		case <-r.Context().Done():
		}
	})
	return p.Handler(p.RequireLogin(mux))
}

func TestStreamsOnOneInstanceEndWithinASecondOfALogoutOnAnother(t *testing.T) {
	for _, name := range []string{"redis", "postgres"} {
		t.Run(name, func(t *testing.T) {
			address := addresses(t)[name]
			auth := authDomain(t, 0)
			session := signIn(t, auth, address)
			here, closeHere, err := program(task{Store: address, Auth: auth.URL}, nil, nil)
			require.NoError(t, err)
			there, closeThere, err := program(task{Store: address, Auth: auth.URL}, nil, nil)
			require.NoError(t, err)
			t.Cleanup(func() {
				require.NoError(t, here.Close(t.Context()))
				require.NoError(t, there.Close(t.Context()))
				require.NoError(t, closeHere())
				require.NoError(t, closeThere())
			})
			server := httptest.NewServer(streams(here))
			t.Cleanup(server.Close)
			cookie := http.Header{"Cookie": {"passport=" + session}}

			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/events", nil)
			require.NoError(t, err)
			request.Header = cookie
			answer, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			defer answer.Body.Close()
			events := bufio.NewScanner(answer.Body)
			require.True(t, events.Scan())
			require.Equal(t, "data: hello", events.Text())

			socket, _, err := websocket.Dial(t.Context(), server.URL+"/socket", &websocket.DialOptions{HTTPHeader: cookie})
			require.NoError(t, err)
			defer socket.CloseNow()
			_, hello, err := socket.Read(t.Context())
			require.NoError(t, err)
			require.Equal(t, "hello", string(hello))

			s, err := there.Session(t.Context(), passport.Secret(session))
			require.NoError(t, err)
			began := time.Now()
			_, err = there.EndSession(t.Context(), s.ID())
			require.NoError(t, err)

			var last string
			for events.Scan() {
				if events.Text() != "" {
					last = events.Text()
				}
			}
			assert.Equal(t, "data: signed out", last)
			_, _, err = socket.Read(t.Context())
			assert.Equal(t, websocket.StatusPolicyViolation, websocket.CloseStatus(err))
			took := time.Since(began)
			t.Logf("both streams ended %v after the logout began", took)
			assert.Less(t, took, 10*time.Second, "by the notice; the re-check comes after 15 s")
		})
	}
}
