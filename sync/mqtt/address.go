package mqtt

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
)

// ErrPlaintext refuses MQTT without TLS beyond this machine.
var ErrPlaintext = errors.New("mqtt: without TLS only on loopback")

// An address is one broker, as a client's configuration names it.
type address struct {
	tls      bool
	host     string
	hostport string
}

func (a address) String() string {
	if a.tls {
		return "mqtts://" + a.hostport
	}
	return "mqtt://" + a.hostport
}

// parseAddress reads mqtt://host[:1883] or mqtts://host[:8883]. A name and a password do not belong
// into an address, which is logged and shown.
func parseAddress(text string) (address, error) {
	u, err := url.Parse(text)
	if err != nil {
		return address{}, fmt.Errorf("mqtt: broker address: %w", err)
	}
	a := address{host: u.Hostname()}
	port := u.Port()
	switch u.Scheme {
	case "mqtt":
		port = orElse(port, "1883")
	case "mqtts":
		a.tls = true
		port = orElse(port, "8883")
	default:
		return address{}, fmt.Errorf("mqtt: broker address %q: want mqtt:// or mqtts://", u.Redacted())
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return address{}, fmt.Errorf("mqtt: broker address %q: port is 1 to 65535", u.Redacted())
	}
	if !isHost(a.host) || u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return address{}, fmt.Errorf("mqtt: broker address %q: want only scheme, host and port", u.Redacted())
	}
	a.hostport = net.JoinHostPort(a.host, port)
	return a, nil
}

// isHost accepts an IP address without zone, or what a DNS name is made of.
func isHost(host string) bool { return net.ParseIP(host) != nil || madeOf(host, "-._") }

// isLoopback says that host is this machine, as far as its name tells.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
