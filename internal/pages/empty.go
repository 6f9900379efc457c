package pages

import "net/http"

// ServeEmpty sends a page with nothing on it that framer, an origin, may frame.
func ServeEmpty(w http.ResponseWriter, framer string) {
	const page = "<!doctype html>\n<html lang=\"en\">\n<title>Signed out</title>\n"
	send(w, http.StatusOK, policy("frame-ancestors "+framer), []byte(page))
}
