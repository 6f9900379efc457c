package pages

import (
	_ "embed"
	"fmt"
	"html/template"
	"net/http"

	"github.com/passport-go/passport/page"
)

var (
	//go:embed silent.html
	silentHTML string
	//go:embed continue.html
	continueHTML string
	//go:embed silent.js
	silentSource string

	silentHead   = &source{name: "silent", html: &silentHTML}
	continueLink = &source{name: "continue", html: &continueHTML}
	silentJS     = template.JS(strip(silentSource))
)

// silentAnswer is what the silent page carries: the answer, and the pages that it
// becomes if the logout is not completed.
type silentAnswer struct {
	Answer
	Report  string `json:"report"`
	Offline string `json:"offline"`
}

// ServeSilent answers a form that was posted without passport.js, in silent
// mode: a page that runs the same code from the inside, and then gives way to
// a.ReturnTo, which must be set. Where the browser runs no scripts at all it
// goes to a.URL at top level. The status is 200, or 503 if a.App is "failed".
// via are addresses that the iframe passes through, other than a.URL and
// a.Callback.
//
// It fails if one of them is not an http or https URL, and has then written
// nothing.
func (s *Set) ServeSilent(w http.ResponseWriter, r *http.Request, a Answer, via ...string) error {
	frames, connect := "frame-src", "connect-src"
	for _, address := range append(via, a.URL, a.Callback) {
		o, err := Origin(address)
		if err != nil {
			return fmt.Errorf("an address of the logout: %w", err)
		}
		frames += " " + o
		if address == a.URL {
			connect += " " + o // to look whether anybody answers there
		}
	}
	wait, report, offline := silentMessages(a)
	d := s.begin(r, append(append(wait.texts(), offline.texts()...), Say(Continue))...)
	d.head = silentHead.render(map[string]any{
		"Answer": silentAnswer{
			Answer:  a,
			Report:  string(d.render(report.in(d.tongue))),
			Offline: string(d.render(offline.in(d.tongue))),
		},
		"Passport": passportJS,
		"Script":   silentJS,
	})
	d.body = d.render(wait.in(d.tongue))
	d.tail = continueLink.render(map[string]string{"URL": a.URL, "Text": d.say(Say(Continue))})
	d.send(w, wait.Status, "script-src "+hash(passportJS)+" "+hash(silentJS), frames, connect, "frame-ancestors 'self'")
	return nil
}

// silentMessages are the page while the logout is under way, and those that it
// becomes if the logout is not completed, or the network is down.
func silentMessages(a Answer) (wait, report, offline Message) {
	status := http.StatusOK
	if a.App == "failed" {
		status = http.StatusServiceUnavailable
	}
	wait = Message{Kind: page.SigningOut, Status: status, Title: Say(SigningOut)}
	report = UnconfirmedLogout(status, a.App == "failed", a.OtherProvider, a.URL, Link{URL: a.ReturnTo, Text: Say(Back)})
	unreachable := Say(OfflinePassport)
	if a.OtherProvider {
		unreachable = Say(OfflineService)
	}
	offline = report
	offline.Texts = append(offline.Texts[:len(offline.Texts):len(offline.Texts)], unreachable)
	return wait, report, offline
}

// UnconfirmedLogout says that the user has signed out here, and where to sign out of
// the provider, at url. failed: the program's session could not be ended yet. other:
// the provider is not Passport, and is not named.
func UnconfirmedLogout(status int, failed, other bool, url string, then Link) Message {
	m := Message{
		Kind: page.Unconfirmed, Status: status,
		Title: Say(Unconfirmed), Texts: []Text{Say(UnconfirmedPassport)},
		Links: []Link{{URL: url, Text: Say(SignOutPassport), Required: true}, then},
	}
	if other {
		m.Texts[0], m.Links[0].Text = Say(UnconfirmedService), Say(SignOutService)
	}
	if failed {
		m.Kind, m.Title, m.Texts = page.Failed, Say(Pending), append([]Text{Say(PendingText)}, m.Texts...)
	}
	return m
}
