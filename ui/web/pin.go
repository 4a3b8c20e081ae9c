package web

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"

	"tilld/agent/payment"
)

// PIN guards what only a manager may do at a lane. Tries are limited, and the count outlives a restart.
//
// A PIN of a few digits does not survive the theft of its hash (10^6 guesses are minutes): the file is
// 0600, the page is on loopback, and it protects against the person at the till, not against the disk's
// thief, who is met by the offline right's expiry.
type PIN struct {
	store  Store
	now    func() time.Time
	random io.Reader
	steady func() time.Duration // since some moment; nobody can set it
	mu     sync.Mutex
	lock   int64         // record.Until of the lock that ends at free
	free   time.Duration // by steady
}

// What Check says of a try that is not the PIN.
var (
	ErrWrongPIN = errors.New("that PIN is wrong")
	ErrNoPIN    = errors.New("no PIN is set: `tilld lane pin` sets it")
)

// Locked is Check's word that no try is looked at for a while.
type Locked struct{ Left time.Duration }

func (l *Locked) Error() string { return fmt.Sprintf("too many wrong tries: wait %s", l.Left) }

// Store keeps a few bytes durably; Load returns nothing when there are none yet.
type Store interface {
	Load() ([]byte, error)
	Save([]byte) error
}

// The limits of a PIN.
const (
	MinPIN    = 6
	MaxPIN    = 12
	freeTries = 5                // before the first wait
	firstLock = time.Minute      // doubles with every further failure
	maxLock   = 30 * time.Minute // PCI DSS 4, 8.3.4 asks for 30 minutes after ten
)

// record is what is kept. Parameters of argon2id: RFC 9106's second choice.
type record struct {
	Salt   []byte `json:"salt"`
	Hash   []byte `json:"hash"`
	Failed int    `json:"failed"`
	Until  int64  `json:"until"` // Unix seconds before which no try is looked at
}

// NewPIN takes its store, clock and randomness from outside.
func NewPIN(store Store, now func() time.Time, random io.Reader) *PIN {
	begun := time.Now()
	return &PIN{store: store, now: now, random: random, steady: func() time.Duration { return time.Since(begun) }}
}

func hashPIN(pin string, salt []byte) []byte {
	return argon2.IDKey([]byte(pin), salt, 3, 64<<10, 4, 32)
}

// Set replaces the PIN: 6 to 12 digits, not one digit repeated, not a run such as 123456.
func (p *PIN) Set(pin string) error {
	const op = "web.PIN.Set"
	if len(pin) < MinPIN || len(pin) > MaxPIN || !digits(pin) {
		return payment.Errorf(payment.Invalid, op, "a PIN has %d to %d digits", MinPIN, MaxPIN)
	}
	if run(pin, 0) || run(pin, 1) || run(pin, -1) {
		return payment.Errorf(payment.Invalid, op, "that PIN is the first that anybody would try")
	}
	rec := record{Salt: make([]byte, 16)}
	if _, err := io.ReadFull(p.random, rec.Salt); err != nil {
		return fmt.Errorf("making a salt: %w", err)
	}
	rec.Hash = hashPIN(pin, rec.Salt)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.save(&rec)
}

// IsSet says whether there is a PIN at all. There is no default one.
func (p *PIN) IsSet() (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rec, err := p.load()
	return rec != nil, err
}

// Check judges a try. The count of failures is on disk before the answer is given, so that pulling the plug
// buys no tries.
func (p *PIN) Check(pin string) error {
	const op = "web.PIN.Check"
	p.mu.Lock()
	defer p.mu.Unlock()
	rec, err := p.load()
	if err != nil {
		return err
	}
	if rec == nil {
		return payment.Errorf(payment.NotAllowed, op, "%w", ErrNoPIN)
	}
	if left := p.left(rec); left > 0 {
		return payment.Errorf(payment.NotAllowed, op, "%w", &Locked{left.Round(time.Second)})
	}
	rec.Failed++
	if over := rec.Failed - freeTries; over >= 0 {
		wait := min(firstLock<<min(over, 8), maxLock)
		rec.Until = p.now().Add(wait).Unix()
		p.lock, p.free = rec.Until, p.steady()+wait
	}
	if err := p.save(rec); err != nil {
		return err
	}
	if len(pin) > MaxPIN || subtle.ConstantTimeCompare(hashPIN(pin, rec.Salt), rec.Hash) != 1 {
		return payment.Errorf(payment.Unauthorized, op, "%w", ErrWrongPIN)
	}
	rec.Failed, rec.Until = 0, 0
	return p.save(rec)
}

// left is how long no try is looked at. The wall clock is asked once, for a lock of an earlier run: whoever stands
// at the till can set it forward.
func (p *PIN) left(rec *record) time.Duration {
	if rec.Until == 0 {
		return 0
	}
	if p.lock != rec.Until {
		p.lock, p.free = rec.Until, p.steady()+min(time.Unix(rec.Until, 0).Sub(p.now()), maxLock)
	}
	return p.free - p.steady()
}

func (p *PIN) load() (*record, error) {
	b, err := p.store.Load()
	if err != nil || len(b) == 0 {
		return nil, err
	}
	var rec record
	if err := json.Unmarshal(b, &rec); err != nil || len(rec.Hash) != 32 || len(rec.Salt) != 16 {
		return nil, errors.New("the PIN's file is damaged: set the PIN again")
	}
	return &rec, nil
}

func (p *PIN) save(rec *record) error {
	b, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("encoding the PIN's record: %w", err)
	}
	return p.store.Save(b)
}

func digits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}

// run says whether every digit is the one before plus step.
func run(s string, step int) bool {
	for i := 1; i < len(s); i++ {
		if int(s[i])-int(s[i-1]) != step {
			return false
		}
	}
	return true
}
