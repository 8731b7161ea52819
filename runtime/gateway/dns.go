package gateway

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"github.com/segue-run/segue/runtime/grant"
	"github.com/segue-run/segue/runtime/module"
)

const (
	// maxQuestion is what a question may take at most, in bytes: a name of 255 and options.
	maxQuestion = 1232
	// answerTTL is for how many seconds a process may use an answer again.
	answerTTL = 30
	dnsPort   = 53
)

// openResolver gives the process one end of a pair, and answers names at the other until
// the process closes its own.
func (s *supervisor) openResolver(ctx context.Context, call notification, flags int) outcome {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return s.broken(err)
	}
	defer unix.Close(pair[1])
	host := os.NewFile(uintptr(pair[0]), "resolver")
	defer host.Close() // FileConn has a duplicate
	if flags&unix.SOCK_NONBLOCK == 0 {
		if err := unix.SetNonblock(pair[1], false); err != nil {
			return s.broken(err)
		}
	}
	inode, err := inodeOf(pair[1])
	if err != nil {
		return s.broken(err)
	}
	conn, err := net.FileConn(host)
	if err != nil {
		return s.broken(err)
	}
	if !s.addResolver(inode) {
		_ = conn.Close()
		return failed(unix.EMFILE)
	}
	s.tasks.Go(func() {
		defer s.removeResolver(inode)
		s.resolve(ctx, conn)
	})
	return s.give(call, pair[1], flags)
}

func inodeOf(fd int) (uint64, error) {
	var stat unix.Stat_t
	err := unix.Fstat(fd, &stat)
	return stat.Ino, err
}

func (s *supervisor) addResolver(inode uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.resolvers) >= maxResolvers {
		return false
	}
	s.resolvers[inode] = struct{}{}
	return true
}

func (s *supervisor) removeResolver(inode uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.resolvers, inode)
}

// isResolver reports whether fd is the process's end of such a pair.
func (s *supervisor) isResolver(fd int) bool {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_SEQPACKET {
		return false
	}
	inode, err := inodeOf(fd)
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.resolvers[inode]
	return ok
}

// connectDatagram answers connect(2) of such an end: every server of names is this one.
func (s *supervisor) connectDatagram(to sockaddr) outcome {
	switch {
	case to.family == unix.AF_UNSPEC, to.at.IsValid() && to.at.Port() == dnsPort:
		return outcome{}
	case !to.at.IsValid():
		return failed(unix.EAFNOSUPPORT)
	}
	// Resolvers connect so to the addresses that they have found, to sort them.
	if addr := to.host().Addr(); !s.process.names.sees(addr) && !s.process.names.contains(addr) {
		s.process.denied(module.BySeccomp, "connect udp "+to.host().String(), "")
		return failed(unix.EACCES)
	}
	return failed(unix.ENETUNREACH)
}

// isErrorQueue reports whether setsockopt is to ask for the errors of datagrams.
func isErrorQueue(call notification) bool {
	level, name := int32(call.args[1]), int32(call.args[2])
	return level == unix.IPPROTO_IP && name == unix.IP_RECVERR || level == unix.IPPROTO_IPV6 && name == unix.IPV6_RECVERR
}

// setErrorQueue answers such a setsockopt(2): the C library asks names over no socket
// that refuses it. There never are such errors.
func (s *supervisor) setErrorQueue(_ context.Context, t tracee, call notification) outcome {
	to, err := t.socket(call)
	if err != nil {
		return s.broken(err)
	}
	defer to.close()
	return outcome{proceed: !s.isResolver(to.own)}
}

// resolve answers the questions that come over conn, which it closes.
func (s *supervisor) resolve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	defer onEnd(ctx, func() { _ = conn.Close() })()
	buf := make([]byte, maxQuestion)
	for {
		n, err := conn.Read(buf)
		if err != nil || s.questions.Wait(ctx) != nil {
			return
		}
		answer := s.process.answerName(ctx, buf[:n])
		if answer == nil {
			continue
		}
		_ = conn.SetWriteDeadline(time.Now().Add(answerTimeout))
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// answerName answers one message of DNS, nil where it is none.
func (p *process) answerName(ctx context.Context, message []byte) []byte {
	var parser dnsmessage.Parser
	header, err := parser.Start(message)
	if err != nil || header.Response {
		return nil
	}
	reply := dnsmessage.Header{
		ID: header.ID, OpCode: header.OpCode, Response: true,
		RecursionDesired: header.RecursionDesired, RecursionAvailable: true,
	}
	questions, err := parser.AllQuestions()
	if err != nil || len(questions) != 1 || header.OpCode != 0 {
		reply.RCode = dnsmessage.RCodeFormatError
		return pack(reply, nil, nil)
	}
	var addrs []netip.Addr
	addrs, reply.RCode = p.resolveName(ctx, questions[0])
	return pack(reply, &questions[0], addrs)
}

// resolveName is what a name comes to. Nothing of a question leaves this machine but a
// granted name.
func (p *process) resolveName(ctx context.Context, q dnsmessage.Question) ([]netip.Addr, dnsmessage.RCode) {
	name, err := normal(q.Name.String())
	if err != nil || q.Class != dnsmessage.ClassINET || !grant.Resolves(p.req.Permissions, name) {
		if err == nil && p.names.extends(name) {
			return nil, dnsmessage.RCodeNameError
		}
		hint := ""
		if err == nil {
			hint = "its manifest has to ask for the name, in permissions.connect, and the operator to grant it"
		}
		p.denied(module.ByGateway, "resolve "+printable(strings.TrimSuffix(q.Name.String(), ".")), hint)
		return nil, dnsmessage.RCodeRefused
	}
	if q.Type != dnsmessage.TypeA && q.Type != dnsmessage.TypeAAAA {
		return nil, dnsmessage.RCodeSuccess
	}
	found, err := p.names.addresses(ctx, name)
	if missing, ok := errors.AsType[*net.DNSError](err); ok && missing.IsNotFound {
		return nil, dnsmessage.RCodeNameError
	}
	if errors.Is(err, errOwn) {
		p.denied(module.ByGateway, "resolve "+name, ownAddresses)
		return nil, dnsmessage.RCodeSuccess
	}
	if err != nil {
		return nil, dnsmessage.RCodeServerFailure
	}
	var addrs []netip.Addr
	for _, addr := range found {
		if addr.Is4() == (q.Type == dnsmessage.TypeA) {
			addrs = append(addrs, addr)
		}
	}
	return addrs, dnsmessage.RCodeSuccess
}

// pack writes a message of DNS, nil where that is not possible.
func pack(header dnsmessage.Header, q *dnsmessage.Question, addrs []netip.Addr) []byte {
	b := dnsmessage.NewBuilder(nil, header)
	b.EnableCompression()
	err := b.StartQuestions()
	if q != nil {
		err = errors.Join(err, b.Question(*q), b.StartAnswers())
		resource := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: answerTTL}
		for _, addr := range addrs {
			if addr.Is4() {
				err = errors.Join(err, b.AResource(resource, dnsmessage.AResource{A: addr.As4()}))
			} else {
				err = errors.Join(err, b.AAAAResource(resource, dnsmessage.AAAAResource{AAAA: addr.As16()}))
			}
		}
	}
	text, failed := b.Finish()
	if err != nil || failed != nil {
		return nil
	}
	return text
}
