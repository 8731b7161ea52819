package front

import (
	"net"
	"net/http"
	"strings"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/guard"
)

// Redirect is a handler for a port in clear text: it sends every client to the same
// address over HTTPS, at a port, "" for the usual one. Status 308 has the client keep its
// method and its body. A trusted proxy whose client came over HTTPS would send it round
// in a circle: such a client is told 421, and what to do about it.
func Redirect(port string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cameSecure(r) {
			http.Error(w, "this request came over HTTPS to a proxy that passes it on in clear text, where all is redirected to HTTPS: have the proxy pass it on over TLS, or turn proxy.tls.redirect off", http.StatusMisdirectedRequest)
			return
		}
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

// cameSecure reports whether a trusted peer that speaks in clear text says that its client
// came over TLS.
func cameSecure(r *http.Request) bool {
	peer, ok := r.Context().Value(peerKey{}).(*proxy.Peer)
	if !ok || !peer.Trusted || peer.Secure {
		return false
	}
	var client guard.Client
	client.Read(peer, r.Host, r.Header)
	return client.Secure
}
