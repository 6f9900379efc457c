package textconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/passport-go/passport/internal/text"
)

// FromEnv sets the fields of the struct that to points to from environment
// variables: the prefix and the field's name in upper case. An empty variable
// counts as one that is not set.
func FromEnv(to any, prefix string, lookup func(string) string) error {
	p := &problems{}
	given := map[string]any{}
	name := func(key string) string { return prefix + strings.ToUpper(key) }
	for _, f := range Fields(reflect.TypeOf(to).Elem()) {
		for _, key := range []string{f.Name, f.FileName} {
			value := strings.TrimSpace(lookup(name(key)))
			switch {
			case key == "" || value == "":
			case isQuoted(value):
				p.add(name(key), "has quotes around it, which are a shell's: leave them out where none reads the file, as with docker's --env-file")
			default:
				given[key] = value
			}
		}
	}
	fill(to, given, name, p)
	return p.join()
}

func isQuoted(value string) bool {
	last := len(value) - 1
	return last > 0 && value[0] == value[last] && (value[0] == '"' || value[0] == '\'')
}

// FromJSON sets the fields of the struct that to points to from a JSON object.
// A key that is no field's is an error, as is one that is there twice: a setting
// that is misspelled must not get lost.
func FromJSON(to any, data []byte) error {
	given, err := object(data)
	if err != nil {
		return err
	}
	return FromMap(to, given)
}

// FromMap is FromJSON for an object that has been read already.
func FromMap(to any, given map[string]any) error {
	p := &problems{}
	var known []string
	for _, f := range Fields(reflect.TypeOf(to).Elem()) {
		known = append(known, f.Name, f.FileName)
	}
	for key := range given {
		if key == "" || !slices.Contains(known, key) {
			p.add(fmt.Sprintf("%q", key), "is not the name of a setting")
		}
	}
	fill(to, given, func(key string) string { return key }, p)
	return p.join()
}

// fill sets the fields that are given. name says what a key is called in errors.
func fill(to any, given map[string]any, name func(key string) string, p *problems) {
	v := reflect.ValueOf(to).Elem()
	for _, f := range Fields(v.Type()) {
		value, called := given[f.Name], name(f.Name)
		if path, ok := given[f.FileName]; ok && f.FileName != "" {
			if value != nil {
				p.add(name(f.FileName), "does not go with %s: set one of the two", called)
				continue
			}
			called = name(f.FileName)
			content, err := readSecret(path)
			if err != nil {
				p.add(called, "%w", err)
				continue
			}
			value = content
		}
		if value == nil {
			continue
		}
		if err := set(v.FieldByIndex(f.index), value); err != nil {
			p.add(called, "%w", err)
		}
	}
}

// longestSecret bounds what is read from a file.
const longestSecret = 1 << 20

func readSecret(path any) (string, error) {
	name, ok := path.(string)
	if !ok {
		return "", errors.New("is not a path")
	}
	f, err := os.Open(name)
	if err != nil {
		return "", unnamed(err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, longestSecret+1))
	plain := text.UTF8(content)
	switch {
	case err != nil:
		return "", unnamed(err)
	case len(content) > longestSecret:
		return "", errors.New("the file is larger than 1 MB, which no secret is")
	case len(bytes.TrimSpace(plain)) == 0:
		return "", errors.New("the file is empty")
	}
	return string(plain), nil
}

// unnamed takes the path out of an error: it may be the secret itself, set in the
// wrong place.
func unnamed(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("the file that it names cannot be read: %w", err)
}

// object reads a JSON object with its keys as they are written.
func object(data []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, errors.New("is not a JSON object")
	}
	given := map[string]any{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, errors.New("is not readable JSON")
		}
		name, _ := key.(string)
		if _, twice := given[name]; twice {
			return nil, fmt.Errorf("%q is there twice", name)
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("the value of %q is not readable JSON", name)
		}
		given[name] = value
	}
	return given, nil
}

// ToMap is what FromMap reads back, without the secrets. Fields at their zero
// value are left out.
func ToMap(from any) map[string]any {
	v := reflect.ValueOf(from)
	m := map[string]any{}
	for _, f := range Fields(v.Type()) {
		value := v.FieldByIndex(f.index)
		switch {
		case value.IsZero() || f.FileName != "":
		case f.Type == "duration":
			m[f.Name] = written(value.Int())
		default:
			m[f.Name] = value.Interface()
		}
	}
	return m
}
