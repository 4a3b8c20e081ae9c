package hqapi

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits on bad tokens. Secrets have 256 random bits, so guessing is hopeless; this keeps the guesses off
// the ledger and out of the log.
const (
	badTokens   = 10              // at once, from one address
	badTokenFor = 6 * time.Second // until there is one more
	maxAddrs    = 4096            // addresses remembered
	maxGood     = 1024            // tokens remembered
)

// failures counts bad tokens by address. A token that was good not long ago gets through from anywhere, so
// that nobody can lock out a client that shares an address with him.
type failures struct {
	mu    sync.Mutex
	addrs map[netip.Addr]*rate.Limiter
	good  map[[32]byte]struct{}
}

func newFailures() *failures {
	return &failures{addrs: map[netip.Addr]*rate.Limiter{}, good: map[[32]byte]struct{}{}}
}

// allow says whether a token of this hash may be looked up for this address.
func (f *failures) allow(now time.Time, addr netip.Addr, hash [32]byte) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.good[hash]; ok {
		return true
	}
	l, ok := f.addrs[network(addr)]
	return !ok || l.TokensAt(now) >= 1
}

// bad counts one failure.
func (f *failures) bad(now time.Time, addr netip.Addr, hash [32]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.good, hash)
	addr = network(addr)
	l, ok := f.addrs[addr]
	if !ok {
		f.makeRoom(now)
		l = rate.NewLimiter(rate.Every(badTokenFor), badTokens)
		f.addrs[addr] = l
	}
	l.AllowN(now, 1)
}

// ok remembers a good token.
func (f *failures) ok(hash [32]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.good[hash]; !known && len(f.good) >= maxGood {
		clear(f.good)
	}
	f.good[hash] = struct{}{}
}

// makeRoom forgets addresses that have been quiet, and then others down to half, so that a flood of
// addresses does not make it look through all of them each time.
func (f *failures) makeRoom(now time.Time) {
	if len(f.addrs) < maxAddrs {
		return
	}
	for addr, l := range f.addrs {
		if l.TokensAt(now) >= badTokens {
			delete(f.addrs, addr)
		}
	}
	for addr := range f.addrs {
		if len(f.addrs) <= maxAddrs/2 {
			return
		}
		delete(f.addrs, addr)
	}
}

// network is the address itself, or for IPv6 its /64, of which one customer of a provider has all.
func network(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}
