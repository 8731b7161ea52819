package host

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segue-run/segue/proxy"
	"github.com/segue-run/segue/proxy/balance"
	"github.com/segue-run/segue/proxy/route"
	"github.com/segue-run/segue/runtime/catalog"
	"github.com/segue-run/segue/runtime/module"
	"github.com/segue-run/segue/sdk/manifest"
	"go.uber.org/zap"
)

// listed is a route that is served, and that of the manifest which it is of.
type listed struct {
	route.Entry
	of      manifest.Route
	preview bool
}

// built is what the pool is to serve.
type built struct {
	table   *route.Table
	modules []balance.Module
	listed  []listed
}

// buildLocked gives the modules' routes and groups in the form in which the pool serves
// them. It refuses routes that conflict, and changes nothing.
func (t *traffic) buildLocked() (*built, error) {
	modules := make([]balance.Module, 0, len(t.modules))
	var own, previews []listed
	for _, name := range slices.Sorted(maps.Keys(t.modules)) {
		m := t.modules[name]
		modules = append(modules, balance.Module{Group: m.group, Limits: t.terms.LimitsFor(name)})
		for _, r := range m.routes {
			e := t.terms.Terms(catalog.EntryOf(name, r))
			own = append(own, listed{Entry: e, of: r})
			if m.preview != "" {
				e.Host = m.preview
				previews = append(previews, listed{Entry: e, of: r, preview: true})
			}
		}
	}
	all := slices.Concat(own, previews)
	table, err := route.Build(entries(all))
	if _, conflict := errors.AsType[*route.ConflictError](err); conflict && len(previews) > 0 {
		// A preview must not keep anything from its traffic.
		t.log.Error("preview hosts lead nowhere until they differ", zap.Error(err))
		all = own
		table, err = route.Build(entries(all))
	}
	if err != nil {
		return nil, fmt.Errorf("build the route table: %w", err)
	}
	return &built{table: table, modules: modules, listed: inOrder(table, all)}, nil
}

// publishLocked makes b what the pool serves. The pool refuses nothing that buildLocked gives.
func (t *traffic) publishLocked(b *built) error {
	if err := t.pool.SetModules(b.table, b.modules...); err != nil {
		return err
	}
	t.listed = b.listed
	return nil
}

func entries(all []listed) []route.Entry {
	list := make([]route.Entry, len(all))
	for i, one := range all {
		list[i] = one.Entry
	}
	return list
}

// inOrder are all as the table lists them, without what stands there twice.
func inOrder(table *route.Table, all []listed) []listed {
	named := make(map[[2]string]listed, len(all))
	for _, one := range slices.Backward(all) { // of two the first counts
		if clean, err := route.Clean(one.Entry); err == nil {
			named[[2]string{one.Module, clean.String()}] = one
		}
	}
	var list []listed
	for way := range table.All() {
		list = append(list, named[[2]string{way.Module, way.Pattern}])
	}
	return list
}

// routes are those that are served, in the order of route.Table.All; without those of
// previews where they are not to be seen.
func (t *traffic) routes(previews bool) []module.RouteStatus {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []module.RouteStatus
	for _, one := range t.listed {
		if one.preview && !previews {
			continue
		}
		list = append(list, module.RouteStatus{
			Module: one.Module, Host: one.Host, Path: one.Path, Methods: one.Methods, Headers: maps.Collect(one.of.Headers.All()), Preview: one.preview,
			Strip: one.Strip, Timeouts: textsOf(one.Timeouts), MaxBody: manifest.Size(one.MaxBody), Limits: one.of.Limits,
		})
	}
	return list
}

// textsOf are the timeouts that are set, as text.
func textsOf(t proxy.Timeouts) map[string]string {
	texts := map[string]string{}
	for name, d := range map[string]time.Duration{"connect": t.Connect, "answer": t.Answer, "idle": t.Idle, "total": t.Total} {
		switch {
		case d < 0:
			texts[name] = "none"
		case d > 0:
			texts[name] = d.String()
		}
	}
	return texts
}
