package watch_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/segue-run/segue/runtime/executable/executabletest"
	"github.com/segue-run/segue/runtime/watch"
)

// BenchmarkOffer measures from the moment at which a file of 17 MB is all there (the
// rename returned, the writer was closed) to its offer.
func BenchmarkOffer(b *testing.B) {
	bytes := executabletest.File{Size: 17 << 20}.Bytes()
	for name, drop := range map[string]func(src, dst string) error{
		"mv":        os.Rename,
		"cp":        func(src, dst string) error { return copyInto(src, dst, len(bytes)) },
		"cp in 32K": func(src, dst string) error { return copyInto(src, dst, 32<<10) },
	} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b)
			notices := r.bare()
			if _, ok := (<-notices).(*watch.Scanned); !ok {
				b.Fatal("no start")
			}
			offers := make(chan *watch.Offer)
			go func() {
				defer close(offers)
				for n := range notices {
					if o, ok := n.(*watch.Offer); ok {
						offers <- o
					}
				}
			}()
			var total time.Duration
			n := 0
			for b.Loop() {
				n++
				src := r.put(filepath.Join(r.src, "file"), bytes)
				dst := r.path(time.Now().Format("hello-150405.000000000"))
				if err := drop(src, dst); err != nil {
					b.Fatal(err)
				}
				whole := time.Now()
				o := <-offers
				total += time.Since(whole)
				o.Close()
				if err := os.RemoveAll(o.Path); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(total.Microseconds())/float64(n), "µs/offer")
			r.halt()
		})
	}
}

// copyInto writes dst in pieces.
func copyInto(src, dst string, piece int) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(dst)
	if err != nil {
		return err
	}
	buf := make([]byte, piece)
	if _, err := io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, buf); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
