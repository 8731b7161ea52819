package gateway_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// questions sends what no resolver of names would, and tells the codes of what is
// answered and how many addresses came with it.
func questions(...string) (string, error) {
	conn, err := net.Dial("udp", "192.0.2.53:53")
	if err != nil {
		return "", err
	}
	defer conn.Close()
	ask := func(name string, kind dnsmessage.Type, class dnsmessage.Class) dnsmessage.Question {
		return dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: kind, Class: class}
	}
	good := ask("api.example.test.", dnsmessage.TypeA, dnsmessage.ClassINET)
	for _, garbage := range []string{"x", strings.Repeat("\xff", 12), strings.Repeat("\xc0\x0c", 600), strings.Repeat("a", 5000), "\x00\x01\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00"} {
		if _, err := conn.Write([]byte(garbage)); err != nil {
			return "", err
		}
	}
	var all []string
	for i, m := range []dnsmessage.Message{
		{Questions: nil},
		{Questions: []dnsmessage.Question{good, good}},
		{Header: dnsmessage.Header{OpCode: 5}, Questions: []dnsmessage.Question{good}},
		{Questions: []dnsmessage.Question{ask("api.example.test.", dnsmessage.TypeTXT, dnsmessage.ClassINET)}},
		{Questions: []dnsmessage.Question{ask("api.example.test.", dnsmessage.TypeA, dnsmessage.ClassCHAOS)}},
		{Questions: []dnsmessage.Question{ask("API.example.TEST.", dnsmessage.TypeAAAA, dnsmessage.ClassINET)}},
		{Questions: []dnsmessage.Question{good}},
	} {
		m.ID = uint16(100 + i)
		text, err := m.Pack()
		must(err)
		if _, err := conn.Write(text); err != nil {
			return "", err
		}
		var answer dnsmessage.Message
		for answer.ID != m.ID { // those to the garbage come first
			buf := make([]byte, 4096)
			n, err := conn.Read(buf)
			if err != nil {
				return "", err
			}
			must(answer.Unpack(buf[:n]))
		}
		all = append(all, fmt.Sprint(int(answer.RCode), ":", len(answer.Answers)))
	}
	return strings.Join(all, " "), nil
}

func TestQuestionsThatNobodyAsksAreAnsweredAsSuch(t *testing.T) {
	names := &book{names: map[string]string{"api.example.test": "10.1.2.3 10.1.2.4 2001:db8::1"}}
	s := run(t, names, peers("api.example.test:443"), nothing, "questions", "resolve api.example.test")
	if o := s.next(); o.Result != "1:0 1:0 1:0 0:0 5:0 0:1 0:2" {
		t.Error(o)
	}
	if o := s.next(); o.Result != "10.1.2.3 10.1.2.4 2001:db8::1" {
		t.Error(o)
	}
}
