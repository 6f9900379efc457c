package passporttest

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// effect is the faults that apply to one request.
type effect []*activeFault

type effectKey struct{}

func withEffect(r *http.Request, e effect) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), effectKey{}, e))
}

func effectOf(r *http.Request) effect {
	e, _ := r.Context().Value(effectKey{}).(effect)
	return e
}

func (e effect) any(has func(*Fault) bool) bool {
	return slices.ContainsFunc(e, func(a *activeFault) bool { return has(&a.Fault) })
}

func (e effect) keepsSession() bool  { return e.any(func(f *Fault) bool { return f.KeepSession }) }
func (e effect) keepsTokens() bool   { return e.any(func(f *Fault) bool { return f.KeepTokens }) }
func (e effect) deniesFraming() bool { return e.any(func(f *Fault) bool { return f.DenyFraming }) }
func (e effect) noCORS() bool        { return e.any(func(f *Fault) bool { return f.NoCORS }) }

// errorCode returns the OAuth error that /authorize must send, if any.
func (e effect) errorCode() string {
	for _, a := range slices.Backward(e) {
		if a.Error != "" {
			return a.Error
		}
	}
	return ""
}

func (e effect) editClaims(claims map[string]any) {
	for _, a := range e {
		if a.EditClaims != nil {
			a.EditClaims(claims)
		}
	}
}

// split returns the faults that apply before the endpoint does its work, and after.
func (e effect) split() (early, late effect) {
	for _, a := range e {
		if a.Late {
			late = append(late, a)
		} else {
			early = append(early, a)
		}
	}
	return early, late
}

// obstruct delays, hangs or cuts the connection. It does not return if the client has
// gone.
func (e effect) obstruct(ctx context.Context, hanging func()) {
	for _, a := range e {
		if a.Delay > 0 {
			await(ctx, time.After(a.Delay))
		}
		if a.Hang {
			hanging()
			await(ctx, a.lifted)
		}
		if a.Cut {
			panic(http.ErrAbortHandler)
		}
	}
}

func await[T any](ctx context.Context, event <-chan T) {
	select {
	case <-event:
	case <-ctx.Done():
		panic(http.ErrAbortHandler)
	}
}

// replace responds instead of the endpoint, if a fault says so. /authorize sends an
// Error itself, because it knows where to.
func (e effect) replace(w *answer, path string) bool {
	for _, a := range slices.Backward(e) {
		byAuthorize := a.Error != "" && path == "/authorize"
		if !byAuthorize && (a.Status != 0 || a.Error != "") {
			a.answer(w)
			return true
		}
	}
	return false
}

func (f *Fault) answer(w *answer) {
	w.reset()
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
	if f.Error == "" {
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte(f.Body))
		return
	}
	e := &oauthError{f.Error, "The test asked for this error."}
	status := f.Status
	if status == 0 {
		status = e.status()
	}
	writeJSON(w, status, e)
}

// edit changes the endpoint's response.
func (e effect) edit(w *answer) {
	if e.deniesFraming() {
		denyFraming(w)
	}
	if e.noCORS() {
		dropCORS(w.Header())
	}
	for _, a := range e {
		if a.EditAnswer != nil {
			w.editJSON(a.EditAnswer)
		}
	}
}

// denyFraming turns a redirect into a page that redirects, because browsers ignore
// X-Frame-Options on a redirect.
func denyFraming(w *answer) {
	if target := w.Header().Get("Location"); target != "" {
		w.Header().Del("Location")
		w.body.Reset()
		w.status = 0
		continuePage(w, target)
	}
	w.Header().Set("X-Frame-Options", "DENY")
}
