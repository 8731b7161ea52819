package nethttp

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/page"
)

// gRPC's words for how a call ends.
const (
	grpcOK               = 0
	grpcUnknown          = 2
	grpcDeadlineExceeded = 4
	grpcPermissionDenied = 7
	grpcExhausted        = 8
	grpcUnimplemented    = 12
	grpcInternal         = 13
	grpcUnavailable      = 14
	grpcDataLoss         = 15
	grpcUnauthenticated  = 16
)

const grpcType = "application/grpc"

// isGRPC reports whether a message is gRPC, which needs HTTP/2 from end to end; gRPC-Web
// does not.
func isGRPC(h http.Header) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(h.Get("Content-Type")), grpcType)
	return ok && (rest == "" || strings.IndexByte("+; ", rest[0]) >= 0)
}

// grpcStatus is the status in gRPC's words for one in HTTP's.
func grpcStatus(status int) int {
	switch status {
	case http.StatusUnauthorized:
		return grpcUnauthenticated
	case http.StatusForbidden:
		return grpcPermissionDenied
	case http.StatusNotFound, http.StatusNotImplemented:
		return grpcUnimplemented
	case http.StatusTooManyRequests, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return grpcExhausted
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return grpcDeadlineExceeded
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return grpcUnavailable
	}
	return grpcInternal
}

// classOf is the class of a whole answer. Of gRPC's, which are 200 whatever comes of the
// call, its own status decides: unknown, internal, unavailable and data loss are the
// module's failures, as is an answer in gRPC without a status. All others may be what the
// client asked for; a deadline that has passed was the client's.
func classOf(res *http.Response) proxy.Class {
	if res.StatusCode != http.StatusOK || !isGRPC(res.Header) {
		return proxy.ClassOf(res.StatusCode)
	}
	word := res.Trailer.Get("Grpc-Status")
	if word == "" {
		word = res.Header.Get("Grpc-Status")
	}
	switch status, err := strconv.Atoi(word); {
	case err != nil:
		return proxy.ClassServerError
	case status == grpcOK:
		return proxy.ClassOK
	case status == grpcUnknown, status == grpcInternal, status == grpcUnavailable, status == grpcDataLoss:
		return proxy.ClassServerError
	}
	return proxy.ClassClientError
}

// sayGRPC answers a call by ourselves, in one piece.
func (t *transit) sayGRPC(p page.Page) ending {
	h := t.w.Header()
	h.Set("Content-Type", grpcType)
	h.Set("Grpc-Status", strconv.Itoa(grpcStatus(p.Status)))
	h.Set("Grpc-Message", grpcMessage(p.Message))
	t.writeHead(http.StatusOK)
	return whole
}

// endGRPC ends a call whose answer has begun, in place of the module.
func (t *transit) endGRPC(p page.Page) {
	h := t.w.Header()
	h[http.TrailerPrefix+"Grpc-Status"] = []string{strconv.Itoa(grpcStatus(p.Status))}
	h[http.TrailerPrefix+"Grpc-Message"] = []string{grpcMessage(p.Message)}
}

// grpcMessage encodes a message as gRPC has it.
func grpcMessage(message string) string {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, len(message))
	for i := range len(message) {
		if c := message[i]; c < ' ' || c > '~' || c == '%' {
			out = append(out, '%', hex[c>>4], hex[c&15])
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}
