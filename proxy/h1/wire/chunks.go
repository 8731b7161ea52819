package wire

// Chunks reads a chunked body. Its zero value is ready, but for Limits. After an error it
// is not to be used again.
type Chunks struct {
	Limits *Limits // for the trailers
	// Trailer is what came behind the body; once it has ended.
	Trailer []Field

	state chunkState
	left  int64 // of the chunk's data
	spent int64 // on what is no data, beyond what is reasonable for the data there was
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkData
	chunkEnd
	chunkTrailer
	chunkDone
)

const (
	maxChunkLine  = 512      // bytes of the line before a chunk
	maxChunkSpent = 16 << 10 // see Chunks.spent
)

// Next reads from the front of buf: data is a part of the body, in buf; n is how much of
// buf it has taken, data included; done says that the body and its trailers have ended.
// Where n is 0 and done is not, more must be read: a buffer of the size of Limits.Bytes, or
// of 1 KiB if that is less, is enough. An error is a *SyntaxError. It allocates nothing
// where there are no trailers.
func (c *Chunks) Next(buf []byte) (data []byte, n int, done bool, err error) {
	for {
		b := buf[n:]
		taken := 0
		switch c.state {
		case chunkSize:
			taken, err = c.size(b)
		case chunkData:
			if data != nil || len(b) == 0 {
				return data, n, false, nil
			}
			taken = int(min(c.left, int64(len(b))))
			data = b[:taken:taken]
			if c.left -= int64(taken); c.left == 0 {
				c.state = chunkEnd
			}
		case chunkEnd:
			taken, err = c.end(b)
		case chunkTrailer:
			taken, err = c.trailer(b)
		case chunkDone:
			return data, n, true, nil
		}
		if err != nil && len(data) > 0 {
			// The data goes first: the fault is found again, at the front of what is left.
			return data, n, false, nil
		}
		if taken == 0 || err != nil {
			return data, n, false, err
		}
		n += taken
	}
}

// size reads the line before a chunk: its size, and extensions, which mean nothing here.
func (c *Chunks) size(b []byte) (int, error) {
	b = b[:min(len(b), maxChunkLine)]
	var size int64
	i := 0
	for ; i < len(b) && hexValue[b[i]] <= 15; i++ {
		if i == 15 { // more could not be counted
			return 0, errChunkSize
		}
		size = size<<4 | int64(hexValue[b[i]])
	}
	if i == 0 && len(b) > 0 {
		return 0, errChunkSize
	}
	end, err := chunkExtensions(b, i)
	if err != nil {
		return 0, err
	}
	if end == 0 {
		if len(b) == maxChunkLine {
			return 0, errChunkLine
		}
		return 0, nil
	}
	// Lines that are long, or many for little data, are work for nothing.
	c.spent = max(0, c.spent+int64(end)-16-2*size)
	if c.spent > maxChunkSpent {
		return 0, errChunkLine
	}
	if c.left, c.state = size, chunkData; size == 0 {
		c.state = chunkTrailer
	}
	return end, nil
}

// chunkExtensions reads them at b[i], with the end of the line, and gives where that is;
// 0 where it has not come. Spaces within are refused.
func chunkExtensions(b []byte, i int) (int, error) {
	for i < len(b) && b[i] == ';' {
		name := i + 1
		i = name + tokenLen(b[name:])
		if i < len(b) && i == name {
			return 0, errChunkExt
		}
		if i < len(b) && b[i] == '=' {
			var err error
			if i, err = extensionValue(b, i+1); err != nil {
				return 0, err
			}
		}
	}
	switch {
	case i >= len(b), b[i] == '\r' && i+1 == len(b):
		return 0, nil
	case b[i] == '\r' && b[i+1] == '\n':
		return i + 2, nil
	case b[i] == '\n', b[i] == '\r':
		return 0, errBareLF
	}
	return 0, errChunkExt
}

// extensionValue gives where a value ends that begins at b[i]: a token, or a quoted string;
// len(b) or more where it has not come to its end.
func extensionValue(b []byte, i int) (int, error) {
	if i == len(b) {
		return i, nil
	}
	if b[i] != '"' {
		n := tokenLen(b[i:])
		if n == 0 {
			return 0, errChunkExt
		}
		return i + n, nil
	}
	for i++; i < len(b) && b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
		if i < len(b) && !isValue[b[i]] {
			return 0, errChunkExt
		}
	}
	return i + 1, nil
}

// end reads what stands behind a chunk's data.
func (c *Chunks) end(b []byte) (int, error) {
	if len(b) > 0 && b[0] != '\r' || len(b) > 1 && b[1] != '\n' {
		return 0, errChunkEnd
	}
	if len(b) < 2 {
		return 0, nil
	}
	c.state = chunkSize
	return 2, nil
}

// trailer reads the end of the body.
func (c *Chunks) trailer(b []byte) (int, error) {
	b = c.Limits.cap(b)
	n, err := c.Limits.end(b, 0)
	if n == 0 {
		return 0, err
	}
	if n > 2 {
		if c.Trailer, err = appendFields(c.Trailer[:0], b[:n], string(b[:n]), 0); err != nil {
			return 0, err
		}
		for _, f := range c.Trailer {
			if !mayTrail(f.Name) {
				return 0, errTrailer
			}
		}
	} else {
		c.Trailer = c.Trailer[:0]
	}
	c.state = chunkDone
	return n, nil
}
