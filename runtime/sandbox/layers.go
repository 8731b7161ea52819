package sandbox

import (
	"slices"

	"github.com/segue-run/segue/runtime/module"
)

// about is what a layer means to an operator.
type about struct {
	name string
	on   string // what it keeps a module from
	off  string // what a module can do without it
}

// abouts are all layers, in order.
var abouts = []about{
	{module.LayerRlimits, "a module takes no more memory, open files and threads than its quotas, and writes no bigger file", ""},
	{module.LayerNoNewPrivs, "set-uid programs give a module nothing", ""},
	{module.LayerEnvironment, "a module sees none of the runtime's environment", ""},
	{module.LayerDescriptors, "a module has none of the runtime's open files", ""},
	{module.LayerSession, "a module has no terminal and is in nobody's process group", ""},
	{module.LayerParentDeath, "a module does not outlive the runtime", ""},
	{module.LayerLandlock, "a module reaches no file that it was not granted", "a module can read and write whatever its user can"},
	{module.LayerSeccomp, "a module starts no program, opens no network socket and cannot use the kernel's risky calls", "a module can start programs, use the network and trace its user's processes"},
	{module.LayerNotify, "a module's own connections are made by the runtime where they are granted; what is denied is recorded", "only connections by the SDK work; what seccomp denies is not recorded"},
	{module.LayerUserNS, "what a module does as a user counts for itself alone", "a module shares limits on processes with all of its user's"},
	{module.LayerPIDNS, "a module sees and signals no process but its own, which all end with it", "a module can see the numbers of other processes"},
	{module.LayerIPCNS, "a module has no shared memory or queues with other programs", "a module can share the machine's System V memory and queues"},
	{module.LayerNetworkNS, "a module has no network interface at all, not even loopback", "only seccomp is between a module and the network"},
	{module.LayerOwnUser, "each module is a user of its own, who owns nothing but its own folders", "all modules are the runtime's own user"},
	{module.LayerMemory, "the kernel ends a module that takes more memory than its quota, however it takes it", "memory is bounded for each process alone and looked at from outside; a module may take too much for a moment"},
	{module.LayerCPU, "a module takes no more processor time than its quota", "a quota of processor time is kept by the number of processors at best"},
	{module.LayerPIDs, "a module has no more processes and threads than its quota", "processes are bounded by the limit of the user alone"},
	{module.LayerAudit, "files that Landlock denies a module are recorded", "files that Landlock denies a module are not recorded"},
}

// layer is a layer with what only this package needs to know of it.
type layer struct {
	module.Layer
	used bool // modules get it, wholly or partly
	// holds says that it counts towards a level: it is on, or what is missing of it is
	// held by another layer or was granted.
	holds bool
}

// levels are the layers that each level needs beyond those of the one before.
var levels = []struct {
	level module.Level
	needs []string
}{
	{module.LevelConfined, []string{
		module.LayerRlimits, module.LayerNoNewPrivs, module.LayerEnvironment, module.LayerDescriptors, module.LayerSession, module.LayerParentDeath, module.LayerLandlock, module.LayerSeccomp,
	}},
	{module.LevelIsolated, []string{module.LayerUserNS, module.LayerPIDNS, module.LayerIPCNS, module.LayerNetworkNS}},
	{module.LevelContained, []string{module.LayerOwnUser, module.LayerMemory, module.LayerCPU, module.LayerPIDs}},
}

// levelOf is the highest level whose layers all hold.
func levelOf(layers []layer) module.Level {
	reached := module.LevelNone
	for _, l := range levels {
		for _, name := range l.needs {
			if !slices.ContainsFunc(layers, func(l layer) bool { return l.Name == name && l.holds }) {
				return reached
			}
		}
		reached = l.level
	}
	return reached
}

func told(layers []layer) []module.Layer {
	all := make([]module.Layer, len(layers))
	for i, l := range layers {
		all[i] = l.Layer
	}
	return all
}

// findings are what was found of each layer.
type findings map[string]layer

func (f findings) on(names ...string) {
	for _, name := range names {
		f[name] = layer{Layer: module.Layer{Name: name, State: module.LayerOn, Means: meaning(name).on}, used: true, holds: true}
	}
}

func (f findings) off(name, why string) {
	f[name] = layer{Layer: module.Layer{Name: name, State: module.LayerOff, Why: why, Means: meaning(name).off}}
}

// partly is a layer that is used, but of which something is missing.
func (f findings) partly(name, why, means string, holds bool) {
	f[name] = layer{Layer: module.Layer{Name: name, State: module.LayerPartly, Why: why, Means: means}, used: true, holds: holds}
}

// inOrder are all layers; one of which nothing was found is off.
func (f findings) inOrder() []layer {
	all := make([]layer, len(abouts))
	for i, a := range abouts {
		if _, ok := f[a.name]; !ok {
			f.off(a.name, "")
		}
		all[i] = f[a.name]
	}
	return all
}

func meaning(name string) about {
	return abouts[slices.IndexFunc(abouts, func(a about) bool { return a.name == name })]
}
