package gateway

import "context"

// onEnd has f called when ctx ends. What it gives takes that back, and where f has begun
// it waits until f is over.
func onEnd(ctx context.Context, f func()) (release func()) {
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(over)
		f()
	})
	return func() {
		if !stop() {
			<-over
		}
	}
}
