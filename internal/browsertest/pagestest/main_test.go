package pagestest

import (
	"os"
	"testing"

	"github.com/passport-go/passport/internal/browsertest"
)

func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }
