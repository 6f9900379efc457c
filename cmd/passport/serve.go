package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"

	"github.com/passport-go/passport/internal/authdomain"
	"github.com/passport-go/passport/passporttest"
)

const serveHelp = `usage: passport serve [flags]

Serves package passporttest's stand-in for the auth domain, so that a team can develop
without an account and without a network. NEVER FOR PRODUCTION: it has no passwords.
Whoever reaches it signs in as any user, so it listens on loopback addresses only. Its
keys and users are gone when it ends.

Point a program at it with the lines that it prints. Without -redirect and -logout,
every URI on a loopback host is allowed; with them, only those, as at a real provider.

Exit codes: 0 ended by a signal, 2 failed, 64 wrong usage.

`

func serve(ctx context.Context, t terminal, args []string) int {
	flags := newFlags(t, "serve", serveHelp)
	var o passporttest.Options
	var redirects, logouts, users list
	flags.StringVar(&o.Addr, "addr", "127.0.0.1:9999", "the loopback `address` to listen on")
	client := flags.String("client", passporttest.ClientID, "the `ID` of the one client")
	flags.Var(&redirects, "redirect", "a registered redirect `URI`; may be repeated")
	flags.Var(&logouts, "logout", "a registered logout `URI`; may be repeated")
	flags.Var(&users, "user", "the `e-mail` address of a user; may be repeated (default alice@example.com)")
	flags.BoolVar(&o.AutoLogin, "auto", false, "sign in the first user without a login page")
	flags.BoolVar(&o.ConfirmLogout, "confirm", false, "ask before a logout by OpenID Connect, as many providers do")
	if code, ok := parse(t, flags, args, 0); !ok {
		return code
	}
	if err := checkLoopback(o.Addr); err != nil {
		fmt.Fprintln(t.err, "passport serve:", err)
		return exitBadUsage
	}
	anywhere := len(redirects) == 0 && len(logouts) == 0
	o.Clients = []passporttest.Client{{ID: *client, RedirectURIs: redirects, LogoutURLs: logouts, AnyLoopback: anywhere}}
	o.Users = usersOf(users)
	o.Logger = slog.New(slog.DiscardHandler) // said below
	if err := standIn(ctx, t, o); err != nil {
		fmt.Fprintln(t.err, "passport serve:", err)
		return exitFailed
	}
	return exitOK
}

// list is a flag that may be repeated.
type list []string

var _ flag.Value = (*list)(nil)

func (l *list) String() string { return strings.Join(*l, " ") }

func (l *list) Set(value string) error {
	if value == "" {
		return errors.New("is empty")
	}
	*l = append(*l, value)
	return nil
}

func checkLoopback(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return errors.New("-addr must be a host and a port, such as 127.0.0.1:9999")
	}
	if !authdomain.Loopback(host) {
		return errors.New("-addr must be on a loopback host, such as 127.0.0.1:9999: whoever reaches it signs in as any user")
	}
	return nil
}

// usersOf are passporttest's default user, or one for each address.
func usersOf(addresses list) (users []passporttest.User) {
	for i, address := range addresses {
		name, _, _ := strings.Cut(address, "@")
		users = append(users, passporttest.User{
			Subject:         fmt.Sprintf("email|%024x", i+1),
			Email:           address,
			Nickname:        name,
			Username:        name,
			ZkEVMEthAddress: fmt.Sprintf("0x%040x", i+1),
		})
	}
	return users
}

// standIn serves until ctx is done.
func standIn(ctx context.Context, t terminal, o passporttest.Options) (err error) {
	defer func() {
		if p := recover(); p != nil { // as NewServer reports what it cannot listen on, or use
			err = fmt.Errorf("%v", p)
		}
	}()
	s := passporttest.NewServer(o)
	defer s.Close()
	announce(t, s.URL, o.Clients[0].ID)
	<-ctx.Done()
	return nil
}

func announce(t terminal, url, client string) {
	fmt.Fprint(t.err, strings.Repeat("*", 72)+"\n"+
		"NEVER FOR PRODUCTION: this auth domain has no passwords. Whoever reaches\n"+
		"it signs in as any user, and a program that trusts it lets them in.\n"+
		strings.Repeat("*", 72)+"\n")
	_, _ = io.WriteString(t.out, "PASSPORT_AUTH_DOMAIN="+url+"\nPASSPORT_CLIENT_ID="+client+"\n")
}
