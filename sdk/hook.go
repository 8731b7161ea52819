package sdk

import (
	"context"
	"fmt"
	"runtime/debug"
)

// call runs a hook; a nil hook passes. A panic becomes an error and its stack is
// logged.
func call(ctx context.Context, name string, hook func(context.Context) error) (err error) {
	if hook == nil {
		return nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the %s hook panicked: %v", name, r)
			Logger().Error("a hook panicked", "hook", name, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	return hook(ctx)
}
