// Package config reads the bootstrap configuration of a lane, of HQ or of the house wallet's issuer: identity, devices, addresses and
// directories. How to sell is not here: that is signed policy (agent/policy), which no file on a till can
// change.
//
// A file is TOML and is read strictly: an unknown key, a value of the wrong type or unit, and a missing
// file are each one line that names file, line and key.
//
// A file that was read is right as text only: what it names (certificates, directories, devices) is looked at by
// Here, which is about this machine and this user, and changes with them.
package config

import (
	_ "embed"
	"time"

	"tilld/agent/cmd/tilld/internal/operators"
)

// The commented examples that `tilld config example` prints. A test holds each to its type.
var (
	//go:embed lane.toml
	LaneExample string
	//go:embed hq.toml
	HQExample string
	//go:embed issuer.toml
	IssuerExample string
)

// TLS names the files of one end of a TLS connection.
type TLS struct {
	CA   string `toml:"ca"`   // trusted issuers of the other end; empty: at a client the system's, at a server none is asked for
	Cert string `toml:"cert"` // own certificate chain, PEM
	Key  string `toml:"key"`  // own key, PEM
}

// Broker is how to reach an MQTT 3.1.1 broker.
type Broker struct {
	Addresses       []string `toml:"addresses"`        // mqtt://host[:1883] or mqtts://host[:8883], tried in turn; a lane's: empty for those in HQ's answer
	CredentialsFile string   `toml:"credentials_file"` // one line, user:password, mode 0600
	KeepAlive       string   `toml:"keep_alive"`       // silence after which the broker is asked whether it is there: 2s to 1h; empty: 20s
	TLS             TLS      `toml:"tls"`
}

// KeepAliveTime is KeepAlive; 0: what sync/mqtt takes by itself.
func (b Broker) KeepAliveTime() time.Duration {
	d, err := time.ParseDuration(b.KeepAlive)
	if err != nil {
		return 0 // check has refused any text but the empty one
	}
	return d
}

// Direct is HQ's own address, for online payments when the broker is slow or away.
type Direct struct {
	URL string `toml:"url"` // https://host[:port]; http:// on loopback only; empty: there is no second road
	TLS TLS    `toml:"tls"`
}

// Log is how the program speaks to its operators, on standard error.
type Log struct {
	Level  string `toml:"level"`  // debug, info, warn, error; empty: info
	Format string `toml:"format"` // text or json; empty: text
}

// USB finds a device by what it says of itself.
type USB struct {
	Vendor  string `toml:"vendor"`  // four hexadecimal digits
	Product string `toml:"product"` // four hexadecimal digits
	Serial  string `toml:"serial"`  // empty: any
}

// Scanner is one scanner at the lane.
type Scanner struct {
	Path    string `toml:"path"` // such as /dev/serial/by-id/...; or usb
	USB     USB    `toml:"usb"`
	Profile string `toml:"profile"` // a built-in profile's name or a file; empty: generic
	Locks   string `toml:"locks"`   // directory for lock files; empty: /run/lock
}

// Listen are a lane's addresses. All are loopback: a page off this machine needs TLS and sign-in, which
// come with the store node.
type Listen struct {
	Pages string `toml:"pages"` // cashier, manager, and the customer's screen at /customer; empty: 127.0.0.1:7801
	POS   string `toml:"pos"`   // the shop's own program; empty: 127.0.0.1:7802
}

// Lane configures `tilld lane`.
type Lane struct {
	Data     string  `toml:"data"`   // directory of the journal, the key and what HQ signed
	Second   string  `toml:"second"` // second medium for the journal, on another disk; empty: none
	Language string  `toml:"language"`
	Scanner  Scanner `toml:"scanner"`
	Broker   Broker  `toml:"broker"`
	HQ       Direct  `toml:"hq"`
	Listen   Listen  `toml:"listen"`
	Log      Log     `toml:"log"`

	from source
}

// Embedded is HQ's own broker, in this process.
type Embedded struct {
	Listen          string `toml:"listen"`           // host:port for lanes; empty: use [broker]
	CredentialsFile string `toml:"credentials_file"` // a line user:password for each who may sign in, mode 0600; empty: nobody needs to
	TLS             TLS    `toml:"tls"`
}

// Settle says when batches are cut.
type Settle struct {
	Zone string `toml:"zone"` // IANA name; empty: UTC
	Cut  string `toml:"cut"`  // hh:mm in the zone; empty: 05:00
}

// Serve is where HQ answers people and programs.
type Serve struct {
	Address string `toml:"address"` // empty: 127.0.0.1:7900; off loopback only with tls
	TLS     TLS    `toml:"tls"`
}

// HQ configures `tilld hq`.
type HQ struct {
	Operators []operators.Section `toml:"operator"` // whom HQ asks for online payments; empty: it declines them all
	Shops     string              `toml:"shops"`    // the table of what operators call the shops, a file; needed with operators

	Data     string   `toml:"data"`
	Embedded Embedded `toml:"embedded_broker"`
	Broker   Broker   `toml:"broker"`
	Settle   Settle   `toml:"settle"`
	Serve    Serve    `toml:"serve"`
	Log      Log      `toml:"log"`

	from source
}

// CutAfterMidnight is the time of day of the settlement cut, after midnight.
func (s Settle) CutAfterMidnight() time.Duration {
	t, err := time.Parse("15:04", s.Cut)
	if err != nil {
		return 3 * time.Hour // check has refused any other text
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}
