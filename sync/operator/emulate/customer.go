package emulate

import (
	"errors"
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
)

// What the emulator refuses. Match with errors.Is.
var (
	ErrUnknown = errors.New("emulator: no such thing")
	ErrFull    = errors.New("emulator: full")
	ErrInvalid = errors.New("emulator: invalid")
)

// Bounds of one wallet.
const (
	MaxCustomers = 10_000
	maxCodes     = 20_000
)

// Customer is somebody with a phone.
type Customer struct {
	Name     string        `json:"name"`
	Balance  payment.Money `json:"balance"`
	Prompted bool          `json:"prompted"` // the phone asks before each payment: see Server.Confirm
	Stopped  bool          `json:"stopped"`  // the operator has stopped the account
}

type customer struct{ Customer }

// shown is a code on somebody's screen.
type shown struct {
	name    string
	expires time.Time
	used    bool
}

// SetCustomer makes a customer of a wallet, or changes one.
func (s *Server) SetCustomer(w Wallet, c Customer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.ledger(w)
	switch {
	case err != nil:
		return err
	case c.Name == "" || len(c.Name) > 64:
		return fmt.Errorf("%w: a customer's name of %d bytes", ErrInvalid, len(c.Name))
	case !c.Balance.Currency.Known() || c.Balance.Minor < 0 || c.Balance.Minor > payment.MaxMinor:
		return fmt.Errorf("%w: a balance of %s", ErrInvalid, c.Balance)
	case l.customers[c.Name] == nil && len(l.customers) >= MaxCustomers:
		return fmt.Errorf("%w: %d customers", ErrFull, MaxCustomers)
	}
	l.customers[c.Name] = &customer{c}
	return nil
}

// Customer is what a wallet holds of one.
func (s *Server) Customer(w Wallet, name string) (Customer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.ledger(w)
	if err != nil {
		return Customer{}, err
	}
	if c := l.customers[name]; c != nil {
		return c.Customer, nil
	}
	return Customer{}, fmt.Errorf("%w: customer %q", ErrUnknown, name)
}

// Show has a customer's phone show a new code: of the wallet's form, for one payment, for as long as the wallet lets
// it live.
func (s *Server) Show(w Wallet, name string) (operator.Code, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.ledger(w)
	if err != nil {
		return "", err
	}
	if l.customers[name] == nil {
		return "", fmt.Errorf("%w: customer %q", ErrUnknown, name)
	}
	now := s.cfg.Now()
	if len(l.codes) >= maxCodes {
		for code, c := range l.codes {
			if now.After(c.expires) {
				delete(l.codes, code)
			}
		}
		if len(l.codes) >= maxCodes {
			return "", fmt.Errorf("%w: %d codes", ErrFull, maxCodes)
		}
	}
	code, err := s.code(&l.customs)
	if err != nil {
		return "", err
	}
	l.codes[code] = &shown{name: name, expires: now.Add(l.customs.lives)}
	return operator.Code(code), nil
}

// show is whose code it is, or why it can't pay. It can't pay again, whatever comes of it.
func (l *ledger) show(code string, now time.Time) (*customer, operator.Why) {
	c := l.codes[code]
	switch {
	case c == nil || l.customers[c.name] == nil:
		return nil, operator.CodeInvalid
	case c.used:
		return l.customers[c.name], operator.CodeUsed
	case !now.Before(c.expires):
		return l.customers[c.name], operator.CodeExpired
	}
	c.used = true
	return l.customers[c.name], operator.NoReason
}

// Confirm is the customer's answer to the phone's question about a charge.
func (s *Server) Confirm(w Wallet, ref operator.Ref, yes bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.ledger(w)
	if err != nil {
		return err
	}
	e := l.charges[ref]
	if e == nil || e.Outcome != operator.Confirming {
		return fmt.Errorf("%w: a charge %q that waits for its customer", ErrUnknown, ref)
	}
	if now := s.cfg.Now(); yes {
		l.charge(e, now)
	} else {
		l.end(e, operator.Declined, operator.CustomerSaidNo, now)
	}
	return nil
}

// Book is what really became of a reference; false: the operator never took it.
func (s *Server) Book(w Wallet, ref operator.Ref) (Charge, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.ledger(w)
	if err != nil || l.charges[ref] == nil {
		return Charge{}, false
	}
	c := l.charges[ref].Charge
	c.History = append([]Event(nil), c.History...)
	return c, true
}

// Charges are the newest charges of a wallet, newest first.
func (s *Server) Charges(w Wallet, most int) []Charge {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := s.ledger(w)
	if err != nil {
		return nil
	}
	var list []Charge
	for i := len(l.order) - 1; i >= 0 && len(list) < most; i-- {
		c := l.charges[l.order[i]].Charge
		c.History = append([]Event(nil), c.History...)
		list = append(list, c)
	}
	return list
}
