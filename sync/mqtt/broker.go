package mqtt

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	startWithin = 10 * time.Second

	// The limit for one message inside the server: the payload, its topic and NATS headers. A larger one,
	// retained by somebody, would throw out every lane that subscribes.
	brokerMaxPayload = 528 << 10

	// QoS 1 messages that a subscription may have unacknowledged. A client that reads slowly has
	// this many of up to 512 KiB in the server's memory, per subscription.
	brokerMaxUnacked = 32

	// Redelivery inside a session. A TCP connection loses nothing, so this only repeats messages to
	// a reader that is slow already; sessions are clean, so it never serves one that comes back.
	brokerAckWait = 2 * time.Minute

	// The log is flushed to disk this often: see the package comment for why that is enough.
	brokerSync = time.Second

	// How long a reader that was connected at a crash is waited for.
	brokerForget = 5 * time.Minute

	defaultMaxStore = 1 << 30
	streamMemory    = 64 << 20
)

// BrokerConfig of a Broker. StoreDir and Listen are required.
type BrokerConfig struct {
	// StoreDir keeps messages until their readers have acknowledged them. It belongs to one Broker
	// in one process at a time, which the caller sees to. Made with mode 0700 if it is not there.
	StoreDir string

	Listen string // host:port; port 0 takes any free one

	TLS *tls.Config // nil: none (see TLSFiles)

	// Users sign in by name. None: whoever reaches the port gets in, which off loopback is refused unless TLS
	// demands certificates.
	Users []User

	// Guests is what those may who don't sign in, when there are no Users. Zero: nothing.
	Guests Rights

	// AllowPlaintext permits listening beyond loopback without TLS.
	AllowPlaintext bool

	MaxStore int64        // bytes of messages on disk, beyond which publishers are turned away; 0: 1 GiB
	Name     string       // of this server, for its log; "": tilld
	Log      *slog.Logger // nil: silent

	forget time.Duration // for tests; 0: brokerForget
}

// A Broker is a NATS server in this process that speaks MQTT only. It has no port of its own
// protocol. Rights bound what others read and write; they don't bind client IDs, of which the first
// connection is thrown out when a second one uses it.
type Broker struct {
	server *server.Server
	owner  Credential
	addr   string
	tls    bool
	log    *brokerLog
	once   sync.Once
}

// StartBroker starts a broker and returns when it takes connections.
func StartBroker(c BrokerConfig) (*Broker, error) {
	owner := Credential{"owner-" + rand.Text(), rand.Text()}
	opts, err := c.options(owner)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.StoreDir, 0o700); err != nil {
		return nil, fmt.Errorf("mqtt: broker's store: %w", err)
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("mqtt: broker: %w", err)
	}
	log := newBrokerLog(c.Log)
	s.SetLogger(log, false, false)
	s.Start() // returns early, having logged why, when something is wrong
	b := &Broker{server: s, owner: owner, tls: c.TLS != nil, log: log}
	select {
	case why := <-log.fatal:
		b.Close()
		return nil, fmt.Errorf("mqtt: broker on %s: %s", c.Listen, why)
	default:
	}
	if !s.ReadyForConnections(startWithin) {
		b.Close()
		return nil, fmt.Errorf("mqtt: broker on %s: not ready within %v", c.Listen, startWithin)
	}
	log.started.Store(true)
	b.addr = net.JoinHostPort(opts.MQTT.Host, strconv.Itoa(opts.MQTT.Port)) // the server put the port there
	return b, nil
}

func (c *BrokerConfig) options(owner Credential) (*server.Options, error) {
	host, portText, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("mqtt: broker's address %q: %w", c.Listen, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("mqtt: broker's address %q: port is 0 to 65535", c.Listen)
	}
	switch {
	case c.StoreDir == "":
		return nil, errors.New("mqtt: broker needs a store directory")
	case c.MaxStore < 0:
		return nil, errors.New("mqtt: negative size for the broker's store")
	case c.TLS == nil && !c.AllowPlaintext && !isLoopback(host):
		return nil, fmt.Errorf("%w: listening on %s", ErrPlaintext, c.Listen)
	}
	if err := c.checkAccess(host); err != nil {
		return nil, err
	}
	o := &server.Options{
		ServerName:         orElse(c.Name, "tilld"),
		DontListen:         true, // no port for NATS clients
		NoSigs:             true, // signals are for the process, not for us
		NoLog:              true, // ours is set after
		MaxPayload:         brokerMaxPayload,
		JetStream:          true,
		StoreDir:           c.StoreDir,
		SyncInterval:       brokerSync,
		JetStreamMaxMemory: streamMemory,
		JetStreamMaxStore:  c.MaxStore,

		CustomClientAuthentication: c.door(owner),

		MQTT: server.MQTTOpts{
			Host:          host,
			Port:          int(port),
			TLSConfig:     c.TLS,
			AckWait:       brokerAckWait,
			MaxAckPending: brokerMaxUnacked,

			// After a crash the places of its readers are still on disk, and messages are kept for
			// them, until the same client ID comes back or this much time has passed. (Places in
			// memory look simpler, but leave the messages behind that nobody had read: for ever.)
			ConsumerInactiveThreshold: c.forget,
		},
	}
	setDefault(&o.JetStreamMaxStore, defaultMaxStore)
	setDefault(&o.MQTT.ConsumerInactiveThreshold, brokerForget)
	if o.MQTT.Port == 0 {
		o.MQTT.Port = -1 // to the server, 0 is "no MQTT" and -1 is "any port"
	}
	return o, nil
}

// Owner is what a Client of whoever started this broker signs in with: made anew each time, never written down
// and good for every topic.
func (b *Broker) Owner() (name, password string) { return b.owner.Name, b.owner.Password }

// Addr is host:port as bound, for clients on this machine.
func (b *Broker) Addr() string { return b.addr }

// URL is what a Client's Config takes for this broker, from this machine.
func (b *Broker) URL() string {
	a := address{tls: b.tls, hostport: b.addr}
	return a.String()
}

// ErrStore reports a broker that can't keep messages. A store keeps its first write error, such as that of a full
// disk, however much room there is later: only a broker that is started anew takes messages again.
var ErrStore = errors.New("mqtt: broker's store failed; it has to be started again when there is space on the disk")

// Healthy returns why messages can't be taken, or nil. It looks at what became of the last writes and writes
// nothing itself. ErrStore is what only a new start mends.
func (b *Broker) Healthy() error {
	if !b.server.Running() {
		return errors.New("mqtt: broker is closed")
	}
	if !b.server.JetStreamEnabled() {
		return fmt.Errorf("%w: it is off", ErrStore)
	}
	for _, e := range b.server.Healthz(&server.HealthzOptions{Details: true}).Errors {
		// Of a stream that is just being made it says that it was not recovered, which is no fault.
		if e.Type == server.HealthzErrorStream && strings.Contains(e.Error, "write error") {
			return fmt.Errorf("%w: %s", ErrStore, e.Error)
		}
	}
	// The server's own report knows only what was to be stored. An error while something was deleted, such as the
	// session of a client that comes back, stays in the store just the same and is told by the log alone.
	if why := b.log.broken.Load(); why != nil {
		return fmt.Errorf("%w: %s", ErrStore, *why)
	}
	return nil
}

// Close ends all connections and waits until the store is closed. Calling it again does nothing.
func (b *Broker) Close() {
	b.once.Do(b.server.Shutdown)
	b.server.WaitForShutdown()
}
