package config

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tilld/drivers/port"
	firmware "tilld/firmware-configs"
)

func (c *Lane) check() Faults {
	return slices.Concat(
		gather(checkDir("data", c.Data), checkPath("second", c.Second), checkLanguage(c.Language)),
		checkScanner(c.Scanner), checkBroker(c.Broker), checkDirect(c.HQ), checkLog(c.Log),
		gather(checkLoopback("listen.pages", c.Listen.Pages), checkLoopback("listen.pos", c.Listen.POS)),
	)
}

func (c *HQ) check() Faults {
	faults := slices.Concat(
		gather(checkDir("data", c.Data), checkOneBroker(c.Embedded, c.Broker)), checkSettle(c.Settle), checkBroker(c.Broker), checkLog(c.Log),
		checkServer("serve.address", c.Serve.Address, "serve.tls", c.Serve.TLS),
		gather(checkPath("embedded_broker.credentials_file", c.Embedded.CredentialsFile)), checkOperators(c.Operators, c.Shops),
	)
	if c.Embedded.Listen == "" {
		return faults
	}
	if f := checkServer("embedded_broker.listen", c.Embedded.Listen, "embedded_broker.tls", c.Embedded.TLS); len(f) > 0 {
		return append(faults, f...)
	}
	return append(faults, gather(checkSignIn(c.Embedded))...)
}

// gather are the faults among these; nil is none.
func gather(list ...*Error) (faults Faults) {
	for _, e := range list {
		if e != nil {
			faults = append(faults, e)
		}
	}
	return faults
}

func checkLanguage(lang string) *Error {
	switch lang {
	case "en", "ja", "zh-Hant":
		return nil
	}
	return &Error{Key: "language", Msg: fmt.Sprintf("%q: want en, ja or zh-Hant", lang)}
}

// checkOneBroker wants one broker: HQ's own, or another.
func checkOneBroker(own Embedded, other Broker) *Error {
	switch {
	case own.Listen == "" && len(other.Addresses) == 0:
		return &Error{Key: "embedded_broker.listen", Msg: "missing: give it, or broker.addresses"}
	case own.Listen != "" && len(other.Addresses) > 0:
		return &Error{Key: "broker.addresses", Msg: "given beside embedded_broker.listen: choose one"}
	}
	return nil
}

func checkSettle(s Settle) (faults Faults) {
	if _, err := time.LoadLocation(s.Zone); err != nil || s.Zone == "Local" {
		faults = append(faults, &Error{Key: "settle.zone", Msg: fmt.Sprintf("%q is no IANA time zone", s.Zone)})
	}
	if _, err := time.Parse("15:04", s.Cut); err != nil {
		faults = append(faults, &Error{Key: "settle.cut", Msg: fmt.Sprintf("%q: want hh:mm", s.Cut)})
	}
	return faults
}

// checkSignIn wants lanes of other machines to say who they are.
func checkSignIn(b Embedded) *Error {
	if host, _, _ := net.SplitHostPort(b.Listen); isLoopback(host) || b.CredentialsFile != "" || b.TLS.CA != "" {
		return nil
	}
	return &Error{Key: "embedded_broker.listen", Msg: fmt.Sprintf("%q is not on loopback: lanes must sign in, by credentials_file or with certificates of tls.ca", b.Listen)}
}

// checkServer wants TLS off loopback.
func checkServer(key, address, tlsKey string, t TLS) Faults {
	faults := checkTLS(tlsKey, t)
	if t.CA != "" && t.Cert == "" {
		faults = append(faults, &Error{Key: tlsKey + ".ca", Msg: "says whose certificates clients must show; it needs cert and key beside it"})
	}
	if t.Cert == "" && t.Key == "" {
		return append(faults, gather(checkLoopback(key, address))...)
	}
	return append(faults, gather(checkAddress(key, address))...)
}

func checkTLS(key string, t TLS) Faults {
	faults := gather(checkPath(key+".ca", t.CA), checkPath(key+".cert", t.Cert), checkPath(key+".key", t.Key))
	if (t.Cert == "") != (t.Key == "") {
		faults = append(faults, &Error{Key: key + ".cert", Msg: "cert and key go together"})
	}
	return faults
}

// checkPath wants a path, if there is one, to mean the same from every directory: a service starts in /.
func checkPath(key, path string) *Error {
	if path != "" && !filepath.IsAbs(path) {
		return &Error{Key: key, Msg: fmt.Sprintf("%q must be an absolute path", path)}
	}
	return nil
}

func checkScanner(s Scanner) Faults {
	return gather(checkPort(s), checkProfile(s), checkPath("scanner.locks", s.Locks))
}

func checkPort(s Scanner) *Error {
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
	return nil
}

func checkProfile(s Scanner) *Error {
	const key = "scanner.profile"
	if s.ownProfile() {
		return checkPath(key, s.Profile)
	}
	if _, err := firmware.Load(s.Profile); err != nil {
		return &Error{Key: key, Msg: fmt.Sprintf("%q is not built in; there are %s, or the path of a file", s.Profile, strings.Join(firmware.Names(), ", "))}
	}
	return nil
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

func checkDir(key, dir string) *Error {
	if dir == "" {
		return &Error{Key: key, Msg: "missing"}
	}
	if !filepath.IsAbs(dir) {
		return &Error{Key: key, Msg: fmt.Sprintf("%q must be an absolute path", dir)}
	}
	return nil
}

func checkBroker(b Broker) Faults {
	return append(gather(checkBrokers(b.Addresses), checkKeepAlive(b.KeepAlive), checkPath("broker.credentials_file", b.CredentialsFile)), checkTLS("broker.tls", b.TLS)...)
}

func checkBrokers(addresses []string) *Error {
	for _, a := range addresses {
		u, err := url.Parse(a)
		if err != nil || u.Hostname() == "" || (u.Scheme != "mqtt" && u.Scheme != "mqtts") {
			return &Error{Key: "broker.addresses", Msg: fmt.Sprintf("%q: want mqtt://host[:port] or mqtts://host[:port]", a)}
		}
		if u.Scheme == "mqtt" && !isLoopback(u.Hostname()) {
			return &Error{Key: "broker.addresses", Msg: fmt.Sprintf("%q: without TLS only on loopback; another machine's is mqtts://", a)}
		}
	}
	return nil
}

func checkDirect(d Direct) Faults {
	faults := checkTLS("hq.tls", d.TLS)
	if d.URL == "" {
		return faults
	}
	u, err := url.Parse(d.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil:
		return append(faults, &Error{Key: "hq.url", Msg: fmt.Sprintf("%q: want https://host[:port]", d.URL)})
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return append(faults, &Error{Key: "hq.url", Msg: fmt.Sprintf("%q: without TLS only on loopback; another machine's is https://", d.URL)})
	}
	return faults
}

func checkKeepAlive(text string) *Error {
	d, err := time.ParseDuration(text)
	if text != "" && (err != nil || d < 2*time.Second || d > time.Hour || d%time.Second != 0) {
		return &Error{Key: "broker.keep_alive", Msg: fmt.Sprintf("%q: want whole seconds, 2s to 1h", text)}
	}
	return nil
}

func checkLog(l Log) (faults Faults) {
	switch l.Level {
	case "debug", "info", "warn", "error":
	default:
		faults = append(faults, &Error{Key: "log.level", Msg: fmt.Sprintf("%q: want debug, info, warn or error", l.Level)})
	}
	if l.Format != "text" && l.Format != "json" {
		faults = append(faults, &Error{Key: "log.format", Msg: fmt.Sprintf("%q: want text or json", l.Format)})
	}
	return faults
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
