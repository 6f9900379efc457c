package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/internal/jwt"
	"github.com/passport-go/passport/internal/text"
)

const verifyHelp = `usage: passport verify [-config CONFIG] [FILE]

Prints the claims of a token, and says whether the program of this configuration
accepts it: an ID token, an access token (Config.Audience), or a logout token. The
token is in FILE or, without one, on standard input, because others can see a command
line. It knows nothing of logouts: it does not ask the program's store.

` + configHelp + `
Exit codes: 0 accepted, 1 refused, 2 not known (configuration, network), 64 wrong usage.

`

// verifyTimeout bounds the calls to the provider.
const verifyTimeout = 30 * time.Second

func verify(ctx context.Context, t terminal, args []string) int {
	flags := newFlags(t, "verify", verifyHelp)
	file := flags.String("config", "", "a JSON `file` with the configuration (default: the environment)")
	if code, ok := parse(t, flags, args, 1); !ok {
		return code
	}
	if looksLikeToken(flags.Arg(0)) { // else it is not printed either
		fmt.Fprintln(t.err, "passport verify: a token on the command line is visible to others, and in the shell's history: pass it on standard input or in a file")
		return exitBadUsage
	}
	token, err := readToken(ctx, t, flags.Arg(0))
	if err != nil {
		fmt.Fprintln(t.err, "passport verify:", err)
		return exitFailed
	}
	config, err := readConfig(ctx, *file)
	if err != nil {
		fmt.Fprintln(t.err, "passport verify:", err)
		return exitFailed
	}
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	return judge(ctx, t, config, token)
}

func looksLikeToken(argument string) bool {
	token := withoutScheme(argument)
	return token != strings.TrimSpace(argument) || strings.HasPrefix(token, "eyJ") && strings.Count(token, ".") >= 2
}

// withoutScheme takes the token out of the value of an Authorization header (RFC 6750
// §2.1).
func withoutScheme(value string) string {
	value = strings.TrimSpace(value)
	if scheme, token, ok := strings.Cut(value, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return value
}

// longestToken is more than any token that is accepted.
const longestToken = 64 << 10

func readToken(ctx context.Context, t terminal, name string) (passport.Secret, error) {
	var data []byte
	var err error
	if name == "" || name == "-" {
		if isTerminal(t.in) {
			fmt.Fprintln(t.err, "passport verify: paste the token, press Enter and then Ctrl-D")
		}
		data, err = untilDone(ctx, func() ([]byte, error) { return readAtMost(t.in, longestToken) })
	} else {
		data, err = readFile(ctx, name, longestToken)
	}
	if err != nil {
		return "", fmt.Errorf("the token: %w", err)
	}
	token := withoutScheme(string(data))
	if token == "" {
		return "", errors.New("there is no token")
	}
	return passport.Secret(token), nil
}

// isTerminal reports whether somebody may be typing.
func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// judge prints the claims to standard output and the verdict to standard error.
func judge(ctx context.Context, t terminal, config passport.Config, token passport.Secret) int {
	config.BearerTokens = true
	p, err := passport.New(config)
	if err != nil {
		fmt.Fprintln(t.err, "passport verify:", err)
		return exitFailed
	}
	defer p.Close(ctx)
	parsed, err := jwt.Parse(token.Reveal())
	if err != nil {
		fmt.Fprintln(t.err, "refused:", err)
		return exitRefused
	}
	printClaims(t.out, parsed)
	if parsed.Claims.Has("events") {
		_, err = p.EndByLogoutToken(ctx, token.Reveal()) // its store is empty
		if err == nil {
			fmt.Fprintln(t.err, "accepted: a logout token")
			return exitOK
		}
	} else {
		var b passport.Bearer
		if b, err = p.VerifyBearer(ctx, token); err == nil {
			kind := strings.ReplaceAll(string(b.Kind), "_", " ")
			fmt.Fprintf(t.err, "accepted: an %s, until %s\n", kind, b.Expiry.UTC().Format(time.RFC3339))
			return exitOK
		}
	}
	if errors.Is(err, passport.ErrKeysUnavailable) {
		fmt.Fprintln(t.err, "not known:", err)
		return exitFailed
	}
	fmt.Fprintln(t.err, "refused:", err)
	explain(t.err, config, parsed.Claims)
	return exitRefused
}

func printClaims(w io.Writer, token *jwt.Token) {
	var claims bytes.Buffer
	if json.Indent(&claims, token.Payload, "", "  ") != nil {
		return
	}
	_, _ = fmt.Fprintln(w, text.Lines(claims.String()))
}

// explain compares the claims that are most often wrong with the configuration.
func explain(w io.Writer, config passport.Config, claims jwt.Object) {
	issuer, _ := claims.Text("iss")
	if config.Issuer != "" && issuer != config.Issuer {
		fmt.Fprintf(w, "  iss is %q, and Config.Issuer is %q\n", text.Line(issuer, 255), config.Issuer)
	}
	audience, _ := claims.Texts("aud")
	if !slices.Contains(audience, config.ClientID) && !slices.Contains(audience, config.Audience) {
		fmt.Fprintf(w, "  aud is %q, Config.ClientID (of ID tokens) is %q, and Config.Audience (of access tokens) is %q\n",
			text.Line(strings.Join(audience, " "), 255), config.ClientID, config.Audience)
	}
	if expiry, ok := claims.Time("exp"); ok && expiry.Before(time.Now()) {
		fmt.Fprintf(w, "  exp was %s ago\n", time.Since(expiry).Round(time.Second))
	}
}
