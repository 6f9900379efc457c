package passporttest

import "net/http"

// activate is the page where a user enters the code that a device shows, and then
// allows or refuses that device's login.
func (d *AuthDomain) activate(w http.ResponseWriter, r *http.Request) {
	typed := r.URL.Query().Get("user_code")
	g, ok := d.db.device(typedCode(typed), d.now())
	if !ok {
		page(w, http.StatusOK, "activate.html", activateData{Title: "Connect a device", Code: typed, Unknown: typed != ""})
		return
	}
	data := allowData{Title: "Is this your device?", Code: typed, Client: g.clientID}
	session, signedIn := d.session(r)
	switch {
	case signedIn:
		data.User = session.User.name()
	case d.options.AutoLogin:
		data.User = d.options.Users[0].name()
	default:
		for _, u := range d.options.Users {
			data.Users = append(data.Users, u.choice(""))
		}
	}
	page(w, http.StatusOK, "allow.html", data)
}

// submitActivate handles the page's form: which user they are, unless that is known,
// and whether the device may sign in.
func (d *AuthDomain) submitActivate(w http.ResponseWriter, r *http.Request) {
	code := typedCode(r.PostForm.Get("user_code"))
	if _, ok := d.db.device(code, d.now()); !ok {
		errorPage(w, "Unknown code", "No device waits for this code any more.", r.PostForm.Get("user_code"))
		return
	}
	if r.PostForm.Has("deny") {
		d.db.decideDevice(code, d.now(), Session{})
		page(w, http.StatusOK, "activated.html", activatedData{Title: "The device is not signed in"})
		return
	}
	session, ok := d.activatingSession(w, r)
	if !ok {
		errorPage(w, "Unknown user", "Nobody has this subject.", r.PostForm.Get("user"))
		return
	}
	d.db.decideDevice(code, d.now(), session)
	page(w, http.StatusOK, "activated.html", activatedData{Title: "Your device is signed in"})
}

// activatingSession returns the session of the user who allows the login: a new one if
// they were not signed in.
func (d *AuthDomain) activatingSession(w http.ResponseWriter, r *http.Request) (Session, bool) {
	if subject := r.PostForm.Get("user"); subject != "" {
		user, ok := d.options.userBySubject(subject)
		if !ok {
			return Session{}, false
		}
		return d.signIn(w, r, user), true
	}
	if session, signedIn := d.session(r); signedIn {
		return session, true
	}
	if d.options.AutoLogin {
		return d.signIn(w, r, d.options.Users[0]), true
	}
	return Session{}, false
}

type activateData struct {
	Title   string
	Code    string
	Unknown bool // no device is waiting for the code that was typed
}

type allowData struct {
	Title  string
	Code   string
	Client string
	User   string       // who is signed in; empty: one of Users chooses
	Users  []userChoice // who can sign in
}

type activatedData struct{ Title string }
