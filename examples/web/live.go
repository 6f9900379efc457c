package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// live sends the panel again whenever it changes, as server-sent events, until
// the browser goes away or the program ends.
func (s *site) live(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	stream := http.NewResponseController(w)
	for {
		p, changed, open := s.panel(r)
		if !open {
			return
		}
		var b bytes.Buffer
		if err := pages.ExecuteTemplate(&b, "panel.html", p); err != nil {
			return
		}
		if writeEvent(w, b.String()) != nil || stream.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// writeEvent writes one event; each of its lines takes a prefix (HTML Living
// Standard §9.2.6).
func writeEvent(w io.Writer, data string) error {
	_, err := fmt.Fprintf(w, "data: %s\n\n", strings.ReplaceAll(data, "\n", "\ndata: "))
	return err
}
