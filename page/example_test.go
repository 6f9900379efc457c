package page_test

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"os"

	"github.com/passport-go/passport/page"
)

// A program's own page is one template for all kinds of pages.
func ExampleTemplate() {
	own := template.Must(template.New("page").Parse(`<!doctype html>
<html lang="{{.Language}}" dir="{{.Dir}}">
<title>{{.Title}}</title>
<style nonce="{{.Nonce}}">body { background: teal }</style>
<h1>{{.Title}}</h1>
{{range .Texts}}<p>{{.}}</p>
{{end}}{{range .Links}}<p><a href="{{.URL}}">{{.Text}}</a></p>
{{end}}`))
	options := page.Options{Render: page.Template(own)} // for passport.Config.Pages

	var b bytes.Buffer
	err := options.Render(context.Background(), &b, page.Page{
		Kind: page.Failed, Title: "Vous n’êtes pas connecté(e)",
		Links:    []page.Link{{URL: "/login", Text: "Se reconnecter"}},
		Language: "fr", Dir: "ltr", Nonce: "N7",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = b.WriteTo(os.Stdout)
	// Output:
	// <!doctype html>
	// <html lang="fr" dir="ltr">
	// <title>Vous n’êtes pas connecté(e)</title>
	// <style nonce="N7">body { background: teal }</style>
	// <h1>Vous n’êtes pas connecté(e)</h1>
	// <p><a href="/login">Se reconnecter</a></p>
}
