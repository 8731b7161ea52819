package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// MaxLen is how many bytes a header may have, with all that follows the addresses.
const MaxLen = 4096

// Header is what a proxy says of a connection.
type Header struct {
	// Source is who connected to the proxy, and Destination where; invalid where it does
	// not say, or speaks for itself, as for a health check.
	Source, Destination netip.AddrPort
}

// Why bytes are no header. Made once, since a peer can ask for them at will.
var (
	errNone        = errors.New("not a header of the PROXY protocol")
	errLong        = errors.New("the header is too long")
	errLine        = errors.New("version 1: not a line of six words")
	errAddress     = errors.New("version 1: not an address of its family")
	errPort        = errors.New("version 1: not a port")
	errVersion     = errors.New("version 2: neither PROXY nor LOCAL")
	errFamily      = errors.New("version 2: a family or a transport that no stream has")
	errShort       = errors.New("version 2: shorter than its addresses")
	errExtra       = errors.New("version 2: what follows the addresses is broken")
	signature1     = []byte("PROXY ")
	signature2     = []byte("\r\n\r\n\x00\r\nQUIT\n")
	errUnknownWord = errors.New("version 1: neither TCP4, TCP6 nor UNKNOWN")
)

const (
	longest1 = 107 // of a line, with its end
	fixed2   = 16  // of what goes before the addresses
)

// Parse reads a header from the front of buf, and gives its length; 0 where more must be
// read first. It allocates nothing but an IPv6 address of version 1.
func Parse(buf []byte) (h Header, n int, err error) {
	switch {
	case begins(buf, signature1):
		return parse1(buf)
	case begins(buf, signature2):
		return parse2(buf)
	}
	return Header{}, 0, errNone
}

// begins reports whether buf begins with the signature, or is a beginning of it.
func begins(buf, signature []byte) bool {
	return bytes.HasPrefix(buf, signature[:min(len(buf), len(signature))])
}

func parse1(buf []byte) (h Header, n int, err error) {
	line := buf[:min(len(buf), longest1)]
	end := bytes.IndexByte(line, '\n')
	switch {
	case end < 0 && len(buf) >= longest1:
		return Header{}, 0, errLong
	case end < 0:
		return Header{}, 0, nil
	case end == 0 || line[end-1] != '\r':
		return Header{}, 0, errLine
	}
	text := string(line[:end-1])
	if strings.IndexByte(text, '\r') >= 0 {
		return Header{}, 0, errLine
	}
	if text == "PROXY UNKNOWN" || strings.HasPrefix(text, "PROXY UNKNOWN ") {
		return Header{}, end + 1, nil
	}
	words := strings.Split(text, " ")
	if len(words) != 6 {
		return Header{}, 0, errLine
	}
	if words[1] != "TCP4" && words[1] != "TCP6" {
		return Header{}, 0, errUnknownWord
	}
	six := words[1] == "TCP6"
	if h.Source, err = endpoint(words[2], words[4], six); err == nil {
		h.Destination, err = endpoint(words[3], words[5], six)
	}
	if err != nil {
		return Header{}, 0, err
	}
	return h, end + 1, nil
}

func endpoint(address, port string, six bool) (netip.AddrPort, error) {
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Is6() != six || addr.Zone() != "" {
		return netip.AddrPort{}, errAddress
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || len(port) > 1 && port[0] == '0' {
		return netip.AddrPort{}, errPort
	}
	return netip.AddrPortFrom(addr, uint16(number)), nil
}

func parse2(buf []byte) (h Header, n int, err error) {
	if len(buf) < fixed2 {
		return Header{}, 0, nil
	}
	command, family := buf[12], buf[13]
	n = fixed2 + int(binary.BigEndian.Uint16(buf[14:]))
	switch {
	case command != 0x20 && command != 0x21:
		return Header{}, 0, errVersion
	case n > MaxLen:
		return Header{}, 0, errLong
	case len(buf) < n:
		return Header{}, 0, nil
	case command == 0x20: // LOCAL: the proxy itself; whatever else it says means nothing
		return Header{}, n, nil
	}
	body := buf[fixed2:n]
	size := 0
	switch family {
	case 0x00: // not said
		return Header{}, n, nil
	case 0x11:
		size = 4
	case 0x21:
		size = 16
	case 0x31: // a unix socket
		size = 108
	default:
		return Header{}, 0, errFamily
	}
	taken := 2*size + 4
	if family == 0x31 {
		taken = 2 * size
	}
	if len(body) < taken {
		return Header{}, 0, errShort
	}
	if !soundExtras(body[taken:]) {
		return Header{}, 0, errExtra
	}
	if family == 0x31 {
		return Header{}, n, nil
	}
	source, _ := netip.AddrFromSlice(body[:size])
	destination, _ := netip.AddrFromSlice(body[size : 2*size])
	ports := body[2*size:]
	h.Source = netip.AddrPortFrom(source, binary.BigEndian.Uint16(ports))
	h.Destination = netip.AddrPortFrom(destination, binary.BigEndian.Uint16(ports[2:]))
	return h, n, nil
}

// soundExtras reports whether what follows the addresses is whole: a type, a length and
// as many bytes, again and again. Nothing of it is used.
func soundExtras(b []byte) bool {
	for len(b) > 0 {
		if len(b) < 3 {
			return false
		}
		size := 3 + int(binary.BigEndian.Uint16(b[1:]))
		if len(b) < size {
			return false
		}
		b = b[size:]
	}
	return true
}
