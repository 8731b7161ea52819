package attack

var privileges = []Attack{
	{Name: "set-user", Tries: "become another user, by setuid and setgroups", By: []string{Seccomp, OwnUser}, Denial: "setuid", Ordinary: []string{Kernel}},
	{Name: "capabilities", Tries: "take back capabilities", By: []string{Seccomp, OwnUser}, Denial: "capset", Ordinary: []string{Kernel}},
	{Name: "raise-rlimits", Tries: "raise its hard limits", By: []string{Seccomp, OwnUser, UserNamespace}, Ordinary: []string{Kernel}},
	{Name: "lower-others", Tries: "change the host's limits", By: []string{Seccomp, OwnUser, UserNamespace, PIDNamespace}, Needs: []string{HostPID}},
	{Name: "personality", Tries: "have readable memory executable", By: []string{Seccomp}},
}

// starts are tried by modules of their own, while they start or stop.
var starts = []Attack{
	{Name: "handshake-outside", Tries: "name a control socket outside its folder", By: []string{Host}, Module: "handshake"},
	{Name: "handshake-network", Tries: "name a control address on the network", By: []string{Host}, Module: "handshake"},
	{Name: "handshake-twofold", Tries: "shake hands twice, with two sockets", By: []string{Host}, Ends: []Outcome{Stopped, Contained}, Module: "handshake"},
	{Name: "handshake-endless", Tries: "shake hands with a line that never ends", By: []string{Host}, Module: "handshake"},
	{Name: "handshake-garbage", Tries: "shake hands with bytes that make no sense", By: []string{Host}, Module: "handshake"},
	{Name: "handshake-symlink", Tries: "name a control socket that is a link to another", By: []string{Host}, Module: "handshake"},
	{Name: "handshake-mute", Tries: "never shake hands", By: []string{Host}, Module: "mute"},
	{Name: "false-description", Tries: "describe itself as something else than its manifest", By: []string{Host}, Module: "liar"},
	{Name: "manifest-bomb", Tries: "come with a manifest that grows when it is read", By: []string{Host}, Module: "manifest"},
	{Name: "ignore-sigterm", Tries: "not to end when it is told to", By: []string{Host}, Ends: []Outcome{Killed}, Module: "hang"},
	{Name: "survive-host", Tries: "outlive the host that is killed", By: []string{ParentDeath, PIDNamespace}, Ends: []Outcome{Killed}, Module: "host"},
}
