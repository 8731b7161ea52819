package entry

import "syscall"

// hear reads the host's word from standard input: the filter, if there is one, and
// WordEnd. The host says it when this program runs, so after the parent-death signal
// was set: a host that has said it either lives or will take this process with it. In
// a pid namespace, where the parent's pid is 0, nothing else tells a dead host. It
// blocks until the host has spoken or is gone.
func (o *orders) hear() ([]byte, error) {
	if o.filter%instruction != 0 || o.filter > maxInstructions*instruction {
		return nil, failure("restrict by seccomp: " + text(o.filter) + " bytes are no filter")
	}
	word := make([]byte, o.filter+1)
	for got := 0; got < len(word); {
		n, err := syscall.Read(0, word[got:])
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return nil, failed("read the host's word", err)
		case n == 0:
			return nil, failure("the host is gone")
		default:
			got += n
		}
	}
	if word[o.filter] != WordEnd {
		return nil, failure("the host's word does not end where it should")
	}
	return word[:o.filter], nil
}
