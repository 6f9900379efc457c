package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/passport-go/passport/cmd/passport/internal/doctor"
	"github.com/passport-go/passport/internal/text"
	"github.com/passport-go/passport/storage"
)

const doctorHelp = `usage: passport doctor [flags] [CONFIG]

Finds out what is wrong with a deployment: it asks the provider and the running program
what a browser would ask them, without a session, and compares the answers with the
configuration. It changes nothing, signs nobody in or out, and prints no secret.
docs/doctor.md lists all that it finds, and what to do about it.

` + configHelp + `
Exit codes: 0 nothing, or notes alone; 1 warnings; 2 problems; 64 wrong usage.

`

func examine(ctx context.Context, t terminal, args []string) int {
	flags := newFlags(t, "doctor", doctorHelp)
	var o doctor.Options
	flags.BoolVar(&o.ProviderOnly, "provider", false, "examine the provider alone, for a program that is not running")
	flags.StringVar(&o.StoreURL, "store", "", "the `URL` at which the program serves inspect.Handler, to examine its store")
	flags.DurationVar(&o.Timeout, "timeout", time.Minute, "how long all of it may take")
	ca := flags.String("ca", "", "a PEM `file` with certificates of a private authority to trust")
	asJSON := flags.Bool("json", false, "print JSON")
	if code, ok := parse(t, flags, args, 1); !ok {
		return code
	}
	if o.Timeout <= 0 {
		fmt.Fprintln(t.err, "passport doctor: -timeout must be positive")
		return exitBadUsage
	}
	var err error
	if o.Transport, err = trusting(ctx, *ca); err != nil {
		fmt.Fprintln(t.err, "passport doctor: -ca:", err)
		return exitBadUsage
	}
	var report doctor.Report
	if o.Config, err = readConfig(ctx, flags.Arg(0)); err != nil {
		report = doctor.Unreadable(err)
	} else {
		report = doctor.Run(ctx, o)
	}
	if err := printReport(t.out, report, *asJSON); err != nil {
		fmt.Fprintln(t.err, "passport doctor:", err)
		return exitFailed
	}
	return codeOf(report)
}

func codeOf(r doctor.Report) int {
	switch r.Worst() {
	case doctor.Problem:
		return exitFailed
	case doctor.Warning:
		return exitRefused
	}
	return exitOK
}

// longestCertificates is more than those of all public authorities together.
const longestCertificates = 16 << 20

// trusting is the default transport, with more certificates to trust.
func trusting(ctx context.Context, file string) (*http.Transport, error) {
	if file == "" {
		return nil, nil
	}
	data, err := readFile(ctx, file, longestCertificates)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(data) {
		return nil, errors.New("has no certificate in PEM")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	return transport, nil
}

// longestPart bounds what is printed of one part of a finding.
const longestPart = 1 << 10

func printReport(w io.Writer, r doctor.Report, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(r)
	}
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s %s\n", strings.ToUpper(string(f.Severity)), f.ID)
		for _, part := range []struct{ name, text string }{{"seen:  ", f.Seen}, {"why:   ", f.Why}, {"remedy:", f.Remedy}} {
			fmt.Fprintf(&b, "  %s %s\n", part.name, text.Line(part.text, longestPart))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s, %s, %s\n", counted(r, doctor.Problem), counted(r, doctor.Warning), counted(r, doctor.Note))
	_, err := io.WriteString(w, b.String())
	return err
}

func counted(r doctor.Report, severity storage.Severity) string {
	n := r.Count(severity)
	if n == 1 {
		return "1 " + string(severity)
	}
	return fmt.Sprintf("%d %ss", n, severity)
}
