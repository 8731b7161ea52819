package gateway

import (
	"net/netip"
	"strconv"

	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/module"
)

// refusal is an error for what was not granted.
type refusal struct {
	module, what string
	hint         string // what would allow it
}

func (r *refusal) Error() string {
	return r.what + " is not granted to " + r.module + "; " + r.hint
}

// refuse records that the module may not do what, which permission in the manifest's
// list of that name would allow, and gives the error for it. asked says that the
// manifest asks for that.
func (p *process) refuse(what, list, permission string, asked bool) *refusal {
	r := &refusal{module: p.req.Release.Module, what: what}
	if asked {
		r.hint = p.withheld()
	} else {
		r.hint = "its manifest has to ask for it, with " + strconv.Quote(permission) + " in permissions." + list + ", and the operator to grant it with " + p.ways()
	}
	p.denied(module.ByGateway, what, r.hint)
	return r
}

// ways are those to grant the module something.
func (p *process) ways() string {
	name := p.req.Release.Module
	return "`segue approve " + name + " grant`, or in segue.yaml, in modules." + name + ".grants"
}

// refuseSockets records that the module has no permission to use the network at all.
func (p *process) refuseSockets() {
	hint := "its manifest has to ask for what it connects to, in permissions.connect, and the operator to grant it with " + p.ways()
	if len(p.req.Withheld.Connect)+len(p.req.Withheld.Listen) > 0 {
		hint = p.withheld()
	}
	p.denied(module.ByGateway, "open a network socket", hint)
}

// withheld says who allows what the manifest asks for and the module was not granted.
func (p *process) withheld() string {
	return "its manifest asks for it, and it was withheld: the operator grants it with " + p.ways()
}

// refuseConnect refuses a connection to a name or an address.
func (p *process) refuseConnect(host string, port uint16) *refusal {
	address := hostPort(host, port)
	return p.refuse("connect "+address, "connect", address, grant.Connects(p.req.Withheld, host, port))
}

const ownAddresses = "the name has only addresses of this machine or its link, which have to be granted as addresses"

// refuseOwn refuses a granted name that has no address but this machine's own or its
// link's.
func (p *process) refuseOwn(host string, port uint16) *refusal {
	r := &refusal{module: p.req.Release.Module, what: "connect " + hostPort(host, port), hint: ownAddresses}
	p.denied(module.ByGateway, r.what, r.hint)
	return r
}

// refuseListen refuses to listen on an address.
func (p *process) refuseListen(at netip.AddrPort) *refusal {
	permission := at.String()
	if at.Addr() == netip.IPv6Unspecified() {
		permission = hostPort("", at.Port()) // that of IPv6 takes IPv4 as well
	}
	return p.refuse("listen "+at.String(), "listen", permission, grant.Listens(p.req.Withheld, at))
}

// refuseAnyPort records that the module may not listen on a port that the kernel chooses.
func (p *process) refuseAnyPort(addr netip.Addr) {
	p.denied(module.ByGateway, "listen "+hostPort(addr.String(), 0), "its manifest has to ask for a port by its number, in permissions.listen, and the operator to grant it with "+p.ways())
}
