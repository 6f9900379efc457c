// Package textconfig fills a configuration struct from text: environment
// variables, JSON or YAML. A field takes part under the name in its json tag, as
// in encoding/json; "-" leaves it out. Its value may have one of the types of
// [Field.Type].
//
// A field with a file tag may be given by a file instead, under the tag's name,
// as secrets are that a container platform mounts.
package textconfig

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Field is a field that text can set.
type Field struct {
	// Name is the key in JSON and YAML, such as client_id.
	Name string

	// FileName is the key of a file that holds the value, such as
	// client_secret_file, or empty. Such a value is a secret: no error quotes
	// it.
	FileName string

	// Type is how the value is written: "text", "number", "duration", "true or false",
	// "list of texts", "list of base64 texts" or "map of texts".
	Type string

	index []int
}

// Fields lists the fields of a struct type that text can set, embedded structs
// included, in the order of their declaration.
func Fields(t reflect.Type) []Field {
	var all []Field
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || !f.IsExported() {
			continue
		}
		all = append(all, Field{Name: name, FileName: f.Tag.Get("file"), Type: typeName(f.Type), index: f.Index})
	}
	return all
}

var durationType = reflect.TypeFor[time.Duration]()

func typeName(t reflect.Type) string {
	switch {
	case t == durationType:
		return "duration"
	case t.Kind() == reflect.Int:
		return "number"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		return "list of texts"
	case t.Kind() == reflect.Slice && t.Elem() == reflect.TypeFor[[]byte]():
		return "list of base64 texts"
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String && t.Elem().Kind() == reflect.String:
		return "map of texts"
	}
	panic("textconfig: a field of type " + t.String() + " has a json tag")
}

// problems collects what is wrong, so that all of it is reported at once.
type problems struct{ errs []error }

func (p *problems) add(name, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s: %w", name, fmt.Errorf(format, args...)))
}

func (p *problems) join() error { return errors.Join(p.errs...) }
