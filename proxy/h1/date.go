package h1

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/segue-run/segue/proxy/h1/wire"
)

// dates makes the Date line of answers, once a second.
type dates struct{ last atomic.Pointer[dateLine] }

type dateLine struct {
	second int64
	line   []byte
}

// append appends the line.
func (d *dates) append(out []byte, now time.Time) []byte {
	second := now.Unix()
	last := d.last.Load()
	if last == nil || last.second != second {
		last = &dateLine{second, wire.AppendField(nil, "Date", now.UTC().Format(http.TimeFormat))}
		d.last.Store(last)
	}
	return append(out, last.line...)
}
