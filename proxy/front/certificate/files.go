package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// largest is how many bytes a file may have.
const largest = 1 << 20

// stamp tells one content of a file from another; its zero value is a file that cannot be
// looked at.
type stamp struct {
	device, inode     uint64
	size              int64
	modified, changed syscall.Timespec
}

// tick is longer than the clock of any file system takes for a step.
const tick = 100 * time.Millisecond

// stamps looks at all files. It is called before they are read: what changes in between is
// seen the next time. young says that one has changed so lately that another change may
// have left the same stamp.
func stamps(pairs []Pair) (all []stamp, young bool) {
	for _, p := range pairs {
		for _, path := range []string{p.Certificate, p.Key} {
			var s stamp
			if info, err := os.Stat(path); err == nil {
				if sys, ok := info.Sys().(*syscall.Stat_t); ok {
					s = stamp{device: sys.Dev, inode: sys.Ino, size: sys.Size, modified: sys.Mtim, changed: sys.Ctim}
					young = young || time.Since(time.Unix(sys.Ctim.Unix())) < tick
				}
			}
			all = append(all, s)
		}
	}
	return all, young
}

// load reads all files.
func load(pairs []Pair) (*set, error) {
	s := &set{byName: map[string][]*tls.Certificate{}}
	for _, p := range pairs {
		c, err := loadPair(p)
		if err != nil {
			return nil, err
		}
		s.all = append(s.all, c)
		for _, name := range names(c.Leaf) {
			s.byName[name] = append(s.byName[name], c)
		}
	}
	return s, nil
}

func loadPair(p Pair) (*tls.Certificate, error) {
	chain, err := read(p.Certificate)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	key, err := read(p.Key)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	c, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s with key %s: %w", p.Certificate, p.Key, err)
	}
	return &c, nil
}

// read reads a file of a bounded size.
func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, largest+1))
	if err == nil && len(content) > largest {
		err = fmt.Errorf("%s: more than %d bytes", path, largest)
	}
	return content, err
}

// names are the hosts that a certificate is for, in lower case.
func names(leaf *x509.Certificate) []string {
	var all []string
	for _, name := range leaf.DNSNames {
		all = append(all, strings.ToLower(name))
	}
	return all
}
