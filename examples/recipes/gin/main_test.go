package main

import (
	"testing"

	"github.com/passport-go/passport/examples/internal/usertest"
)

func TestAUserSignsInAndOut(t *testing.T) { usertest.SignsInAndOut(t, serve) }
