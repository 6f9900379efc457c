// Package storecheck finds stores that wrap another and hide its optional interfaces.
package storecheck

import (
	"reflect"

	"github.com/passport-go/passport/storage"
)

// Hidden is an optional interface that the wrapped store has and the wrapper has
// not.
type Hidden struct {
	Interface string // such as storage.Lister
	Effect    string // of its absence
	Wrapped   string // the type of the store that has it
}

var optional = []struct {
	of     reflect.Type
	effect string
}{
	{reflect.TypeFor[storage.RevocationQueue](), "pending revocations are kept in memory and lost with the process"},
	{reflect.TypeFor[storage.RevocationCounter](), "the number of pending revocations is unknown to Passport.PendingRevocations"},
	{reflect.TypeFor[storage.Lister](), "sessions cannot be listed, and Config.MaxSessionsPerUser has no effect"},
	{reflect.TypeFor[storage.Notifier](), "other instances notice a logout only when they recheck"},
}

var tokenStore = reflect.TypeFor[storage.TokenStore]()

// maxDepth bounds how many wrappers are looked into.
const maxDepth = 8

// Find returns the interfaces that store hides. A store wraps another if it has a
// method Unwrap() storage.TokenStore or, without one, if it is a struct, or points to
// one, with a field of an interface type that includes storage.TokenStore.
func Find(store storage.TokenStore) (hidden []Hidden) {
	outer := reflect.TypeOf(store)
	inner := wrappedBy(reflect.ValueOf(store), maxDepth)
	for _, o := range optional {
		if outer.Implements(o.of) {
			continue
		}
		for _, t := range inner {
			if t.Implements(o.of) {
				hidden = append(hidden, Hidden{Interface: o.of.String(), Effect: o.effect, Wrapped: t.String()})
				break
			}
		}
	}
	return hidden
}

// wrappedBy returns the types of the stores in v, the outermost first.
func wrappedBy(v reflect.Value, depth int) (types []reflect.Type) {
	if depth == 0 {
		return nil
	}
	for _, inner := range unwrap(v) {
		types = append(types, inner.Type())
		types = append(types, wrappedBy(inner, depth-1)...)
	}
	return types
}

func unwrap(v reflect.Value) []reflect.Value {
	if v.CanInterface() { // not in an unexported field
		if w, ok := v.Interface().(interface{ Unwrap() storage.TokenStore }); ok {
			return nonNil(reflect.ValueOf(w.Unwrap()))
		}
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil
	}
	var inner []reflect.Value
	for _, field := range v.Fields() {
		if field.Kind() == reflect.Interface && field.Type().Implements(tokenStore) {
			inner = append(inner, nonNil(field.Elem())...)
		}
	}
	return inner
}

func nonNil(v reflect.Value) []reflect.Value {
	if !v.IsValid() {
		return nil
	}
	return []reflect.Value{v}
}
