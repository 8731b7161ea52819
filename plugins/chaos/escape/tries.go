package main

import "net/http"

// tries are the attacks by their names.
var tries = map[string]func(target) verdict{
	"fork": tryFork, "fork-bomb": forkBomb, "double-fork": doubleFork, "thread-bomb": threadBomb,
	"exec-shell": execShell, "exec-setuid": execSetuid, "exec-again": execAgain, "exec-slot": execSlot, "exec-absolute": execAbsolute,
	"memfd-exec": memfdExec, "setsid": leaveSession, "clear-pdeathsig": clearDeathSignal,
	"cpu-spin": spin, "core-dump": dumpCore, "affinity-reset": resetAffinity, "real-time": realTime,

	"heap-bomb": heapBomb, "mmap-bomb": mmapBomb, "memfd-bomb": memfdBomb, "sysv-memory": sysvMemory,
	"page-cache-bomb": pageCacheBomb, "pipe-bomb": pipeBomb, "descriptor-flood": floodDescriptors,
	"log-flood": floodLog, "link-flood": floodLink,

	"huge-file": hugeFile, "sparse-file": sparseFile, "preallocate": preallocate, "disk-fill": fillDisk, "many-files": manyFiles,
	"read-outside": readOutside, "write-outside": writeOutside, "truncate-outside": truncateOutside,
	"dotdot": dotDot, "symlink-out": symlinkOut, "symlink-trap": symlinkTrap, "hardlink-out": hardlinkOut,
	"rename-out": renameOut, "chmod": changeMode, "chown": changeOwner, "utimes": changeTimes,
	"stat-outside": statOutside, "watch-outside": watchOutside, "mknod": makeNode, "devices": openDevices, "open-by-handle": openByHandle,
	"descriptor-walk": walkDescriptors, "write-artifact": writeArtifact, "cgroup-escape": leaveCgroup,
	"oom-score": changeOOMScore,

	"env-secrets": ownEnvironment, "inherited-descriptors": inheritedDescriptors, "host-environ": hostEnvironment,
	"proc-scan": scanProc, "host-memory": hostMemory, "process-vm-readv": readHostMemory,
	"host-descriptors": hostDescriptors, "state-directory": readState, "audit-log": touchAudit,
	"other-data": readOtherData, "sibling-memory": siblingMemory,

	"ptrace-host": traceHost, "ptrace-sibling": traceSibling, "kill-host": killHost,
	"kill-sibling": killSibling, "kill-all": killAll, "admin-socket": connectAdminSocket,
	"control-socket": connectControl, "data-socket": connectData, "abstract-socket": connectAbstract,
	"datagram-socket": sendDatagram, "terminal-input": typeInTerminal, "message-queue": leaveMessageQueue,

	"admin-port": connectAdminPort, "tcp-connect": connectTCP, "link-dial": dialByLink, "bind-port": bindPort,
	"unbound-listen": listenUnbound, "udp-send": sendUDP, "dns-exfiltration": exfiltrate,
	"mptcp-connect": connectMPTCP, "tcp-fast-open": fastOpen, "raw-socket": rawSockets, "netlink": askNetlink,
	"vsock": reachHypervisor, "odd-families": oddFamilies,

	"io-uring": useIOUring, "unshare-user": unshareUser, "unshare-net": unshareNet, "unshare-mount": unshareMount,
	"setns": enterNamespaces, "mount": mountHere, "pivot-root": changeRoot, "bpf": useBPF, "keyctl": useKeyring,
	"userfaultfd": useUserfault, "perf-event": usePerf, "foreign-abi": enterForeign, "kernel-module": loadModule,
	"reboot": askReboot, "kernel-log": readKernelLog, "clock": setClock, "hostname": setHostname,
	"quotactl": useQuotas, "swap-and-accounting": swapAndAccount, "fanotify": useFanotify,

	"set-user": setUser, "capabilities": takeCapabilities, "raise-rlimits": raiseLimits,
	"lower-others": limitHost, "personality": changePersonality,
}

// replies are the attacks that are an answer.
var replies = map[string]func(http.ResponseWriter){
	"endless-answer": answerForever, "header-bomb": answerHeader,
}
