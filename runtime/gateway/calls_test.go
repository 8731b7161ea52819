package gateway_test

import (
	"testing"

	"github.com/segue-run/segue/sdk/manifest"
)

func TestAProgramThatDialsByItselfIsServed(t *testing.T) {
	server := echo(t, "127.0.0.1:0").Addr().String()
	s := run(t, &book{}, peers(server), manifest.Permissions{}, "dial "+server, "blocking "+server, "sdk-dial "+server)
	for range 3 {
		if o := s.next(); o.Result != "you said hello\n" {
			t.Error(o)
		}
	}
	if d := s.denied(); len(d) > 0 {
		t.Error("denied:", d)
	}
}
