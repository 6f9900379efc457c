package passporttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"time"
)

// newTLSConfig makes a self-signed certificate for the server's host.
func (s *Server) newTLSConfig(hostPort string) *tls.Config {
	host, _, _ := net.SplitHostPort(hostPort) // made by JoinHostPort
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("passporttest: " + err.Error())
	}
	der, err := x509.CreateCertificate(rand.Reader, certificateFor(host), certificateFor(host), key.Public(), key)
	if err != nil {
		panic("passporttest: " + err.Error())
	}
	s.certificate, err = x509.ParseCertificate(der)
	if err != nil {
		panic("passporttest: " + err.Error())
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func certificateFor(host string) *x509.Certificate {
	now := time.Now() // TLS uses the real clock, not Options.Now
	c := &x509.Certificate{
		SerialNumber:          big.NewInt(now.UnixNano()),
		Subject:               pkix.Name{CommonName: "passporttest"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	if ip := net.ParseIP(host); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{host}
	}
	return c
}
