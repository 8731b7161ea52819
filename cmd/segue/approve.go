package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/segue-run/segue/runtime/api"
	"github.com/segue-run/segue/runtime/api/client"
	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/module"
)

func approveCommand() *cobra.Command {
	return rolloutCommand(&cobra.Command{
		Use:   "approve NAME [POINT]",
		Short: "Give the approval that a rollout waits for",
		Long: `Gives the approval that the rollout waits for; segue.yaml says at which points one is
asked for (rollout.approvals). In a freeze it lets the rollout through, to its end. With
POINT it approves that alone, and is refused where the rollout waits for something else
by now. To say no, abort it. POINT is one of

  before_start, before_traffic, each_step   approvals that segue.yaml asks for
  freeze     the end of a window in which nothing is rolled out
  evidence   takes your word where a step has seen its hold and still lacks proof; the
             record says so
  grant      gives the module all that the release asks for, until segue revoke; with
             --rollout ID, so that it is the release that was looked at
  without    lets the release go on with what is granted

A release that asks for permissions which neither segue.yaml grants nor an operator has
approved, and which its predecessor did not ask for, waits before it is started. Neither
grant nor without (nor evidence) is given without its name. Where no rollout is under
way, grant gives what serves all that it asked for and was withheld; its next process
gets it.`,
		Example: `  segue approve hello
  segue approve hello before_traffic
  segue approve hello evidence
  segue approve hello grant --rollout hello-2`,
	}, verb{action: "approve", do: (*client.Client).Approve, says: approves}, new(api.Order))
}

// approves says what an approval has done.
func approves(ctx context.Context, c *client.Client, o api.Order) []string {
	switch o.Point {
	case "grant":
		m, err := c.Module(ctx, o.Module)
		if err != nil || m.Grants == nil { // it is done all the same
			return []string{"it gets what it asks for; `segue show " + o.Module + "` lists it, `segue revoke " + o.Module + "` takes it back"}
		}
		lines := append([]string{"it gets what it asks for and goes on; approved for it is now"}, grant.Lines(m.Grants.Permissions)...)
		if late(m) {
			lines[0] = "granted; approved for it is now"
			lines = append(lines, "its next process gets it; `segue rm "+o.Module+"` and a deploy begin one now")
		}
		return append(lines, "`segue revoke "+o.Module+"` takes that back")
	case "without":
		return []string{"it goes on with the permissions that it has"}
	}
	return []string{"it is approved and goes on"}
}

// late reports whether what serves was started before it was granted something, and no
// rollout is under way.
func late(m module.Status) bool {
	if m.Rollout != nil && !m.Rollout.Over() || m.Stable == nil {
		return false
	}
	box := m.Stable.Sandbox
	return box == nil || len(grant.Lines(grant.Common(box.Withheld, m.Grants.Permissions))) > 0
}
