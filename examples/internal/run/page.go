package run

import (
	"html/template"
	"io"
)

var home = template.Must(template.New("home").Parse(`<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Example</title>
{{if .}}<p>You are {{.}}. <a href="inventory">Your inventory</a>
<form method="post" action="logout"><button>Sign out</button></form>
{{else}}<p>You are not signed in. <a href="login">Sign in</a>
{{end}}`))

// Home writes the page that most examples have: for the user with that e-mail address,
// or for nobody if it is empty.
func Home(w io.Writer, email string) error { return home.Execute(w, email) }
