package access

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/module"
)

type actorKey struct{}

// WithActor gives a context that carries an actor.
func WithActor(ctx context.Context, a module.Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorFrom gives the actor that a request's context carries; false where the request
// came by a way on which nobody is known.
func ActorFrom(ctx context.Context) (module.Actor, bool) {
	a, ok := ctx.Value(actorKey{}).(module.Actor)
	return a, ok
}

// ConnContext is the ConnContext of the http.Server that serves a listener from
// Listen: it gives each request the actor at the other end. Connections of other
// listeners get none.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if p, ok := c.(*conn); ok {
		return WithActor(ctx, p.actor)
	}
	return ctx
}

// Authorize says whether an actor may do what changes something; action is the verb
// for the error's text. The runtime itself may, and so may its own user and root.
// Whoever changed the watched directory was let in by the directory's modes. The error
// is of Kind Denied.
func Authorize(a module.Actor, action string) error {
	switch a.Kind {
	case "segue", "file":
		return nil
	case "user":
		if a.UID != nil && mayChange(*a.UID) {
			return nil
		}
	}
	who := a.String()
	if who == "" {
		who = "nobody"
	}
	return &module.Error{Kind: module.Denied, Field: "actor", Value: who, Msg: "may not " + action,
		Hint: "only " + owners() + " may change what this runtime does, over the admin socket"}
}

func owners() string {
	if uid := ownUID(); uid != 0 {
		return userName(uid) + " and root"
	}
	return "root"
}

func mayChange(uid uint32) bool { return uid == 0 || uid == ownUID() }

func ownUID() uint32 { return uint32(os.Geteuid()) }

// userName is a user's name, or his number where he has none.
func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil && u.Username != "" {
		return u.Username
	}
	return id
}

// peerActor asks the kernel who is at the other end.
func peerActor(c *net.UnixConn) (module.Actor, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return module.Actor{}, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err == nil {
		err = credErr
	}
	if err != nil {
		return module.Actor{}, fmt.Errorf("ask for the peer's credentials: %w", err)
	}
	return module.Actor{Kind: "user", Name: userName(cred.Uid), UID: &cred.Uid}, nil
}
