// Grpc is a service on google.golang.org/grpc that lets in bearer tokens, and a site
// that calls it for its users. When a user signs out of the site, the service refuses
// the tokens of that session, also a copy that somebody has made.
//
//	go run ./examples/recipes/grpc
package main

import (
	"context"
	"errors"
	"net"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/examples/internal/run"
)

func main() {
	run.Main(func(ctx context.Context, listener net.Listener, c passport.Config) error {
		backend, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		return serve(ctx, listener, backend, c)
	})
}

// serve serves both in one process. In two, each has a Passport of its own, with the
// same ClientID, Store and EncryptionKeys.
func serve(ctx context.Context, listener, backend net.Listener, c passport.Config) error {
	c.BearerTokens = true
	p, err := passport.New(c)
	if err != nil {
		return err
	}
	b := bearer{p}
	server := grpc.NewServer(grpc.UnaryInterceptor(b.unary), grpc.StreamInterceptor(b.stream))
	server.RegisterService(&service, nil)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(backend) }()

	// In earnest with TLS: whoever reads a token can use it until its user signs out.
	conn, err := grpc.NewClient(backend.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	s := &site{p, conn}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", p.Login)
	mux.HandleFunc("GET /redirect", p.LoginCallback)
	mux.HandleFunc("POST /logout", p.Logout)
	mux.HandleFunc("GET /{$}", s.home)
	mux.Handle("GET /inventory", p.RequireLogin(http.HandlerFunc(s.inventory)))
	err = run.HTTP(ctx, listener, p.Handler(mux), p)
	server.Stop() // ends streams; GracefulStop would wait for them
	return errors.Join(err, <-ended)
}

type site struct {
	p    *passport.Passport
	conn *grpc.ClientConn
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	var profile passport.Profile
	if session := passport.SessionFrom(r.Context()); session != nil {
		profile, _ = session.Profile(r.Context()) // shows nobody instead
	}
	_ = run.Home(w, profile.Email) // fails only if the browser is gone
}

// inventory asks the service on behalf of the user. The ID token names the session, so
// it ends with this one alone; an access token may have no sid.
func (s *site) inventory(w http.ResponseWriter, r *http.Request) {
	token, err := passport.SessionFrom(r.Context()).IDToken(r.Context())
	if err != nil {
		http.Error(w, "Your session has ended.", http.StatusUnauthorized)
		return
	}
	ctx := metadata.AppendToOutgoingContext(r.Context(), "authorization", "Bearer "+token.Reveal())
	answer := new(wrapperspb.StringValue)
	if err := s.conn.Invoke(ctx, list, &emptypb.Empty{}, answer); err != nil {
		http.Error(w, "The inventory cannot be read: "+status.Code(err).String(), http.StatusBadGateway)
		return
	}
	_, _ = w.Write([]byte(answer.Value))
}
