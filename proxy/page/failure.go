package page

import (
	"fmt"
	"net/http"
	"time"

	"github.com/segue-run/segue/proxy"
)

// Failure is the page for a request that a module did not answer, whose outcome was of
// that class; unreached says that there was no connection to it.
func Failure(class proxy.Class, module string, unreached bool) Page {
	p := Page{Status: http.StatusBadGateway, Error: "no-answer", Module: module,
		Message: fmt.Sprintf("module %s broke off before it answered", module)}
	switch {
	case class == proxy.ClassHost: // not the release's answer in any sense
		p.Status, p.Error, p.Message, p.RetryAfter = http.StatusServiceUnavailable, "host-error", "the server is out of resources for the moment", time.Second
	case class == proxy.ClassTimeout:
		p.Status, p.Error, p.Message = http.StatusGatewayTimeout, "timeout", fmt.Sprintf("module %s did not answer in time", module)
	case class == proxy.ClassDrained:
		p.Status, p.Error, p.RetryAfter = http.StatusServiceUnavailable, "draining", time.Second
		p.Message = fmt.Sprintf("module %s was being replaced and had no more time to answer", module)
	case class == proxy.ClassClientGone:
		p.Status, p.Error, p.Message = http.StatusBadRequest, "bad-body", "the request's body broke off or is malformed"
	case unreached:
		p.Message = fmt.Sprintf("module %s could not be reached", module)
	}
	return p
}
