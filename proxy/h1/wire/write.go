package wire

import (
	"net/http"
	"strconv"
)

// AppendField appends a header line with its end. Name and value are valid already: what
// Parse has given is.
func AppendField(dst []byte, name, value string) []byte {
	return append(append(append(append(dst, name...), ": "...), value...), "\r\n"...)
}

// statusLines are the first lines of answers, for the statuses that have a usual reason.
var statusLines = func() (lines [600]string) {
	for status := 100; status < len(lines); status++ {
		if reason := http.StatusText(status); reason != "" {
			lines[status] = "HTTP/1.1 " + strconv.Itoa(status) + " " + reason + "\r\n"
		}
	}
	return lines
}()

// AppendStatus appends the first line of an answer, with the usual reason. The status has
// three digits.
func AppendStatus(dst []byte, status int) []byte {
	if status < len(statusLines) && statusLines[status] != "" {
		return append(dst, statusLines[status]...)
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	return append(dst, " \r\n"...)
}

// AppendChunkHead appends what goes before a chunk of n bytes, more than 0; "\r\n" goes
// behind it.
func AppendChunkHead(dst []byte, n int) []byte {
	return append(strconv.AppendInt(dst, int64(n), 16), "\r\n"...)
}

// AppendTrailer appends the end of a chunked body, with trailers.
func AppendTrailer(dst []byte, trailer []Field) []byte {
	dst = append(dst, "0\r\n"...)
	for _, f := range trailer {
		dst = AppendField(dst, f.Name, f.Value)
	}
	return append(dst, "\r\n"...)
}
