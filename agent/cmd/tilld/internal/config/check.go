package config

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tilld/drivers/port"
	firmware "tilld/firmware-configs"
)

func (c *Lane) check() *Error {
	if e := checkDir("data", c.Data); e != nil {
		return e
	}
	if e := checkPath("second", c.Second); e != nil {
		return e
	}
	switch c.Language {
	case "en", "ja", "zh-Hant":
	default:
		return &Error{Key: "language", Msg: fmt.Sprintf("%q: want en, ja or zh-Hant", c.Language)}
	}
	return first(
		checkScanner(c.Scanner), checkBroker(c.Broker), checkLog(c.Log),
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
	e := first(
		checkBroker(c.Broker), checkLog(c.Log), checkServer("serve.address", c.Serve.Address, "serve.tls", c.Serve.TLS),
		checkPath("embedded_broker.credentials_file", c.Embedded.CredentialsFile),
	)
	if e == nil && c.Embedded.Listen != "" {
		e = first(checkServer("embedded_broker.listen", c.Embedded.Listen, "embedded_broker.tls", c.Embedded.TLS), checkSignIn(c.Embedded))
	}
	return e
}

// checkSignIn wants lanes of other machines to say who they are.
func checkSignIn(b Embedded) *Error {
	if host, _, _ := net.SplitHostPort(b.Listen); isLoopback(host) || b.CredentialsFile != "" || b.TLS.CA != "" {
		return nil
	}
	return &Error{Key: "embedded_broker.listen", Msg: fmt.Sprintf("%q is not on loopback: lanes must sign in, by credentials_file or with certificates of tls.ca", b.Listen)}
}

// checkServer wants TLS off loopback.
func checkServer(key, address, tlsKey string, t TLS) *Error {
	if e := checkTLS(tlsKey, t); e != nil {
		return e
	}
	if t.CA != "" && t.Cert == "" {
		return &Error{Key: tlsKey + ".ca", Msg: "says whose certificates clients must show; it needs cert and key beside it"}
	}
	if t.Cert == "" {
		return checkLoopback(key, address)
	}
	return checkAddress(key, address)
}

func checkTLS(key string, t TLS) *Error {
	if (t.Cert == "") != (t.Key == "") {
		return &Error{Key: key + ".cert", Msg: "cert and key go together"}
	}
	return first(checkPath(key+".ca", t.CA), checkPath(key+".cert", t.Cert), checkPath(key+".key", t.Key))
}

// checkPath wants a path, if there is one, to mean the same from every directory: a service starts in /.
func checkPath(key, path string) *Error {
	if path != "" && !filepath.IsAbs(path) {
		return &Error{Key: key, Msg: fmt.Sprintf("%q must be an absolute path", path)}
	}
	return nil
}

func checkScanner(s Scanner) *Error {
	key, text := "scanner.path", s.Port()
	switch {
	case text == "":
		return &Error{Key: key, Msg: "missing: give a path or scanner.usb"}
	case s.Path != "" && s.USB != (USB{}):
		return &Error{Key: key, Msg: "given beside scanner.usb: choose one"}
	case s.Path == "":
		key = "scanner.usb"
	}
	if _, err := port.ParseSpec(text); err != nil {
		return &Error{Key: key, Msg: err.Error()}
	}
	if s.ownProfile() {
		return first(checkPath("scanner.profile", s.Profile), checkPath("scanner.locks", s.Locks))
	}
	if _, err := firmware.Load(s.Profile); err != nil {
		return &Error{Key: "scanner.profile", Msg: fmt.Sprintf("%q is not built in; there are %s, or the path of a file", s.Profile, strings.Join(firmware.Names(), ", "))}
	}
	return checkPath("scanner.locks", s.Locks)
}

// ownProfile says that the profile is a file; firmware.Load tells by the same.
func (s Scanner) ownProfile() bool {
	return strings.ContainsAny(s.Profile, `/\\`) || strings.HasSuffix(s.Profile, ".toml")
}

// Port is the scanner's port as drivers/port parses it; empty when there is none.
func (s Scanner) Port() string {
	if s.Path != "" || s.USB == (USB{}) {
		return s.Path
	}
	text := "usb:" + s.USB.Vendor + ":" + s.USB.Product
	if s.USB.Serial != "" {
		text += "#" + s.USB.Serial
	}
	return text
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
		if u.Scheme == "mqtt" && !isLoopback(u.Hostname()) {
			return &Error{Key: "broker.addresses", Msg: fmt.Sprintf("%q: without TLS only on loopback; another machine's is mqtts://", a)}
		}
	}
	return first(checkTLS("broker.tls", b.TLS), checkPath("broker.credentials_file", b.CredentialsFile))
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
	_, text, err := net.SplitHostPort(a)
	if err == nil {
		_, err = strconv.ParseUint(text, 10, 16)
	}
	if err != nil {
		return &Error{Key: key, Msg: fmt.Sprintf("%q: want host:port", a)}
	}
	return nil
}

// checkLoopback refuses an address that another machine could reach.
func checkLoopback(key, a string) *Error {
	if e := checkAddress(key, a); e != nil {
		return e
	}
	if host, _, _ := net.SplitHostPort(a); !isLoopback(host) {
		return &Error{Key: key, Msg: fmt.Sprintf("%q is not on loopback: without TLS and sign-in nothing is served to other machines", a)}
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
