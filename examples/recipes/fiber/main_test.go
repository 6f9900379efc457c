package main

import (
	"testing"

	"github.com/passport-go/passport/examples/internal/usertest"
)

func TestAUserSignsInAndOut(t *testing.T) { usertest.SignsInAndOut(t, serve) }

func TestAStreamEndsWithTheSession(t *testing.T) {
	s := usertest.Start(t, serve)
	b := s.Browser()
	b.SignIn()
	events := b.Events("/events")
	b.SignOut()
	events.EndSignedOut()
}
