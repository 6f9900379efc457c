package passporttest

import (
	"slices"
	"sync"
	"time"
)

// Fault makes requests go wrong. Its fields can be combined; a Fault with none
// but Path set does nothing. Start it with [AuthDomain.Inject].
type Fault struct {
	// Path is the endpoint that it strikes, such as "/oauth/revoke". Empty
	// means all of them.
	Path string

	// Times is how many requests it strikes before it lifts itself. 0 means
	// all until it is lifted.
	Times int

	// If, unless nil, must return true for a request to be struck, and to
	// count. It is called from many goroutines.
	If func(Request) bool

	// Late lets the endpoint do its work first (use up the code, rotate the
	// refresh token, end the session), so that Delay, Hang, Cut, Status and
	// Error strike the answer instead of the request.
	Late bool

	// Delay is how long each request waits.
	Delay time.Duration

	// Hang keeps the request until the client goes away or the fault is
	// lifted, upon which it goes on as if nothing had happened.
	Hang bool

	// Cut breaks the connection without an answer. Go's and other clients send
	// a GET once more by themselves when that happens on a connection that
	// they had used before.
	Cut bool

	// Status is answered instead, with Body, which may be empty, and with a
	// Retry-After of as many whole seconds as RetryAfter has, unless it is 0.
	Status     int
	RetryAfter time.Duration
	Body       string

	// Error is an OAuth error code to answer with, such as "invalid_grant" or
	// "access_denied": /authorize sends it to the redirect URI, the others
	// answer with JSON, and with Status unless that is 0.
	Error string

	// DenyFraming adds X-Frame-Options: DENY to the answer. Since browsers heed
	// that on a page alone, a redirect becomes a page that goes on to the same
	// place by itself, where it is not in a frame.
	DenyFraming bool

	// NoCORS leaves out the headers of CORS, so that a script on another
	// origin cannot read the answer.
	NoCORS bool

	// KeepSession lets /v2/logout and /oidc/logout answer as ever while the
	// Passport session lives on.
	KeepSession bool

	// KeepTokens lets /oauth/revoke answer 200 while the token lives on.
	KeepTokens bool

	// EditClaims, unless nil, changes the claims of ID tokens before they are
	// signed. It is called from many goroutines, as EditAnswer is.
	EditClaims func(claims map[string]any)

	// EditAnswer, unless nil, changes the JSON object of a successful answer:
	// of the token endpoint, of the discovery document, and so on.
	EditAnswer func(answer map[string]any)
}

// Inject starts a fault and returns what lifts it; calling that more than once
// does no harm. All faults that match a request strike it: their delays add
// up, and of those that answer it, the one injected last does.
func (d *AuthDomain) Inject(f Fault) (lift func()) {
	a := &activeFault{Fault: f, left: f.Times, lifted: make(chan struct{})}
	d.faults.add(a)
	return func() { d.faults.lift(a) }
}

// Lift lifts all faults.
func (d *AuthDomain) Lift() { d.faults.liftAll() }

type faults struct {
	mu     sync.Mutex
	active []*activeFault // oldest first, until they are lifted
}

type activeFault struct {
	Fault
	left   int           // of Times, if that is not 0
	lifted chan struct{} // closed when it is lifted
	once   sync.Once
}

func (s *faults) add(a *activeFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = append(s.active, a)
}

func (s *faults) lift(a *activeFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = slices.DeleteFunc(s.active, func(other *activeFault) bool { return other == a })
	a.once.Do(func() { close(a.lifted) })
}

func (s *faults) liftAll() {
	s.mu.Lock()
	all := slices.Clone(s.active)
	s.mu.Unlock()
	for _, a := range all {
		s.lift(a)
	}
}

// strike returns the faults that strike a request, and counts it.
func (s *faults) strike(r Request) effect {
	var e effect
	for _, a := range s.matching(r) {
		if s.take(a) {
			e = append(e, a)
		}
	}
	return e
}

// matching calls the tests' own functions, and so holds no lock meanwhile.
func (s *faults) matching(r Request) []*activeFault {
	s.mu.Lock()
	all := slices.Clone(s.active)
	s.mu.Unlock()
	return slices.DeleteFunc(all, func(a *activeFault) bool {
		return !a.strikes(r.Path) || a.If != nil && !a.If(r)
	})
}

func (s *faults) take(a *activeFault) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Times == 0 {
		return true
	}
	a.left--
	return a.left >= 0
}

// corsOff reports whether a preflight request for path must fail. It counts
// for nothing, so that Times counts the requests that the test means.
func (s *faults) corsOff(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.active, func(a *activeFault) bool {
		return a.NoCORS && a.strikes(path) && (a.Times == 0 || a.left > 0)
	})
}

func (f *Fault) strikes(path string) bool { return f.Path == "" || f.Path == path }
