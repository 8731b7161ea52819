package manifest_test

import (
	"testing"

	"github.com/segue-run/segue/sdk/manifest"
)

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := manifest.Parse([]byte(whole)); err != nil {
			b.Fatal(err)
		}
	}
}
