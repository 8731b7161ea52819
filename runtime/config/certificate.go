package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/segue-run/segue/runtime/module"
)

// certificatesField is a list of mappings; the fields of the first are below
// "proxy.tls.certificates[0]".
const certificatesField = "proxy.tls.certificates"

// maxCertificates bounds the list.
const maxCertificates = 1000

// certificateSetter gives what sets a field below the list; nil where path is none.
func (c *Config) certificateSetter(path []string) setFunc {
	if len(path) != 4 || strings.Join(path[:2], ".")+"."+name(path[2]) != certificatesField {
		return nil
	}
	at, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(path[2], name(path[2])+"["), "]"))
	if err != nil {
		return nil
	}
	return func(values []string) error {
		text, err := single(values)
		if err != nil {
			return err
		}
		if at >= maxCertificates {
			return wrong("is of one certificate too many", fmt.Sprintf("list at most %d", maxCertificates))
		}
		for len(c.Proxy.TLS.Certificates) <= at {
			c.Proxy.TLS.Certificates = append(c.Proxy.TLS.Certificates, Certificate{})
		}
		pair := &c.Proxy.TLS.Certificates[at]
		switch path[3] {
		case "cert":
			return setFile(&pair.Cert, text)
		case "key":
			return setFile(&pair.Key, text)
		}
		return wrong("no such setting", "a certificate has cert and key")
	}
}

// name is what stands before the place in a list.
func name(element string) string {
	list, _, _ := strings.Cut(element, "[")
	return list
}

// setCertificates takes what is no mapping: an empty list.
func setCertificates(to *[]Certificate, values []string) error {
	if len(values) > 0 {
		return wrong("has an entry that is no mapping", "write each as {cert: FILE, key: FILE}")
	}
	*to = nil
	return nil
}

func setFile(to *string, text string) error {
	if text == "" || strings.ContainsRune(text, 0) {
		return wrong("is no file", "write a path, such as /etc/ssl/site.pem")
	}
	*to = text
	return nil
}

// checkCertificates wants each certificate to be whole.
func (c *Config) checkCertificates(at places) error {
	for i, pair := range c.Proxy.TLS.Certificates {
		field := fmt.Sprintf("%s[%d]", certificatesField, i)
		switch {
		case pair.Cert == "" && pair.Key == "":
			return &module.Error{Kind: module.Invalid, Field: field, Msg: "is empty", Hint: "write {cert: FILE, key: FILE}"}
		case pair.Cert == "":
			return located(wrong("has no certificate beside it", "write cert: FILE as well"), field+".key", pair.Key, at(field+".key"))
		case pair.Key == "":
			return located(wrong("has no key beside it", "write key: FILE as well"), field+".cert", pair.Cert, at(field+".cert"))
		}
	}
	return nil
}
