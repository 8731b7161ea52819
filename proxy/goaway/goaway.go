package goaway

import (
	"crypto/rand"
	"strings"
)

// Follower is shown a long answer as it passes, from its beginning.
type Follower interface {
	// Follow is shown the next part. It gives how many bytes of it go to the last border
	// between two whole messages in it; 0 where there is none.
	Follow(part []byte) (border int)
	// AtBorder says that what was shown ends between two whole messages. Nothing shown is
	// a border too.
	AtBorder() bool
	// Farewell is what is sent at a border to end the answer in its protocol's own words;
	// empty where the end of the body says it, and where Closed. The caller owns it.
	Farewell() []byte
	// Closed says that the side that is followed has said farewell by itself, as with a
	// WebSocket's close frame: a second one is not to be sent, and the answer to it to be
	// waited for.
	Closed() bool
}

// ForUpgrade is the follower of what a module sends over an upgraded connection; nil where
// the protocol is not known. protocol is the answer's Upgrade header.
func ForUpgrade(protocol string) Follower {
	if !strings.EqualFold(protocol, "websocket") {
		return nil
	}
	return &frames{}
}

// ForUpgradeToModule is the follower of what a client sends over an upgraded connection; its
// farewell is for the module. nil where the protocol is not known.
func ForUpgradeToModule(protocol string) Follower {
	if !strings.EqualFold(protocol, "websocket") {
		return nil
	}
	f := &frames{masks: true}
	_, _ = rand.Read(f.key[:]) // it does not fail
	return f
}

// ForBody is the follower of a body of that Content-Type; nil where it is of no known
// kind that is long. A body that has a Content-Encoding shows nothing to follow: it has
// no follower.
func ForBody(contentType string) Follower {
	media := mediaOf(contentType)
	switch {
	case strings.EqualFold(media, eventStream):
		return &lines{}
	case isGRPC(media):
		return forGRPC(media)
	}
	return nil
}

// IsLong reports whether a body of that Content-Type is a long one (proxy.Answer.Long).
func IsLong(contentType string) bool {
	media := mediaOf(contentType)
	return strings.EqualFold(media, eventStream) || isGRPC(media)
}

const (
	eventStream = "text/event-stream"
	grpc        = "application/grpc"
)

func mediaOf(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.Trim(media, " \t")
}

// isGRPC reports whether it is gRPC or one of its kinds: application/grpc+proto,
// application/grpc-web.
func isGRPC(media string) bool {
	return len(media) >= len(grpc) && strings.EqualFold(media[:len(grpc)], grpc) &&
		(len(media) == len(grpc) || media[len(grpc)] == '+' || media[len(grpc)] == '-')
}
