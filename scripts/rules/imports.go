package rules

import (
	"fmt"
	"go/ast"
	"strings"
)

// layers are the house from top to bottom. A package imports only from layers
// below its own; those of one layer meet through interfaces that the consumer
// declares. A folder below a listed one belongs to it.
var layers = [][]string{
	{"cmd"},
	{"runtime/host"},
	{"runtime/api", "runtime/console"},
	{"runtime/rollout", "runtime/catalog", "runtime/tenant", "runtime/legacy"},
	{
		"runtime/instance", "runtime/artifact", "runtime/settings", "runtime/database",
		"runtime/gateway", "runtime/audit", "runtime/access", "runtime/watch", "runtime/hook",
	},
	{
		"runtime/state", "runtime/sandbox", "runtime/analysis",
		"runtime/telemetry", "runtime/config", "runtime/executable",
	},
	{"runtime/policy", "runtime/grant", "runtime/launch"},
	{"runtime/module", "runtime/proc"},
	{"sdk/manifest", "sdk/wire"},
}

// ban forbids an import. A path that begins with "./" is one of this module's.
type ban struct {
	from   string   // the folder that the ban holds for; empty for all
	target string   // the import path, and all below it
	but    []string // import paths below target that are free
	by     []string // folders that may import it all the same
	code   bool     // tests are free of it
	why    string
	remedy string
}

const plugin = "github.com/hashicorp/go-plugin"

var bans = []ban{
	{
		from: "proxy", target: "./runtime",
		why:    "the proxy knows nothing of the runtime",
		remedy: "declare a small interface in proxy and let runtime/host connect it",
	},
	{
		from: "sdk", target: "./runtime",
		why:    "a module author's binary must not carry the host",
		remedy: "move what both sides need to sdk/manifest or sdk/wire",
	},
	{
		from: "sdk", target: "./proxy",
		why:    "a module author's binary must not carry the proxy",
		remedy: "move what both sides need to sdk/manifest or sdk/wire",
	},
	{
		from: "plugins", target: "./runtime",
		why:    "an example module must build outside this repository",
		remedy: "use the sdk, or extend it",
	},
	{
		from: "plugins", target: "./proxy",
		why:    "an example module must build outside this repository",
		remedy: "use the sdk, or extend it",
	},
	{
		from: "runtime", target: "./sdk", but: []string{"./sdk/manifest", "./sdk/wire"}, code: true,
		why:    "the sdk is the module's side",
		remedy: "share the values through sdk/manifest or sdk/wire",
	},
	{
		target: "./bench", by: []string{"bench"},
		why:    "benchmarks are no part of the product",
		remedy: "move the code to the package that it belongs to",
	},
	{
		target: plugin, by: []string{"runtime/instance", "sdk", "bench"},
		why:    "go-plugin is a transport that two packages know: its client side is runtime/instance, its server side is sdk",
		remedy: "ask runtime/instance for what you need",
	},
	{
		target: "github.com/hashicorp/go-hclog", by: []string{"runtime/instance", "sdk", "bench"},
		why:    "the runtime logs with zap; the one hclog adapter is in runtime/instance",
		remedy: "take a *zap.Logger",
	},
	{
		target: "github.com/nats-io", by: []string{"runtime/state"},
		why:    "only runtime/state knows that the store is NATS",
		remedy: "use runtime/state",
	},
	{
		target: "github.com/fsnotify/fsnotify", by: []string{"runtime/watch"},
		why:    "only runtime/watch decides when a file is whole",
		remedy: "use runtime/watch",
	},
	{
		target: "github.com/spf13/cobra", by: []string{"cmd"},
		why:    "the command line is in cmd/segue",
		remedy: "keep the logic here and the command there",
	},
}

// clientSide are the names of go-plugin that only runtime/instance may use.
var clientSide = map[string]bool{"NewClient": true, "Client": true, "ClientConfig": true, "ReattachConfig": true}

func (t *Tree) checkImports(p *Package) []Finding {
	var found []Finding
	own, placed := layerOf(p.Dir)
	if within(p.Dir, "runtime") && !placed {
		found = append(found, Finding{
			Rule: "every package of the runtime has a layer", Where: p.Dir,
			What:   "is in no layer",
			Remedy: "add it to the layers in scripts/rules/imports.go, and to the design's list",
		})
	}
	for _, f := range p.Files {
		for _, imp := range f.imports() {
			if placed && !f.Test {
				found = append(found, t.checkLayer(p, f, own, imp)...)
			}
			found = append(found, t.checkBans(p, f, imp)...)
		}
		found = append(found, checkClientSide(p, f)...)
	}
	return found
}

// layerOf is the index of the layer that dir lies in; 0 is the top.
func layerOf(dir string) (int, bool) {
	for i, layer := range layers {
		if withinAny(dir, layer) {
			return i, true
		}
	}
	return 0, false
}

// houseOf is the listed folder that dir belongs to.
func houseOf(dir string) string {
	for _, layer := range layers {
		for _, house := range layer {
			if within(dir, house) {
				return house
			}
		}
	}
	return ""
}

func (t *Tree) checkLayer(p *Package, f *File, own int, imp string) []Finding {
	dir, local := strings.CutPrefix(imp, t.Module+"/")
	if !local {
		return nil
	}
	other, placed := layerOf(dir)
	if !placed || other > own || houseOf(dir) == houseOf(p.Dir) {
		return nil
	}
	what := fmt.Sprintf("imports %s, which is above it", dir)
	if other == own {
		what = fmt.Sprintf("imports %s, which is in the same layer", dir)
	}
	return []Finding{{
		Rule: "imports point down", Where: f.Path, What: what,
		Remedy: "declare a small interface here and let runtime/host connect it",
	}}
}

func (t *Tree) checkBans(p *Package, f *File, imp string) []Finding {
	var found []Finding
	for _, b := range bans {
		switch {
		case b.from != "" && !within(p.Dir, b.from), b.code && f.Test,
			!within(imp, t.path(b.target)), withinAny(p.Dir, b.by):
			continue
		}
		free := false
		for _, but := range b.but {
			free = free || within(imp, t.path(but))
		}
		if free {
			continue
		}
		found = append(found, Finding{
			Rule: "forbidden import", Where: f.Path,
			What: fmt.Sprintf("imports %s, but %s", imp, b.why), Remedy: b.remedy,
		})
	}
	return found
}

// path turns "./x" into the import path of x in this module.
func (t *Tree) path(target string) string {
	if rel, local := strings.CutPrefix(target, "./"); local {
		return t.Module + "/" + rel
	}
	return target
}

func checkClientSide(p *Package, f *File) []Finding {
	name := f.localName(plugin, "plugin")
	if name == "" || f.Test || !within(p.Dir, "sdk") || within(p.Dir, "sdk/moduletest") {
		return nil
	}
	var found []Finding
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || !clientSide[sel.Sel.Name] {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == name {
			found = append(found, Finding{
				Rule: "forbidden import", Where: f.Path,
				What:   fmt.Sprintf("uses %s.%s, the client side of go-plugin", name, sel.Sel.Name),
				Remedy: "only runtime/instance starts modules",
			})
		}
		return true
	})
	return found
}
