package passporttest

import (
	"crypto/x509"
	"encoding/json"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// signJWT signs any header and claims, as the header's alg says.
func signJWT(key jose.JSONWebKey, header, claims map[string]any) string {
	signing := jose.SigningKey{Algorithm: jose.RS256, Key: key.Key}
	if header["alg"] == "HS256" {
		signing = jose.SigningKey{Algorithm: jose.HS256, Key: publicBytes(key)}
	}
	options := &jose.SignerOptions{}
	for name, value := range header {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	token := compact(signing, options, claims)
	if header["alg"] == "none" {
		return token[:strings.LastIndex(token, ".")+1]
	}
	return token
}

func compact(key jose.SigningKey, options *jose.SignerOptions, claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic("passporttest: claims that are not JSON: " + err.Error())
	}
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		panic("passporttest: " + err.Error())
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic("passporttest: a header that is not JSON: " + err.Error())
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		panic("passporttest: " + err.Error())
	}
	return token
}

func publicBytes(key jose.JSONWebKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(key.Public().Key)
	if err != nil {
		panic("passporttest: " + err.Error())
	}
	return der
}
