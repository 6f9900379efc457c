package browser

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/passport-go/passport"
)

const onServers = "it is about the handlers and cookies of a server, or who may use one"

// leftOut are the fields of passport.Config that a program in the browser cannot set,
// each with the reason.
var leftOut = map[string]string{
	"ClientSecret":           "a page cannot keep a secret",
	"ClientAuth":             "a page is a public client",
	"ClientKey":              "a page cannot keep a secret",
	"ClientKeyID":            "a page cannot keep a secret",
	"Store":                  "the browser's storage is the only one",
	"EncryptionKeys":         "the key is in the browser's storage",
	"OnSignIn":               "a page cannot keep its own user out",
	"OnError":                onServers,
	"CountsAsUse":            onServers,
	"EndsWithBrowser":        onServers,
	"MaxSessionsPerUser":     "there is one session",
	"RefreshWait":            "a page is not frozen after each request",
	"StrictLogoutTokens":     onServers,
	"BearerTokens":           onServers,
	"BearerLifetime":         onServers,
	"RevokeOnProviderLogout": onServers,
	"BaseURL":                onServers,
	"HomePath":               onServers,
	"LoginPath":              onServers,
	"LogoutPath":             onServers,
	"TrustedOrigins":         onServers,
	"LogoutByGET":            onServers,
	"CookieName":             onServers,
	"Pages":                  "the program draws its own",
	"InsecureProviderHTTP":   "browsers let no page on https call plain http, and a page on a loopback host needs no leave to call one",
}

// A new field of passport.Config is offered here too, or is left out for a reason.
func TestEachFieldOfTheConfigIsOfferedOrLeftOut(t *testing.T) {
	here := reflect.TypeFor[Config]()
	for _, field := range reflect.VisibleFields(reflect.TypeFor[passport.Config]()) {
		own, offered := here.FieldByName(field.Name)
		_, left := leftOut[field.Name]
		assert.NotEqual(t, offered, left, "%s: offer it in Config and engine, or give a reason in leftOut", field.Name)
		if offered {
			assert.Equal(t, field.Type, own.Type, field.Name)
		}
	}
}

// What a program sets reaches the engine.
func TestEachFieldReachesTheEngine(t *testing.T) {
	var c Config
	set := reflect.ValueOf(&c).Elem()
	for i := range set.NumField() {
		field, name := set.Field(i), set.Type().Field(i).Name
		switch v := field.Addr().Interface().(type) {
		case *[]string:
			*v = []string{name}
		case *map[string]string:
			*v = map[string]string{name: name}
		case **http.Client:
			*v = &http.Client{}
		case **slog.Logger:
			*v = slog.New(slog.DiscardHandler)
		case *func(passport.Event):
			*v = func(passport.Event) {}
		case *func(context.Context, passport.Operation) passport.Span:
			*v = func(context.Context, passport.Operation) passport.Span { return passport.Span{} }
		case *func() time.Time:
			*v = time.Now
		default:
			setPlain(t, field, name)
		}
	}
	engine := reflect.ValueOf(c.engine(nil))
	for i := range set.NumField() {
		name := set.Type().Field(i).Name
		got := engine.FieldByName(name)
		if got.Kind() == reflect.Func {
			assert.Equal(t, set.Field(i).Pointer(), got.Pointer(), name)
			continue
		}
		assert.Equal(t, set.Field(i).Interface(), got.Interface(), name)
	}
}

func setPlain(t *testing.T, field reflect.Value, name string) {
	t.Helper()
	switch field.Kind() {
	case reflect.String:
		field.SetString(name)
	case reflect.Bool:
		field.SetBool(true)
	case reflect.Int64:
		field.SetInt(int64(len(name)))
	default:
		require.Fail(t, "a value for this type is missing", "%s is a %s", name, field.Type())
	}
}
