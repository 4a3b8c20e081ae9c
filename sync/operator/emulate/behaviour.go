package emulate

import (
	"fmt"
	"slices"
	"time"
)

// Op is what is asked of an operator.
type Op string

// The operations.
const (
	Pay    Op = "pay"
	Query  Op = "query"
	Cancel Op = "cancel"
	Refund Op = "refund"

	// QueryRefund asks what became of a refund, where the dialect has that. Faults on Refund are not on it.
	QueryRefund Op = "query_refund"
)

// Fault is a way to misbehave. "Before" is without having done what was asked, "after" is having done it.
type Fault string

// The faults.
const (
	None          Fault = ""
	Slow          Fault = "slow"           // after, and the answer waits for Delay or Release
	Late          Fault = "late"           // taken, done only after Delay or Release, whoever cancels meanwhile; no answer
	CutBefore     Fault = "cut_before"     // the connection ends
	CutAfter      Fault = "cut_after"      //
	ErrorBefore   Fault = "error_before"   // HTTP 500
	ErrorAfter    Fault = "error_after"    //
	Busy          Fault = "busy"           // before: HTTP 503 with a page of a proxy
	Garbage       Fault = "garbage"        // after: HTTP 200 and no answer of the dialect
	Truncated     Fault = "truncated"      // after: the first half of the answer
	Endless       Fault = "endless"        // after: an answer that does not end
	Huge          Fault = "huge"           // after: a megabyte before the answer
	Twice         Fault = "twice"          // after: the answer, and right behind it one that says the opposite
	Echo          Fault = "echo"           // after: the customer's code where the transaction belongs
	WrongAmount   Fault = "wrong_amount"   // after: the answer is about another amount
	WrongCurrency Fault = "wrong_currency" // after: about another currency, where the dialect names one
	WrongRef      Fault = "wrong_ref"      // after: about another reference
	Redirect      Fault = "redirect"       // before: HTTP 307 to Behaviour.To
	Unauthorized  Fault = "unauthorized"   // before: as if the credentials were wrong
	Stale         Fault = "stale"          // a query is answered as before the charge came in
	Unheard       Fault = "unheard"        // a cancel is answered as done, and is not: the charge stands, or comes later
)

var faults = []Fault{None, Slow, Late, CutBefore, CutAfter, ErrorBefore, ErrorAfter, Busy, Garbage, Truncated, Endless, Huge, Twice,
	Echo, WrongAmount, WrongCurrency, WrongRef, Redirect, Unauthorized, Stale, Unheard}

// Behaviour is how a wallet answers. The zero value behaves.
type Behaviour struct {
	Fault Fault         `json:"fault"`
	On    []Op          `json:"on,omitempty"`    // none: every operation
	Times int           `json:"times,omitempty"` // 0: until it is changed
	Delay time.Duration `json:"delay,omitempty"` // of Slow and Late, in nanoseconds; 0: until Release
	To    string        `json:"to,omitempty"`    // of Redirect
}

// Behave has a wallet behave so from now on.
func (s *Server) Behave(w Wallet, b Behaviour) error {
	if !slices.Contains(faults, b.Fault) {
		return fmt.Errorf("%w: fault %q", ErrInvalid, b.Fault)
	}
	for _, op := range b.On {
		if !slices.Contains([]Op{Pay, Query, Cancel, Refund, QueryRefund}, op) {
			return fmt.Errorf("%w: operation %q", ErrInvalid, op)
		}
	}
	if b.Times < 0 || b.Delay < 0 || b.Fault == Redirect && b.To == "" {
		return fmt.Errorf("%w: times %d, delay %s, to %q", ErrInvalid, b.Times, b.Delay, b.To)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.ledger(w); err != nil {
		return err
	}
	s.behaviour[w] = b
	return nil
}

// faultOf is what goes wrong with this request, and uses it up.
func (s *Server) faultOf(w Wallet, op Op) Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.behaviour[w]
	if b.Fault == None || len(b.On) > 0 && !slices.Contains(b.On, op) {
		return Behaviour{}
	}
	if b.Times > 0 {
		left := b
		left.Times--
		if left.Times == 0 {
			left = Behaviour{}
		}
		s.behaviour[w] = left
	}
	return b
}

// parked is a request that waits to be released.
type parked struct{ free chan struct{} }

// maxParked bounds the requests that wait; more are answered as Busy.
const maxParked = 1000

// park has a request wait; late says that it is to be done afterwards.
func (s *Server) park(w Wallet, late bool) (*parked, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.waiting[w]) >= maxParked {
		return nil, false
	}
	p := &parked{make(chan struct{})}
	s.waiting[w] = append(s.waiting[w], p)
	if late {
		s.late[p] = true
	}
	s.arrived.Broadcast()
	return p, true
}

// leave ends the waiting of a request that was not released. The caller holds the mutex.
func (s *Server) leave(w Wallet, p *parked) {
	s.waiting[w] = slices.DeleteFunc(s.waiting[w], func(o *parked) bool { return o == p })
	s.arrived.Broadcast()
}

// Release lets all requests of a wallet go on that wait under Slow or Late, and says how many they were. When it
// returns, those under Late have been done.
func (s *Server) Release(w Wallet) int {
	s.mu.Lock()
	list := s.waiting[w]
	s.waiting[w] = nil
	s.mu.Unlock()
	for _, p := range list {
		close(p.free)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.releasing(list) {
		s.arrived.Wait()
	}
	return len(list)
}

func (s *Server) releasing(list []*parked) bool {
	return slices.ContainsFunc(list, func(p *parked) bool { return s.late[p] })
}

// Await returns when n requests of a wallet wait under Slow or Late.
func (s *Server) Await(w Wallet, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.waiting[w]) < n && !s.closed {
		s.arrived.Wait()
	}
}
