package textconfig

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/passport-go/passport/internal/strictbase64"
)

// set stores v, which came from JSON, YAML or a text, in a field.
func set(to reflect.Value, v any) error {
	t := to.Type()
	switch typeName(t) {
	case "duration":
		d, err := duration(v)
		if err != nil {
			return err
		}
		to.SetInt(int64(d))
	case "number":
		n, err := number(v)
		if err != nil {
			return err
		}
		to.SetInt(n)
	case "true or false":
		b, err := boolean(v)
		if err != nil {
			return err
		}
		to.SetBool(b)
	case "text":
		s, ok := v.(string)
		if !ok {
			return errors.New("is not a text: put it in quotes")
		}
		to.SetString(strings.TrimSpace(s))
	case "list of texts":
		list, err := texts(v)
		if err != nil {
			return err
		}
		slice := reflect.MakeSlice(t, len(list), len(list))
		for i, s := range list {
			slice.Index(i).SetString(s)
		}
		to.Set(slice)
	case "list of base64 texts":
		keys, err := decoded(v)
		if err != nil {
			return err
		}
		to.Set(reflect.ValueOf(keys).Convert(t))
	case "map of texts":
		m, err := textMap(t, v)
		if err != nil {
			return err
		}
		to.Set(m)
	}
	return nil
}

func number(v any) (int64, error) {
	switch v := v.(type) {
	case int:
		return int64(v), nil
	case float64:
		if n := int64(v); float64(n) == v && math.Abs(v) < 1<<53 {
			return n, nil
		}
	case string:
		if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, errors.New("is not a whole number")
}

func boolean(v any) (bool, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		if b, err := strconv.ParseBool(strings.TrimSpace(v)); err == nil {
			return b, nil
		}
	}
	return false, errors.New("is neither true nor false")
}

// texts takes a list, or one text whose elements are separated by commas or
// white space.
func texts(v any) ([]string, error) {
	if s, ok := v.(string); ok {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }), nil
	}
	values, ok := v.([]any)
	if !ok {
		return nil, errors.New("is not a list of texts")
	}
	list := make([]string, len(values))
	for i, one := range values {
		if list[i], ok = one.(string); !ok {
			return nil, fmt.Errorf("element %d is not a text: put it in quotes", i+1)
		}
	}
	return list, nil
}

// decoded takes what texts does, each in standard base64.
func decoded(v any) ([][]byte, error) {
	list, err := texts(v)
	if err != nil {
		return nil, err
	}
	keys := make([][]byte, len(list))
	for i, text := range list {
		if keys[i], err = strictbase64.Std(text); err != nil {
			return nil, fmt.Errorf("key %d is not base64; make one with: openssl rand -base64 32", i+1)
		}
	}
	return keys, nil
}

// textMap takes a map, or pairs name=value that are separated by commas.
func textMap(t reflect.Type, v any) (reflect.Value, error) {
	m := reflect.MakeMap(t)
	put := func(name, value string) {
		m.SetMapIndex(reflect.ValueOf(name).Convert(t.Key()), reflect.ValueOf(value).Convert(t.Elem()))
	}
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			s, ok := value.(string)
			if !ok {
				return m, fmt.Errorf("%q is not a text: put it in quotes", name)
			}
			put(name, s)
		}
		return m, nil
	case string:
		for pair := range strings.SplitSeq(v, ",") {
			name, value, ok := strings.Cut(pair, "=")
			if !ok {
				return m, errors.New("is not a list of name=value, separated by commas")
			}
			put(strings.TrimSpace(name), strings.TrimSpace(value))
		}
		return m, nil
	}
	return m, errors.New("is not a map of texts")
}

// units are those of time.ParseDuration, and the days and weeks in which people
// think of sessions.
var units = map[string]time.Duration{
	"ms": time.Millisecond,
	"s":  time.Second,
	"m":  time.Minute,
	"h":  time.Hour,
	"d":  24 * time.Hour,
	"w":  7 * 24 * time.Hour,
}

var errDuration = errors.New(`is not a duration: write a number with its unit, such as 90s, 15m, 1h30m or 30d; "off" turns it off`)

// duration takes what people write: "90s", "1h30m", "30d", "off". A number
// without a unit could mean anything, and is refused unless it is 0.
func duration(v any) (time.Duration, error) {
	switch v := v.(type) {
	case int:
		if v == 0 {
			return 0, nil
		}
	case float64:
		if v == 0 {
			return 0, nil
		}
	case string:
		return parseDuration(strings.ReplaceAll(strings.TrimSpace(v), " ", ""))
	}
	return 0, errDuration
}

func parseDuration(s string) (time.Duration, error) {
	switch s {
	case "off":
		return -1, nil
	case "0":
		return 0, nil
	}
	rest, negative := strings.CutPrefix(s, "-")
	var sum float64
	for rest != "" || s == "" {
		digits := strings.TrimLeft(rest, "0123456789.")
		n, err := strconv.ParseFloat(rest[:len(rest)-len(digits)], 64)
		name := digits[:len(digits)-len(strings.TrimLeftFunc(digits, unicode.IsLetter))]
		unit, known := units[name]
		if err != nil || !known {
			return 0, errDuration
		}
		sum += n * float64(unit)
		rest = digits[len(name):]
	}
	if negative {
		sum = -sum
	}
	if s == "-" || math.Abs(sum) > math.MaxInt64/2 {
		return 0, errDuration
	}
	return time.Duration(sum), nil
}

// written is a duration as parseDuration reads it.
func written(nanoseconds int64) string {
	if nanoseconds < 0 {
		return "off"
	}
	return time.Duration(nanoseconds).String()
}
