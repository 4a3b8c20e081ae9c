package emulate

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// Wallet names a wallet, and so a dialect.
type Wallet string

// Party is who the emulator takes for the shop, and with what it proves itself. It is made up, as all credentials of an
// emulator are.
type Party struct {
	ID     string          // API key, channel ID, client ID or merchant number
	Secret operator.Secret // where the dialect signs with a shared secret
	Shop   *rsa.PublicKey  // where the shop signs with a key of its own
	Serial string          // of that key, where the dialect names it
	// With which the operator signs its answers, where it does, and what it calls that key.
	Own       *rsa.PrivateKey
	OwnSerial string

	Acquired Acquired // of a wallet that an acquirer takes
}

// Config is what an emulator is made of.
type Config struct {
	Wallets map[Wallet]Party
	Now     func() time.Time // nil: time.Now
	Random  io.Reader        // of codes; nil: crypto/rand
	Book    []byte           // what Save gave when the operators last ended; nil: they begin
}

// customs are a wallet's own.
type customs struct {
	prefix       string    // of its codes
	length       int       // of its codes, in digits
	emvco        *Acquired // its codes are EMVCo CPM of this application; nil: digits
	lives        time.Duration
	payAgain     bool          // the same reference gives the same answer
	guard        time.Duration // the same amount from the same customer is refused for so long
	cancel       operator.Window
	neverCancels bool // what is paid can only be refunded
}

// errParty reports a request that the shop did not sign.
var errParty = errors.New("not signed by the shop")

// dialect is one operator's way to say it.
type dialect interface {
	customs() customs
	op(r *http.Request) (Op, bool)
	read(op Op, r *http.Request, body []byte) (ask, error) // errParty, or what is wrong with the request
	answer(op Op, t told) response
	refuse() response                                            // of errParty
	invalid() response                                           // of a request that can't be read
	seal(path string, h http.Header, body []byte, now time.Time) // signs an answer, where the operator does
}

type response struct {
	status int
	body   []byte
}

// Server is the operators, as an http.Handler. Close frees what waits.
type Server struct {
	cfg      Config
	dialects map[Wallet]dialect

	mu        sync.Mutex
	arrived   *sync.Cond // something began or ended to wait
	ledgers   map[Wallet]*ledger
	behaviour map[Wallet]Behaviour
	waiting   map[Wallet][]*parked
	late      map[*parked]bool // to be done yet
	closed    bool
}

// New makes the operators of the wallets that cfg names a party for.
func New(cfg Config) (*Server, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	s := &Server{cfg: cfg, dialects: map[Wallet]dialect{}, ledgers: map[Wallet]*ledger{}, behaviour: map[Wallet]Behaviour{},
		waiting: map[Wallet][]*parked{}, late: map[*parked]bool{}}
	s.arrived = sync.NewCond(&s.mu)
	for w, p := range cfg.Wallets {
		d, err := newDialect(w, p)
		if err != nil {
			return nil, err
		}
		s.dialects[w] = d
		s.ledgers[w] = &ledger{wallet: w, customs: d.customs(), customers: map[string]*customer{}, codes: map[string]*shown{},
			charges: map[operator.Ref]*entry{}}
	}
	return s, s.load(cfg.Book)
}

// Close frees all requests that wait; those under Late are never done.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for w, list := range s.waiting {
		for _, p := range list {
			delete(s.late, p)
			close(p.free)
		}
		s.waiting[w] = nil
	}
	s.arrived.Broadcast()
}

func (s *Server) ledger(w Wallet) (*ledger, error) {
	if l := s.ledgers[w]; l != nil {
		return l, nil
	}
	return nil, fmt.Errorf("%w: wallet %q", ErrUnknown, w)
}

func (s *Server) digits(prefix string, length int) (string, error) {
	var b strings.Builder
	b.WriteString(prefix)
	for b.Len() < length {
		n, err := rand.Int(s.cfg.Random, big.NewInt(10))
		if err != nil {
			return "", fmt.Errorf("emulator: no randomness: %w", err)
		}
		b.WriteByte(byte('0' + n.Int64()))
	}
	return b.String(), nil
}

// maxRequest is how much of a request is read, in bytes.
const maxRequest = 64 << 10

// ServeHTTP answers as the operator whose path it is.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, d := range s.dialects {
		op, ok := d.op(r)
		if !ok {
			continue
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil {
			http.Error(w, "request too large", http.StatusRequestEntityTooLarge)
			return
		}
		s.serve(w, r, exchange{s: s, wallet: name, d: d, op: op, path: r.URL.Path}, body)
		return
	}
	http.NotFound(w, r)
}

// exchange is one request under way.
type exchange struct {
	s      *Server
	wallet Wallet
	d      dialect
	op     Op
	path   string
	ask    ask
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, x exchange, body []byte) {
	b := s.faultOf(x.wallet, x.op)
	if b.before(w, r, x) {
		return
	}
	a, err := x.d.read(x.op, r, body)
	switch {
	case errors.Is(err, errParty):
		x.send(w, x.d.refuse())
		return
	case err != nil:
		x.send(w, x.d.invalid())
		return
	}
	x.ask = a
	b.after(w, r, x)
}

// do has the book do it.
func (x exchange) do() told {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	return x.s.ledgers[x.wallet].do(x.op, x.ask, x.s.cfg.Now())
}

func (x exchange) send(w http.ResponseWriter, res response) {
	x.d.seal(x.path, w.Header(), res.body, x.s.cfg.Now())
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(res.status)
	_, _ = w.Write(res.body) // who asked has gone; the book knows
}

// spoiled is an answer that says something else than the book.
func (t told) spoiled(f Fault) told {
	switch f {
	case WrongAmount:
		t.amount.Minor += 100
	case WrongCurrency:
		t.amount.Currency = map[bool]payment.Currency{true: "EUR", false: "USD"}[t.amount.Currency == "USD"]
	case WrongRef:
		t.ref = operator.Ref(strings.Repeat("9", 20))
		t.refund = string(t.ref)
	case Echo:
		t.transaction = t.code
	case Stale:
		t.Outcome = operator.Absent
	}
	return t
}

// opposite is an answer to somebody else.
func (t told) opposite() told {
	if t.Outcome == operator.Declined {
		t.Outcome, t.Why = operator.Paid, operator.NoReason
	} else {
		t.Outcome, t.Why = operator.Declined, operator.NoFunds
	}
	return t
}

// raw is an answer as bytes on the wire.
func (x exchange) raw(res response) []byte {
	var b bytes.Buffer
	h := http.Header{}
	x.d.seal(x.path, h, res.body, x.s.cfg.Now())
	h.Set("Content-Type", "application/json")
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\n", res.status, http.StatusText(res.status), len(res.body))
	_ = h.Write(&b)
	b.WriteString("\r\n")
	b.Write(res.body)
	return b.Bytes()
}
