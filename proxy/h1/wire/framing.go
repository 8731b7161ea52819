package wire

import "strings"

// Framing says how a body's end is told.
type Framing uint8

// The framings.
const (
	NoBody     Framing = iota
	Length             // as many bytes as Content-Length says
	Chunked            // Transfer-Encoding: chunked
	UntilClose         // to the end of the connection; answers only
)

// common is what requests and answers say of the connection and of their bodies.
type common struct {
	minor      int
	coded      bool // there is a Transfer-Encoding
	coding     error
	chunked    bool
	length     int64 // -1 for none
	close      bool
	keepAlive  bool
	upgrade    bool   // Connection names Upgrade
	upgradeTo  string // as it was sent
	upgradings int    // lines of it
}

// field takes notice of one; it reports whether it was one of its own.
func (c *common) field(f Field) (bool, error) {
	switch len(f.Name) {
	case len("upgrade"):
		if lowerEqual(f.Name, "upgrade") {
			c.upgradeTo = f.Value
			c.upgradings++
			return true, nil
		}
	case len("connection"):
		if lowerEqual(f.Name, "connection") {
			c.connection(f.Value)
			return true, nil
		}
	case len("content-length"):
		if lowerEqual(f.Name, "content-length") {
			return true, c.contentLength(f.Value)
		}
	case len("transfer-encoding"):
		if lowerEqual(f.Name, "transfer-encoding") {
			c.transferEncoding(f.Value)
			return true, nil
		}
	}
	return false, nil
}

func (c *common) connection(list string) {
	switch { // the usual ones
	case lowerEqual(list, "keep-alive"):
		c.keepAlive = true
		return
	case lowerEqual(list, "close"):
		c.close = true
		return
	}
	c.keepAlive = c.keepAlive || hasToken(list, "keep-alive")
	c.close = c.close || hasToken(list, "close")
	c.upgrade = c.upgrade || hasToken(list, "upgrade")
}

func (c *common) contentLength(value string) error {
	if c.length >= 0 {
		return errTwoLengths
	}
	if value == "" || len(value) > 19 { // 19 digits do not overflow 64 bits, but perhaps 63
		return errLength
	}
	var n uint64
	for _, d := range []byte(value) {
		if d < '0' || d > '9' {
			return errLength
		}
		n = n*10 + uint64(d-'0')
	}
	if n > 1<<63-1 {
		return errLength
	}
	c.length = int64(n)
	return nil
}

// transferEncoding takes one line. All lines together are one list, that has to be
// "chunked" and nothing else.
func (c *common) transferEncoding(list string) {
	c.coded = true
	if c.coding != nil {
		return
	}
	for rest, more := list, true; more; {
		var item string
		item, rest, more = strings.Cut(rest, ",")
		switch name := trim(item); {
		case c.chunked || name == "":
			c.coding = errCoding
			return
		case lowerEqual(name, "chunked"):
			c.chunked = true
		default:
			c.coding = errNoCoding
			if name, _, _ = strings.Cut(name, ";"); lowerEqual(trim(name), "chunked") || !isName(trim(name)) {
				c.coding = errCoding
				return
			}
		}
	}
}

// framing is how the body's end is told, as far as the fields say so; else rest.
func (c *common) framing(rest Framing) (Framing, error) {
	switch {
	case c.coded && c.length >= 0:
		return NoBody, errBothLengths
	case c.coded && c.minor == 0:
		return NoBody, errOldCoding
	case c.coding != nil:
		return NoBody, c.coding
	case c.coded:
		return Chunked, nil
	case c.length >= 0:
		return Length, nil
	}
	return rest, nil
}

// ends reports whether the connection ends after this message.
func (c *common) ends() bool { return c.close || c.minor == 0 && !c.keepAlive }

// protocol is the one that is changed to; see Request.Upgrade.
func (c *common) protocol() string {
	if !c.upgrade || c.upgradings != 1 || c.minor == 0 {
		return ""
	}
	name, version, versioned := strings.Cut(c.upgradeTo, "/")
	if !isName(name) || versioned && !isName(version) {
		return ""
	}
	switch name = strings.ToLower(name); name {
	case "h2c", "h2", "http", "tls":
		return ""
	}
	return strings.ToLower(c.upgradeTo)
}

// isName reports whether s is a token.
func isName(s string) bool {
	for i := range len(s) {
		if !isToken[s[i]] {
			return false
		}
	}
	return s != ""
}
