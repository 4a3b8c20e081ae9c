package house

import (
	"context"
	"encoding/base32"
	"fmt"
	"net/netip"

	"tilld/sync/house/rule"
)

// Challenge is a fresh challenge, which a phone signs over within rule.Limits.Challenge. Anybody may ask for one, so
// they are counted per address.
func (i *Issuer) Challenge(ctx context.Context, from netip.Addr) (s Secret, err error) {
	err = i.do(ctx, func(t *tx) error {
		if err := t.ask(from, challenged, t.l.Watch.Challenges); err != nil {
			return err
		}
		if s, err = i.newSecret(); err != nil {
			return err
		}
		return t.exec(1, "INSERT INTO challenge (hash, ends_at) VALUES (?, ?)", hash("challenge", s), t.now.Add(t.l.Challenge).UnixMilli())
	})
	return s, err
}

// fresh uses a proof's challenge up. What comes after may fail: the challenge is used all the same.
func (t *tx) fresh(p Proof) (bool, error) {
	var ends int64
	found, err := t.get("DELETE FROM challenge WHERE hash = ? RETURNING ends_at", []any{hash("challenge", p.Challenge)}, &ends)
	return found && t.ms() < ends, err
}

// Enrolment is what a new customer sends.
type Enrolment struct {
	Login, Contact string
	Password       Secret
	Key            []byte // the phone's: a compressed point of P-256
	Proof          Proof  // ForEnrol, by that key
}

// Enrolled is what the new customer gets, once.
type Enrolled struct {
	Login    string   // in its one spelling
	Recovery []Secret // to be written down on paper; each works once
}

// Enrol opens an account with its two factors, a password and a phone. It can hold no money until its contact is
// confirmed by the ticket that is sent there.
func (i *Issuer) Enrol(ctx context.Context, from netip.Addr, e Enrolment) (*Enrolled, error) {
	login, r := rule.Login(e.Login)
	if r != rule.None {
		return nil, r
	}
	contact, r := rule.Contact(e.Contact)
	if r != rule.None {
		return nil, r
	}
	err := i.do(ctx, func(t *tx) error { return t.canEnrol(from, login, e) })
	if err != nil {
		return nil, err
	}
	password, err := i.newPassword(ctx, e.Password, login, "")
	if err != nil {
		return nil, err
	}
	out := &Enrolled{Login: login}
	var ticket Secret
	err = i.do(ctx, func(t *tx) error {
		ticket, err = t.enrol(login, contact, password, e.Key, out)
		return err
	})
	if err != nil {
		return nil, err
	}
	_ = i.send(ctx, Message{Kind: ConfirmTicket, To: contact, Ticket: ticket, At: i.c.Now().UTC()})
	return out, nil
}

// canEnrol refuses what is cheap to refuse, before a password is computed.
func (t *tx) canEnrol(from netip.Addr, login string, e Enrolment) error {
	if err := t.ask(from, askedFrom, t.l.Watch.Asks); err != nil {
		return err
	}
	fresh, err := t.fresh(e.Proof)
	if err != nil {
		return err
	}
	key, ok := phoneKey(e.Key)
	if !ok {
		return rule.BadKey
	}
	if !fresh || !e.Proof.by(key, ForEnrol, e.Login, e.Contact) {
		return rule.NotProven
	}
	acc, err := t.byLogin(login)
	if err == nil && acc != nil {
		err = rule.LoginTaken
	}
	return err
}

func (t *tx) enrol(login, contact, password string, key []byte, out *Enrolled) (Secret, error) {
	if acc, err := t.byLogin(login); err != nil || acc != nil {
		return "", orRefuse(err, rule.LoginTaken)
	}
	if err := t.unbound(key); err != nil {
		return "", err
	}
	pseudonym, err := t.i.random(16)
	if err != nil {
		return "", err
	}
	if err := t.exec(1, `INSERT INTO account (pseudonym, login, password, contact, made_at, cooling_from, cooling_until)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, pseudonym, login, password, contact, t.ms(), t.ms(), t.ms()); err != nil {
		return "", err
	}
	acc, err := t.byLogin(login)
	if err != nil {
		return "", err
	}
	if err := t.bind(acc, key); err != nil {
		return "", err
	}
	if out.Recovery, err = t.newRecovery(acc); err != nil {
		return "", err
	}
	return t.ticket(acc, "confirm", t.now.Add(t.l.Ticket))
}

// newPassword checks and hashes a password. last is the hash of the one before it, "" when there is none.
func (i *Issuer) newPassword(ctx context.Context, password Secret, login, last string) (string, error) {
	if r := rule.CheckPassword(string(password), login); r != rule.None {
		return "", r
	}
	known, err := i.c.Known.Known(ctx, string(password))
	if err != nil {
		return "", fmt.Errorf("asking whether a password is known elsewhere: %w", err)
	}
	if known {
		return "", rule.KnownPassword
	}
	if last != "" {
		same, err := i.matches(ctx, last, password)
		if err != nil {
			return "", err
		}
		if same {
			return "", rule.KnownPassword
		}
	}
	salt, err := i.random(saltBytes)
	if err != nil {
		return "", err
	}
	var hashed string
	err = i.compute(ctx, func() error { hashed = i.c.Hashing.hashed(password, salt); return nil })
	return hashed, err
}

// recoveryCodes are made at a time, each of 80 bits.
const recoveryCodes = 8

// newRecovery makes recovery codes; earlier ones are over.
func (t *tx) newRecovery(acc *account) (codes []Secret, err error) {
	if err := t.exec(-1, "DELETE FROM recovery WHERE account = ?", acc.no); err != nil {
		return nil, err
	}
	for range recoveryCodes {
		b, err := t.i.random(10)
		if err != nil {
			return nil, err
		}
		code := Secret(base32.StdEncoding.EncodeToString(b))
		if err := t.exec(1, "INSERT INTO recovery (account, hash) VALUES (?, ?)", acc.no, hash("recovery", code)); err != nil {
			return nil, err
		}
		codes = append(codes, code)
	}
	return codes, nil
}

// Confirm proves the contact of a new account.
func (i *Issuer) Confirm(ctx context.Context, from netip.Addr, ticket Secret) error {
	return i.do(ctx, func(t *tx) error {
		if err := t.room(from); err != nil {
			return err
		}
		acc, err := t.take("confirm", ticket, address(from))
		if err != nil {
			return err
		}
		return t.exec(1, "UPDATE account SET confirmed_at = ? WHERE no = ?", t.ms(), acc.no)
	})
}
