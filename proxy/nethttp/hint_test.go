package nethttp_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/segue-run/segue/proxy"
)

// hinting is a module that says a hint of many lines before it answers.
func hinting(w http.ResponseWriter, r *http.Request) {
	for i := range 100 {
		w.Header().Add("Link", "</"+string(rune('a'+i%26))+".css>")
	}
	w.WriteHeader(http.StatusEarlyHints)
	_, _ = io.WriteString(w, "hi")
}

func TestAStreamHearsNoHints(t *testing.T) {
	m := newModule(t, "hello", hinting)
	w := newHouse(t, proxy.Config{}, false, m).wire(t)
	w.send(request(nil), true)
	if got := w.answer(); got != "200" {
		t.Errorf("got %s first", got)
	}
}
