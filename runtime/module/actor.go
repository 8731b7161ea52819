package module

// Actor is who did something. Every change has one.
type Actor struct {
	// Kind is how the actor was known: "user" (a local user by peer credentials),
	// "file" (somebody who dropped or removed a file) or "segue" (the runtime by
	// itself).
	Kind string `json:"kind"`
	// Name is the user's name, the file's path, or empty.
	Name string `json:"name,omitempty"`
	// UID is the local user id where Kind is "user" or "file".
	UID *uint32 `json:"uid,omitempty"`
}

// Self is the runtime acting by itself.
var Self = Actor{Kind: "segue"}

// String is "user:root", "file:modules/hello-1.0.0" or "segue".
func (a Actor) String() string {
	if a.Name == "" {
		return a.Kind
	}
	return a.Kind + ":" + a.Name
}
