// Package localstoragetest runs storage/localstorage in Chromium.
package localstoragetest

import (
	"os"
	"testing"

	"github.com/passport-go/passport/internal/browsertest"
	"github.com/passport-go/passport/internal/browsertest/wasmtest"
)

func TestMain(m *testing.M) { os.Exit(browsertest.Main(m)) }

const pkg = "github.com/passport-go/passport/storage/localstorage"

func TestInTheBrowser(t *testing.T) { wasmtest.Run(t, pkg, "-test.short") }
