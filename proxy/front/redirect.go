package front

import (
	"net"
	"net/http"
	"strings"

	"github.com/segue-run/segue/proxy"
)

// Redirect is a handler for a port in clear text: it sends every client to the same
// address over HTTPS, at a port, "" for the usual one. Status 308 has the client keep its
// method and its body.
func Redirect(port string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, err := proxy.CleanHost(r.Host)
		if err != nil || host == "" || !strings.HasPrefix(r.URL.Path, "/") {
			http.Error(w, "this address is served over HTTPS alone", http.StatusBadRequest)
			return
		}
		switch {
		case port != "":
			host = net.JoinHostPort(host, port)
		case strings.Contains(host, ":"):
			host = "[" + host + "]"
		}
		w.Header().Set("Location", "https://"+host+r.URL.RequestURI())
		w.WriteHeader(http.StatusPermanentRedirect)
	})
}
