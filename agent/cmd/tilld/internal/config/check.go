package config

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"time"
)

func (c *Lane) check() *Error {
	if e := checkDir("data", c.Data); e != nil {
		return e
	}
	if c.Second != "" && !filepath.IsAbs(c.Second) {
		return &Error{Key: "second", Msg: "must be an absolute path"}
	}
	switch c.Language {
	case "en", "ja", "zh-Hant":
	default:
		return &Error{Key: "language", Msg: fmt.Sprintf("%q: want en, ja or zh-Hant", c.Language)}
	}
	if c.Scanner.Path == "" && c.Scanner.USB == (USB{}) {
		return &Error{Key: "scanner.path", Msg: "missing: give a path or scanner.usb"}
	}
	return first(
		checkBroker(c.Broker), checkLog(c.Log),
		checkLoopback("listen.pages", c.Listen.Pages), checkLoopback("listen.pos", c.Listen.POS),
	)
}

func (c *HQ) check() *Error {
	if e := checkDir("data", c.Data); e != nil {
		return e
	}
	if c.Embedded.Listen == "" && len(c.Broker.Addresses) == 0 {
		return &Error{Key: "embedded_broker.listen", Msg: "missing: give it, or broker.addresses"}
	}
	if c.Embedded.Listen != "" && len(c.Broker.Addresses) > 0 {
		return &Error{Key: "broker.addresses", Msg: "given beside embedded_broker.listen: choose one"}
	}
	if _, err := time.LoadLocation(c.Settle.Zone); err != nil || c.Settle.Zone == "Local" {
		return &Error{Key: "settle.zone", Msg: fmt.Sprintf("%q is no IANA time zone", c.Settle.Zone)}
	}
	if _, err := time.Parse("15:04", c.Settle.Cut); err != nil {
		return &Error{Key: "settle.cut", Msg: fmt.Sprintf("%q: want hh:mm", c.Settle.Cut)}
	}
	e := first(checkBroker(c.Broker), checkLog(c.Log), checkAddress("serve.address", c.Serve.Address))
	if e == nil && c.Serve.TLS.Cert == "" {
		e = checkLoopback("serve.address", c.Serve.Address)
	}
	if e == nil && c.Embedded.Listen != "" {
		e = checkAddress("embedded_broker.listen", c.Embedded.Listen)
	}
	return e
}

func first(list ...*Error) *Error {
	for _, e := range list {
		if e != nil {
			return e
		}
	}
	return nil
}

func checkDir(key, dir string) *Error {
	if dir == "" {
		return &Error{Key: key, Msg: "missing"}
	}
	if !filepath.IsAbs(dir) {
		return &Error{Key: key, Msg: fmt.Sprintf("%q must be an absolute path", dir)}
	}
	return nil
}

func checkBroker(b Broker) *Error {
	for _, a := range b.Addresses {
		u, err := url.Parse(a)
		if err != nil || u.Hostname() == "" || (u.Scheme != "mqtt" && u.Scheme != "mqtts") {
			return &Error{Key: "broker.addresses", Msg: fmt.Sprintf("%q: want mqtt://host[:port] or mqtts://host[:port]", a)}
		}
	}
	if (b.TLS.Cert == "") != (b.TLS.Key == "") {
		return &Error{Key: "broker.tls.cert", Msg: "cert and key go together"}
	}
	return nil
}

func checkLog(l Log) *Error {
	switch l.Level {
	case "debug", "info", "warn", "error":
	default:
		return &Error{Key: "log.level", Msg: fmt.Sprintf("%q: want debug, info, warn or error", l.Level)}
	}
	if l.Format != "text" && l.Format != "json" {
		return &Error{Key: "log.format", Msg: fmt.Sprintf("%q: want text or json", l.Format)}
	}
	return nil
}

func checkAddress(key, a string) *Error {
	if _, port, err := net.SplitHostPort(a); err != nil || port == "" {
		return &Error{Key: key, Msg: fmt.Sprintf("%q: want host:port", a)}
	}
	return nil
}

// checkLoopback refuses an address that another machine could reach.
func checkLoopback(key, a string) *Error {
	if e := checkAddress(key, a); e != nil {
		return e
	}
	host, _, _ := net.SplitHostPort(a)
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return &Error{Key: key, Msg: fmt.Sprintf("%q is not on loopback: without TLS and sign-in nothing is served to other machines", a)}
	}
	return nil
}
