package main

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"strings"
)

// clientID is the game's, as registered with the stand-in.
const clientID = "passport-example-wasm"

//go:embed static
var files embed.FS

// site serves files, and decides nothing: the page is the same for everybody.
func site(p *program, authDomain string) http.Handler {
	page := template.Must(template.ParseFS(files, "static/index.html"))
	mux := http.NewServeMux()
	index := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		// Only a browser that has gone away makes this fail.
		_ = page.Execute(w, map[string]string{"AuthDomain": authDomain, "ClientID": clientID, "Size": p.size()})
	}
	mux.HandleFunc("GET /{$}", index)
	mux.HandleFunc("GET /redirect", index)
	mux.HandleFunc("GET /logout", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, "static/logout.html")
	})
	mux.Handle("GET /static/", http.FileServerFS(files))
	mux.HandleFunc("GET /wasm_exec.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(p.support)
	})
	mux.HandleFunc("GET /game.wasm", p.serve)
	return withPolicy(mux, authDomain)
}

func (p *program) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/wasm")
	w.Header().Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(p.zipped)
		return
	}
	_, _ = w.Write(p.wasm)
}

// withPolicy is what such a game needs of a Content-Security-Policy: to run
// WebAssembly, to call the auth domain, to show its logout in an iframe, and to be
// embedded: frame-ancestors names every page around the game and its callback page.
func withPolicy(h http.Handler, authDomain string) http.Handler {
	policy := fmt.Sprintf("default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' %[1]s; frame-src 'self' %[1]s; frame-ancestors 'self' %[2]s", authDomain, os.Getenv("PORTAL"))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		h.ServeHTTP(w, r)
	})
}
