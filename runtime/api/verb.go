package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/segue-run/segue/runtime/module"
)

// maxReason bounds what an actor says of a change, in bytes.
const maxReason = 500

// verb is a change of one module that has no body; params are what may be in its
// query.
func verb(do func(ctx context.Context, o Order) error, params ...string) action {
	return func(c *call) error {
		o, err := orderOf(c.r.URL.Query(), params)
		if err != nil {
			return err
		}
		o.Actor, o.Module = c.actor, c.r.PathValue("name")
		if err := do(c.r.Context(), o); err != nil {
			return err
		}
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

func orderOf(query url.Values, params []string) (o Order, err error) {
	if err := knownParams(query, params...); err != nil {
		return o, err
	}
	o.Rollout, o.Reason, o.Point = query.Get("rollout"), query.Get("reason"), query.Get("point")
	if query.Has("point") && o.Point == "" {
		return o, &module.Error{Kind: module.Invalid, Field: "point", Msg: "names none", Hint: "give the point that is approved, or leave it out"}
	}
	if query.Has("rollout") && o.Rollout == "" {
		return o, &module.Error{Kind: module.Invalid, Field: "rollout", Msg: "names none", Hint: "give the id of the rollout that is meant, or leave it out"}
	}
	if err := isLine("reason", o.Reason); err != nil {
		return o, err
	}
	o.Stepped, err = truth(query, "stepped", "use stepped=true to go back step by step")
	return o, err
}

// isLine refuses what is no line of text that may be shown.
func isLine(field, text string) error {
	if len(text) <= maxReason && !strings.ContainsFunc(text, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }) {
		return nil
	}
	return &module.Error{Kind: module.Invalid, Field: field, Value: module.Clip(text, 80), Msg: "is no line of text", Hint: "write one line of at most 500 bytes"}
}
