package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"time"
)

// expiresSoon is how long before its end a certificate is worth a warning: by then,
// what renews it should have done so.
const expiresSoon = 14 * 24 * time.Hour

// unreachable reports a request that was not answered: by what is wrong with the
// certificate, or under the ID.
func (e *examination) unreachable(id, address string, err error) {
	where := address
	if u, parseErr := url.Parse(address); parseErr == nil {
		where = u.Host
	}
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &name):
		e.find("tls.name", "the certificate of %s is for %v", where, names(name.Certificate))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		e.find("tls.expired", "the certificate of %s is valid from %s to %s", where, day(invalid.Cert.NotBefore), day(invalid.Cert.NotAfter))
	case errors.As(err, new(*tls.CertificateVerificationError)):
		e.find("tls.untrusted", "the certificate of %s: %s%s", where, reason(err), chainOf(err))
	default:
		e.find(id, "%s: %s", where, reason(err))
	}
}

func names(c *x509.Certificate) []string {
	if c == nil {
		return nil
	}
	all := c.DNSNames
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	return all[:min(len(all), 5)]
}

// chainOf says how many certificates the server sent: one alone is most often a
// missing intermediate, which browsers fetch and programs do not.
func chainOf(err error) string {
	var failed *tls.CertificateVerificationError
	if errors.As(err, new(x509.UnknownAuthorityError)) && errors.As(err, &failed) && len(failed.UnverifiedCertificates) == 1 {
		return " (the server sent one certificate and no intermediate)"
	}
	return ""
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// checkExpiry looks at the certificate of a server that answered.
func (e *examination) checkExpiry(res response) {
	if res.TLS == nil || len(res.TLS.PeerCertificates) == 0 {
		return
	}
	leaf := res.TLS.PeerCertificates[0]
	if leaf.NotAfter.Sub(e.o.Now()) < expiresSoon {
		e.find("tls.expires-soon", "the certificate of %s is valid until %s", res.Request.URL.Host, day(leaf.NotAfter))
	}
}
