package proxy

// Field says what a header line is, by its name alone. Case does not matter, and "_" counts
// as "-", because some servers take it for that.
type Field uint8

// The fields that mean something to whoever passes messages on. FieldHop to FieldTransfer
// speak of one connection, or of the framing; FieldBelieved to FieldInternal are what no
// client may tell a module (see Forwards).
const (
	FieldOther Field = iota // passes both ways
	FieldHop                // any of one connection that is not named below
	FieldConnection
	FieldTE
	FieldTrailer
	FieldUpgrade
	FieldTransfer // Transfer-Encoding
	FieldBelieved // tells of the client, or replaces the address
	FieldContentLength
	FieldHost
	FieldInternal // the runtime's own
	FieldRequestID
	FieldExpect
	FieldCookie
	FieldSetCookie
	FieldDate
	FieldContentType
	FieldContentEncoding
	FieldTraceparent
	FieldTracestate
)

// Forwards is what the function of that name says.
func (f Field) Forwards() bool { return f == FieldOther || f > FieldInternal }

// ForwardsTrailer reports whether a client may send the trailer to a module: nothing that is
// not passed on as it stands where it is in a head.
func (f Field) ForwardsTrailer() bool {
	switch f {
	case FieldRequestID, FieldExpect, FieldCookie, FieldTraceparent, FieldTracestate:
		return false
	}
	return f.Forwards()
}

// AnswersTrailer reports whether a module may send the trailer to a client.
func (f Field) AnswersTrailer() bool { return f != FieldRequestID && f.Answers() }

// Answers reports whether a module may send the field to a client, or the trailer.
// Content-Length is framing.
func (f Field) Answers() bool { return f == FieldBelieved || f == FieldHost || f.Forwards() }

// FieldOf gives the field of that name. It allocates nothing.
func FieldOf(name string) Field {
	if len(name) < len(fieldsByLength) {
		for _, known := range fieldsByLength[len(name)] {
			if startsField(name, known.name) {
				return known.field
			}
		}
	}
	switch {
	case startsField(name, "segue-"):
		return FieldInternal
	case startsField(name, "x-forwarded"):
		return FieldBelieved
	}
	return FieldOther
}

type knownField struct {
	name  string // in lower case, with dashes
	field Field
}

var fieldsByLength = func() (table [32][]knownField) {
	add := func(canonical string, field Field) {
		name := make([]byte, len(canonical))
		for i := range name {
			name[i] = fieldByte[canonical[i]]
		}
		table[len(name)] = append(table[len(name)], knownField{string(name), field})
	}
	special := map[string]Field{"Connection": FieldConnection, "Te": FieldTE, "Trailer": FieldTrailer, "Upgrade": FieldUpgrade,
		"Transfer-Encoding": FieldTransfer, "Content-Length": FieldContentLength, "Host": FieldHost,
		"X-Request-Id": FieldRequestID, "Expect": FieldExpect, "Cookie": FieldCookie, "Set-Cookie": FieldSetCookie,
		"Date": FieldDate, "Content-Type": FieldContentType, "Content-Encoding": FieldContentEncoding,
		"Traceparent": FieldTraceparent, "Tracestate": FieldTracestate}
	for name, field := range special {
		add(name, field)
	}
	for name := range hopByHop {
		if special[name] == 0 {
			add(name, FieldHop)
		}
	}
	for name := range believed {
		if special[name] == 0 {
			add(name, FieldBelieved)
		}
	}
	return table
}()

// fieldByte is each byte of a name in lower case, "_" as "-".
var fieldByte = func() (table [256]byte) {
	for i := range table {
		c := byte(i)
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == '_':
			c = '-'
		}
		table[i] = c
	}
	return table
}()

func startsField(name, prefix string) bool {
	if len(name) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if fieldByte[name[i]] != prefix[i] {
			return false
		}
	}
	return true
}
