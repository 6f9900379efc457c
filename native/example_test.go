package native_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/passport-go/passport"
	"github.com/passport-go/passport/native"
	"github.com/passport-go/passport/passporttest"
	"github.com/passport-go/passport/storage/file"
)

// A game that is signed in to once, and out of for good. The auth domain is a
// stand-in here, and so is the user with a browser.
func Example() {
	auth := passporttest.NewServer(passporttest.Options{AutoLogin: true})
	defer auth.Close()
	user := auth.Browser()
	browse := func(_ context.Context, url string) error {
		go func() {
			if page, err := user.Get(url); err == nil {
				page.Body.Close()
			}
		}()
		return nil
	}
	dir, err := os.MkdirTemp("", "mygame") // a real program's is in os.UserConfigDir
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	store, err := file.New(filepath.Join(dir, "session.json"), file.Options{})
	if err != nil {
		log.Fatal(err)
	}
	key, err := file.Key(filepath.Join(dir, "key"))
	if err != nil {
		log.Fatal(err)
	}
	p, err := native.New(native.Config{
		Config: passport.Config{
			ClientID:       passporttest.ClientID,
			AuthDomain:     auth.URL,
			Store:          store,
			EncryptionKeys: [][]byte{key},
		},
		OpenBrowser: browse, // a real program leaves it out
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	defer p.Close(ctx)

	session, err := p.Session(ctx) // of an earlier run
	if errors.Is(err, passport.ErrNoSession) {
		session, err = p.Login(ctx, passport.LoginOptions{})
	}
	if err != nil {
		log.Fatal(err)
	}
	profile, err := session.Profile(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("Hello,", profile.Nickname)

	logout, err := p.Logout(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("app session:", logout.App)
	fmt.Println("refresh token:", logout.Revocation)
	fmt.Println("Passport session:", logout.Passport)

	// Output:
	// Hello, alice
	// app session: done
	// refresh token: done
	// Passport session: done
}

// Where there is no browser, the user enters a code in one elsewhere.
func ExamplePassport_LoginWithDevice() {
	var p *native.Passport // from native.New

	session, err := p.LoginWithDevice(context.Background(), func(d passport.DeviceLogin) error {
		fmt.Printf("Open %s and enter %s\n", d.VerificationURI, d.UserCode)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("Signed in:", session.Subject())
}
