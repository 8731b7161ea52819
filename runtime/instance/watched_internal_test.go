package instance

import (
	"context"
	"testing"
)

func TestNothingLooksAfterAProcessThatIsGone(t *testing.T) {
	var w watched
	w.stop()
	w.begin(func(context.Context) { t.Error("it was begun") })
	w.wait()
}

func TestWhatLooksAfterAProcessEndsWithIt(t *testing.T) {
	var w watched
	ended := false
	w.begin(func(ctx context.Context) {
		<-ctx.Done()
		ended = true
	})
	w.stop()
	w.wait()
	if !ended {
		t.Error("it has not ended")
	}
}
