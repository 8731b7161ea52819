package goaway

// Follower is shown a long answer as it passes, from its beginning.
type Follower interface {
	// Follow is shown the next part. It gives how many bytes of it go to the last border
	// between two whole messages in it; 0 where there is none.
	Follow(part []byte) (border int)
	// AtBorder says that what was shown ends between two whole messages.
	AtBorder() bool
	// Farewell is what is sent at a border to end the answer in its protocol's own words;
	// empty where the end of the body says it.
	Farewell() []byte
}

// ForUpgrade is the follower of an upgraded connection; nil where the protocol is not
// known.
func ForUpgrade(protocol string) Follower { return nil }

// ForBody is the follower of a body of that Content-Type; nil where it is of no known
// kind that is long.
func ForBody(contentType string) Follower { return nil }

// IsLong reports whether a body of that Content-Type is a long one (proxy.Answer.Long).
func IsLong(contentType string) bool { return false }
