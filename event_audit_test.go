package passport_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/passporttest"
)

// everyEvent reads the names from the source, so that none is forgotten.
func everyEvent(t *testing.T) (names []passport.EventName) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && len(spec.Values) == 1 && strings.HasPrefix(spec.Names[0].Name, "Event") {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			names = append(names, passport.EventName(text))
		}
		return true
	})
	require.Greater(t, len(names), 10)
	return names
}

func TestTheAuditLogHasOneLineAnEvent(t *testing.T) {
	log := &syncBuffer{}
	audit := passport.AuditLog(slog.New(slog.NewJSONHandler(log, nil)))
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	names := everyEvent(t)
	for _, name := range names {
		audit(passport.Event{
			Name: name, Time: at, Session: "id", Subject: "al\nice", SID: "sid", RemoteAddr: "198.51.100.7", Reason: passport.LoginDenied,
			Context: t.Context(), Err: errors.New("line\n" + strings.Repeat("x", 10_000)),
		})
	}
	audit(passport.Event{Name: "empty", Time: at})
	lines := bufio.NewScanner(strings.NewReader(log.String()))
	for _, name := range names {
		require.True(t, lines.Scan())
		var line map[string]any
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		reason := line["error"].(string)
		assert.LessOrEqual(t, len(reason), 500)
		delete(line, "error")
		assert.Equal(t, map[string]any{
			"time": "2026-11-27T12:00:00Z", "level": "WARN", "msg": string(name), "subject": "al\nice",
			"session": "id", "sid": "sid", "remote_addr": "198.51.100.7", "reason": "denied",
		}, line)
	}
	require.True(t, lines.Scan())
	assert.JSONEq(t, `{"time":"2026-11-27T12:00:00Z","level":"INFO","msg":"empty"}`, lines.Text())
	assert.False(t, lines.Scan())
}

// TestNoSecretReachesTheAuditLog goes through logins, refreshes, logouts and their
// failures, and looks for every secret that they had to do with.
func TestNoSecretReachesTheAuditLog(t *testing.T) {
	log := &syncBuffer{}
	s := newSite(t, func(c *passport.Config) {
		note := c.OnEvent
		audit := passport.AuditLog(slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
		c.OnEvent = func(e passport.Event) { note(e); audit(e) }
	})
	var secrets []string
	for range 3 {
		b := s.signedIn()
		secrets = append(secrets, b.cookie("passport"))
		session, err := s.p.Session(t.Context(), passport.Secret(b.cookie("passport")))
		require.NoError(t, err)
		require.NoError(t, session.Refresh(t.Context()))
		id, err := session.IDToken(t.Context())
		require.NoError(t, err)
		access, err := session.AccessToken(t.Context())
		require.NoError(t, err)
		secrets = append(secrets, id.Reveal(), access.Reveal())
		b.get("/login")
		secrets = append(secrets, b.cookie("passport"))
		lift := s.auth.Inject(passporttest.Fault{Path: "/oauth/token", Status: 400, Body: `{"error":"invalid_grant"}`})
		again, err := s.p.Session(t.Context(), passport.Secret(b.cookie("passport")))
		require.NoError(t, err)
		_ = again.Refresh(t.Context())
		lift()
		b.get("/login")
		lift = s.auth.Inject(passporttest.Fault{Path: "/oauth/revoke", Status: 401})
		b.logout()
		require.Eventually(t, func() bool { return len(s.events.named(passport.EventRevocationFailed)) > 0 }, 10*time.Second, time.Millisecond)
		lift()
		b.get("/redirect?state=guessed-state&code=guessed-code")
		secrets = append(secrets, b.cookie("passport-logout"), "guessed-state", "guessed-code")
		s.clock.add(time.Minute)
	}
	for _, name := range []passport.EventName{
		passport.EventLogin, passport.EventLoginFailed, passport.EventLogout, passport.EventSessionReplaced, passport.EventSessionLost,
		passport.EventRevocationFailed,
	} {
		assert.NotEmpty(t, s.events.named(name), name)
	}
	for _, token := range s.auth.RefreshTokens() {
		secrets = append(secrets, token.Value)
	}
	require.Greater(t, len(secrets), 15)
	written := log.String()
	assert.Len(t, s.events.copy(), strings.Count(written, "\n"))
	for _, secret := range secrets {
		if assert.NotEmpty(t, secret) {
			assert.False(t, strings.Contains(written, secret), "a secret of %d bytes is in the log", len(secret))
		}
	}
	assert.NotContains(t, fmt.Sprint(s.events.copy()), "guessed-state")
}
