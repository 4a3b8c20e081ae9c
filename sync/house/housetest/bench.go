// Package housetest is an issuer of the house wallet with its surroundings: a clock, a post office, a bank, and
// customers with phones. The issuer is the real one, on a real file; only argon2id is made cheap.
package housetest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/house"
	"tilld/sync/house/rule"
	"tilld/sync/wire"
)

// Cheap is argon2id as small as the algorithm allows: 64 MiB for each of thousands of customers would measure it and
// nothing else.
var Cheap = house.Argon{Time: 1, Memory: 8, Lanes: 1}

// Home is the address that customers come from, when nothing else is said.
var Home = netip.MustParseAddr("192.0.2.1")

// Bench is an issuer and its surroundings.
type Bench struct {
	T      testing.TB
	Ctx    context.Context
	Issuer *house.Issuer
	Config house.Config
	Path   string
	Clock  *Clock
	Mail   *Mail
	Bank   *Bank
}

// New makes a bench. change, which may be nil, sees the configuration before the issuer does.
func New(t testing.TB, change func(*house.Config)) *Bench {
	t.Helper()
	b := bench(t, change)
	b.Open()
	return b
}

// bench is one whose issuer is not open yet.
func bench(t testing.TB, change func(*house.Config)) *Bench {
	t.Helper()
	seed := sha256.Sum256([]byte(t.Name()))
	b := &Bench{
		T: t, Ctx: context.Background(), Path: filepath.Join(dir(t), "issuer.db"),
		Clock: &Clock{at: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}, Mail: &Mail{}, Bank: &Bank{taken: map[string]int64{}},
	}
	b.Config = house.Config{
		Limits: rule.Defaults(), Hashing: Cheap, Signer: Key(t, "issuer"), Now: b.Clock.Now, Random: rand.NewChaCha8(seed),
		Messenger: b.Mail, Funder: b.Bank, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&b.Config)
	}
	t.Cleanup(func() {
		if b.Issuer != nil {
			_ = b.Issuer.Close()
		}
	})
	return b
}

// Copy makes a bench that goes on from another's file and clock, with a configuration of its own. The other is closed.
func (b *Bench) Copy(t testing.TB, change func(*house.Config)) *Bench {
	t.Helper()
	raw, err := os.ReadFile(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	c := bench(t, func(cfg *house.Config) {
		// What was drawn before must not be drawn again.
		cfg.Random = rand.NewChaCha8(sha256.Sum256([]byte(b.Clock.Now().String() + t.Name())))
		if change != nil {
			change(cfg)
		}
	})
	c.Clock.at = b.Clock.Now()
	if err := os.WriteFile(c.Path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	c.Open()
	return c
}

// dir is a folder in memory where the machine has one: these tests do thousands of transactions, and what they ask is
// not whether the disk keeps them.
func dir(t testing.TB) string {
	d, err := os.MkdirTemp("/dev/shm", "tilld-house-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(d) })
	return d
}

// Open opens the issuer, again if it was closed.
func (b *Bench) Open() {
	b.T.Helper()
	var err error
	if b.Issuer, err = house.Open(b.Ctx, b.Path, b.Config); err != nil {
		b.T.Fatal(err)
	}
}

// Key makes the P-256 key whose scalar is the SHA-256 of a name.
func Key(t testing.TB, name string) *wire.Signer {
	t.Helper()
	d := sha256.Sum256([]byte(name))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d[:])
	if err != nil {
		t.Fatal(err)
	}
	s, err := wire.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Must ends the test on an error.
func (b *Bench) Must(err error) {
	b.T.Helper()
	if err != nil {
		b.T.Fatal(err)
	}
}

// Want checks an error by errors.Is; nil wants none.
func (b *Bench) Want(what string, err, want error) {
	b.T.Helper()
	if !errors.Is(err, want) || (want == nil && err != nil) {
		b.T.Errorf("%s: %v, want %v", what, err, want)
	}
}

// Yen is an amount.
func Yen(n int64) payment.Money { return payment.Of(n, "JPY") }

// Clock is a clock that stands still until it is moved.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Pass moves the clock.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Mail keeps what was sent.
type Mail struct {
	mu   sync.Mutex
	Sent []house.Message
	Down error // what Send says instead of sending

	NoSuch string // an address that the post office knows nobody at
	Asked  int    // how often it was asked to send there
}

// Send keeps the message.
func (m *Mail) Send(_ context.Context, msg house.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Down == nil && m.NoSuch != "" && msg.To == m.NoSuch {
		m.Asked++
		return house.ErrAddress
	}
	if m.Down == nil {
		m.Sent = append(m.Sent, msg)
	}
	return m.Down
}

// Last is the last message of a kind to an address; the zero Message: there was none.
func (m *Mail) Last(kind house.MessageKind, to string) house.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	for n := len(m.Sent) - 1; n >= 0; n-- {
		if s := m.Sent[n]; s.Kind == kind && (to == "" || s.To == to) {
			return s
		}
	}
	return house.Message{}
}

// ErrBank is a bank that does not answer.
var ErrBank = errors.New("the bank does not answer")

// Bank pays for top-ups: from any source but "empty". From "lost" it takes the money the first time and doesn't say so.
type Bank struct {
	mu    sync.Mutex
	taken map[string]int64
	Asked int
}

// Collect takes money once for each ref.
func (k *Bank) Collect(_ context.Context, ref, source string, amount payment.Money) (house.Collected, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.Asked++
	if source == "empty" {
		return house.Refused, nil
	}
	_, before := k.taken[ref]
	k.taken[ref] = amount.Minor
	if source == "lost" && !before {
		return false, ErrBank
	}
	return house.Taken, nil
}

// Taken is all that the bank paid out.
func (k *Bank) Taken() (sum int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range k.taken {
		sum += n
	}
	return sum
}
