package jwt

import (
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func object(t *testing.T, text string) Object {
	t.Helper()
	o, err := ParseObject([]byte(text))
	require.NoError(t, err)
	return o
}

func TestNamesAreExact(t *testing.T) {
	o := object(t, `{"SUB":"mallory","ſub":"mallory","sub":"alice","Sub":"mallory"}`)
	sub, ok := o.Text("sub")
	assert.True(t, ok)
	assert.Equal(t, "alice", sub)

	var claims struct {
		Sub    string `json:"sub"`
		Nested struct {
			Sid string `json:"sid"`
		} `json:"nested"`
	}
	require.NoError(t, Unmarshal([]byte(`{"SUB":"mallory","ſub":"mallory","nested":{"SID":"other","ſid":"other"}}`), &claims))
	assert.Empty(t, claims.Sub)
	assert.Empty(t, claims.Nested.Sid)
}

func TestANameThatOccursTwiceIsRefused(t *testing.T) {
	for _, text := range []string{
		`{"sub":"a","sub":"a"}`, `{"sub":"a","s\u0075b":"b"}`, `null`, `[]`, `"a"`, ``, `{}x`, `{"a":1}{"a":1}`, `{`, `{"a"}`,
	} {
		_, err := ParseObject([]byte(text))
		assert.ErrorIs(t, err, ErrNotObject, text)
	}
}

// TestAMemberOfAnotherTypeCostsItselfAlone: what a provider writes in one claim
// does not take the others away.
func TestAMemberOfAnotherTypeCostsItselfAlone(t *testing.T) {
	var claims struct {
		Email string `json:"email"`
		Name  string `json:"name"`
		Level int    `json:"level"`
	}
	require.NoError(t, Unmarshal([]byte(`{"email":{"a":1},"level":"high","name":"Alice"}`), &claims))
	assert.Equal(t, "Alice", claims.Name)
	assert.Empty(t, claims.Email)
}

func TestMembersAreReadByType(t *testing.T) {
	o := object(t, `{"n":3600,"f":3600.9,"s":"3600","neg":-1,"big":1e300,"inf":"Infinity","hex":"0x10","zero":0,"null":null,
		"a":["x","y"],"one":"x","mixed":["x",1],"yes":true,"no":false,"maybe":"true","empty":[]}`)
	for name, want := range map[string]float64{"n": 3600, "f": 3600.9, "s": 3600, "neg": -1, "big": 1e300, "zero": 0} {
		got, ok := o.Number(name)
		assert.True(t, ok, name)
		assert.Equal(t, want, got, name)
	}
	for _, name := range []string{"inf", "hex", "null", "a", "yes", "missing", "one"} {
		_, ok := o.Number(name)
		assert.False(t, ok, name)
	}
	at, ok := o.Time("f")
	assert.True(t, ok)
	assert.Equal(t, time.Unix(3600, 0), at)
	for _, name := range []string{"s", "big", "zero", "null", "missing"} {
		_, ok := o.Time(name)
		assert.False(t, ok, name)
	}
	for name, want := range map[string][]string{"a": {"x", "y"}, "one": {"x"}, "empty": {}} {
		got, ok := o.Texts(name)
		assert.True(t, ok, name)
		assert.Equal(t, want, got, name)
	}
	for _, name := range []string{"mixed", "null", "n", "missing"} {
		_, ok := o.Texts(name)
		assert.False(t, ok, name)
	}
	yes, ok := o.Bool("yes")
	assert.True(t, yes && ok)
	no, ok := o.Bool("no")
	assert.True(t, !no && ok)
	_, ok = o.Bool("maybe")
	assert.False(t, ok)
	assert.True(t, o.Has("null") && o.Null("null") && o.Null("missing") && !o.Has("missing"))
}

func TestTextsOfAJSONAreReadAsByTheLibrary(t *testing.T) {
	for _, raw := range []string{
		`""`, `"plain"`, `"gr\u00fcn"`, `"grün"`, `"a\"b"`, "\"\xff\xfe\"", `"\ud800"`, `null`, `17`, `true`, `{}`, `["a"]`, ``,
	} {
		var want string
		isText := json.Unmarshal([]byte(raw), &want) == nil && raw != "null"
		got, ok := Text([]byte(raw))
		assert.Equal(t, isText, ok, raw)
		assert.Equal(t, want, got, raw)
	}
}

// Libraries overlook white space, package base64 ends of lines and unused bits.
func TestATokenIsThreePartsInBase64URL(t *testing.T) {
	_, err := Parse("e30.e30.c2ln")
	require.NoError(t, err)
	for _, raw := range []string{
		"", "e30.e30", "e30.e30.c2ln.", "e30.e30.c2ln.c2ln", "e3 0.e30.c2ln", "e30.e3 0.c2ln", "e30.e30.c2 ln",
		"e30.e30.c2ln ", " e30.e30.c2ln", "e30.e30.\tc2ln", "e30.e30.c2ln\u00a0", "e30=.e30.c2ln", "e30.e30.c2l+",
		"e3\n0.e30.c2ln", "e30.e3\r0.c2ln", "e30.e30.c2\nln", "e30.e30.c2ln\r\n", `{"payload":"e30"}`, "e31.e30.c2ln",
		"e30.e30.c2m",
	} {
		_, err := Parse(raw)
		assert.ErrorIs(t, err, errParts, "%q", raw)
	}
	_, err = Parse("e30.W10.c2ln")
	assert.ErrorIs(t, err, errPayload)
}

func TestATokenThatDemandsExtensionsIsRefused(t *testing.T) {
	for header, refused := range map[string]bool{
		`{"alg":"RS256"}`:                        false,
		`{"alg":"RS256","b64":true}`:             false,
		`{"alg":"RS256","Crit":["x"]}`:           false,
		`{"alg":"RS256","crit":[]}`:              true,
		`{"alg":"RS256","crit":null}`:            true,
		`{"alg":"RS256","crit":["b64"]}`:         true,
		`{"alg":"RS256","crit":"x"}`:             true,
		`{"alg":"RS256","b64":false}`:            true,
		`{"alg":"RS256","b64":"true"}`:           true,
		`{"alg":"RS256","crit":["exp"],"exp":1}`: true,
	} {
		_, err := Parse(base64.RawURLEncoding.EncodeToString([]byte(header)) + ".e30.c2ln")
		assert.Equal(t, refused, err != nil, header)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("e30.e30.c2ln")
	f.Add("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIiwiYXVkIjpbImIiXSwiZXhwIjoxfQ.c2ln")
	f.Fuzz(func(t *testing.T, raw string) {
		token, err := Parse(raw)
		if err != nil {
			return
		}
		again, err := Parse(raw)
		require.NoError(t, err)
		assert.Equal(t, token, again)
		assert.False(t, token.Header.Has("crit"))
		var std map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(token.Payload, &std), "what is read is JSON")
		assert.Len(t, std, len(token.Claims), "and no name is lost")
	})
}

func FuzzParseObject(f *testing.F) {
	f.Add([]byte(`{"sub":"alice","aud":["a"],"exp":1.5e9,"x":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := ParseObject(data)
		if err != nil {
			return
		}
		for name := range o {
			o.Text(name)
			o.Texts(name)
			o.Bool(name)
			if n, ok := o.Number(name); ok {
				assert.False(t, n != n, "a number")
			}
			if at, ok := o.Time(name); ok {
				_, err := at.MarshalBinary()
				assert.NoError(t, err)
			}
		}
	})
}
