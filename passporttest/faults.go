package passporttest

import (
	"slices"
	"sync"
	"time"
)

// Fault makes requests go wrong. Its fields can be combined; a Fault with only Path
// set does nothing. Start it with [AuthDomain.Inject].
type Fault struct {
	// Path is the endpoint that it applies to, such as "/oauth/revoke". Empty
	// means all of them.
	Path string

	// Times is how many requests it applies to before it ends. 0 means all until it
	// is lifted.
	Times int

	// If, unless nil, says whether the fault applies to a request; others do not
	// count. It is called from many goroutines.
	If func(Request) bool

	// Late lets the endpoint do its work first (use up the code, rotate the
	// refresh token, end the session), so that Delay, Hang, Cut, Status and
	// Error affect the response instead of the request.
	Late bool

	// Delay is how long each request waits.
	Delay time.Duration

	// Hang keeps the request until the client disconnects or the fault is lifted,
	// and then continues as if nothing had happened.
	Hang bool

	// Cut closes the connection without a response. Go's and other clients retry a
	// GET by themselves if that happens on a reused connection.
	Cut bool

	// Status is the status of the response instead, with Body, which may be empty,
	// and with a Retry-After of RetryAfter in whole seconds, unless it is 0.
	Status     int
	RetryAfter time.Duration
	Body       string

	// Error is an OAuth error code to respond with, such as "invalid_grant" or
	// "access_denied": /authorize sends it to the redirect URI, other endpoints
	// respond with JSON, and with Status unless that is 0.
	Error string

	// DenyFraming adds X-Frame-Options: DENY to the response. Browsers ignore that
	// on a redirect, so a redirect becomes a page that redirects, if it is not in a
	// frame.
	DenyFraming bool

	// NoCORS leaves out the CORS headers, so that a script on another origin cannot
	// read the response.
	NoCORS bool

	// KeepSession makes /v2/logout and /oidc/logout respond as usual without ending
	// the Passport session.
	KeepSession bool

	// KeepTokens makes /oauth/revoke respond with 200 without revoking the token.
	KeepTokens bool

	// EditClaims, unless nil, changes the claims of ID tokens before they are
	// signed. It is called from many goroutines, as EditAnswer is.
	EditClaims func(claims map[string]any)

	// EditAnswer, unless nil, changes the JSON object of a successful response: of
	// the token endpoint, of the discovery document, and so on.
	EditAnswer func(answer map[string]any)
}

// Inject starts a fault and returns a function that lifts it, which may be called more
// than once. All faults that match a request apply to it: their delays add up, and if
// several replace the response, the latest one does.
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

// strike returns the faults that apply to a request, and counts it.
func (s *faults) strike(r Request) effect {
	var e effect
	for _, a := range s.matching(r) {
		if s.take(a) {
			e = append(e, a)
		}
	}
	return e
}

// matching returns the faults that match a request. It calls functions of the test,
// and so does not hold the lock.
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

// corsOff reports whether a preflight request for path must fail. Preflight requests
// do not count towards Times.
func (s *faults) corsOff(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.active, func(a *activeFault) bool {
		return a.NoCORS && a.strikes(path) && (a.Times == 0 || a.left > 0)
	})
}

func (f *Fault) strikes(path string) bool { return f.Path == "" || f.Path == path }
