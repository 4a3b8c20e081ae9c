package ledger

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// newException is an exception to be opened: about an entry, or about an epoch from a sequence on.
type newException struct {
	kind     Kind
	terminal int64
	entry    int64
	epoch    int64 // with from, in the place of entry
	from     uint64
	payment  int64 // 0: no money waits
	hash     [wire.HashSize]byte
	name     wire.Name
	detail   string
}

// replaySize is the length of a phone's key identifier, as the table spent has it.
const replaySize = 8

// maxDetail bounds what an exception says about itself.
const maxDetail = 500

// ExceptionID is an exception's identifier. It follows from the entry and the kind alone, so that an HQ which
// was restored from a backup gives the same exception the same name, and a decision that is in a settled
// batch is not settled again.
func ExceptionID(kind Kind, name wire.Name, hash [wire.HashSize]byte) payment.ID {
	h := sha256.New()
	fmt.Fprintf(h, "tilld/exception/1\x00%s\x00%s\x00%x", kind, name, hash)
	return payment.ID(h.Sum(nil)[:16])
}

// open makes an exception, once.
func (t *tx) open(x *newException) (no int64, err error) {
	id := ExceptionID(x.kind, x.name, x.hash)
	if found, err := t.get("SELECT no FROM exception WHERE id = ?", []any{id[:]}, &no); err != nil || found {
		return no, err
	}
	detail := x.detail
	if len(detail) > maxDetail {
		detail = detail[:maxDetail]
	}
	no, err = t.insert(`INSERT INTO exception (id, kind, owner, terminal, entry, epoch, seq, payment, detail, opened_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, id[:], string(x.kind), x.kind.Owner(), x.terminal, orNull(x.entry), orNull(x.epoch),
		orNull(int64(x.from)), orNull(x.payment), detail, t.now)
	if err != nil {
		return 0, fmt.Errorf("opening an exception %s: %w", x.kind, err)
	}
	return no, nil
}

// Decision is what an exception comes to.
type Decision string

// The decisions. The first two are for exceptions in which money waits.
const (
	Receivable Decision = "receivable" // the wallet pays: posted as if nothing had been wrong
	LossTaken  Decision = "loss"       // nobody pays: written off to the loss account of the kind
	Noted      Decision = "noted"      // seen; there is no money in it
	// DecidedVoid is not a person's: the lane took the payment back while it waited.
	DecidedVoid Decision = "voided"
)

// Resolve decides exceptions, all or none, for good. Who decides and why are kept. The same decision again
// changes nothing. One that does not fit an exception is payment.Invalid, another than was made before is
// payment.Conflict, an unknown exception payment.NotFound. To charge for a code that has paid elsewhere is a
// payment.Conflict too, unless the exception itself says so (SpentTwice). So is to post an online payment whose charge
// is posted for another entry, was taken back, or never came to be; and when the last payment of a charge is a loss,
// the operator is asked to take it back: nobody pays.
func (s *Store) Resolve(ctx context.Context, ids []payment.ID, to Decision, who, why string) error {
	const op = "ledger.Resolve"
	if who == "" || why == "" || len(who) > 64 || len(why) > maxDetail {
		return payment.Errorf(payment.Invalid, op, "who decides (up to 64 bytes) and why (up to %d) must be said", maxDetail)
	}
	if to != Receivable && to != LossTaken && to != Noted {
		return payment.Errorf(payment.Invalid, op, "no such decision: %q", string(to))
	}
	return s.write(ctx, func(t *tx) error {
		for _, id := range ids {
			if err := t.resolve(op, id, to, who, why); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) resolve(op string, id payment.ID, to Decision, who, why string) error {
	var no int64
	var kind Kind
	var before Decision
	var p paymentRow
	found, err := t.get(`SELECT x.no, x.kind, coalesce(x.outcome, ''), coalesce(p.no, 0), coalesce(p.entry, 0), coalesce(p.dimension, 0),
		coalesce(p.amount, 0), coalesce(p.state, '') FROM exception x LEFT JOIN payment p ON p.no = x.payment WHERE x.id = ?`,
		[]any{id[:]}, &no, &kind, &before, &p.no, &p.entry, &p.dimension, &p.amount, &p.state)
	switch {
	case err != nil:
		return err
	case !found:
		return payment.Errorf(payment.NotFound, op, "no exception %s", id)
	case before == to:
		return nil
	case before != "":
		return payment.Errorf(payment.Conflict, op, "exception %s is decided already: %s", id, before)
	case (p.no == 0) != (to == Noted):
		return payment.Errorf(payment.Invalid, op, "exception %s (%s) can't be decided as %q", id, kind, string(to))
	}
	if to == Noted {
		if err := t.decided(no, to, 0, who, why); err != nil {
			return err
		}
		switch kind {
		case HQLost:
			return t.giveUp(no)
		case TerminalTwice:
			return t.lookAgain(no)
		}
		return nil
	}
	if p.state != Suspended {
		return payment.Errorf(payment.Conflict, op, "the payment of exception %s is %s", id, p.state)
	}
	if to == Receivable && kind != SpentTwice {
		if err := t.claimCode(op, id, &p); err != nil {
			return err
		}
	}
	if to == Receivable {
		if err := t.claimCharge(op, id, &p); err != nil {
			return err
		}
	}
	if to == LossTaken {
		if before, err := t.refundedAlone(&p); err != nil || before != "" {
			return orElse(err, payment.Errorf(payment.Conflict, op, "exception %s can't be a loss: %s", id, before))
		}
	}
	if err := t.release(no, kind, &p, to, who, why); err != nil || to == Receivable {
		return err
	}
	return t.uncharge(&p)
}

// claimCode makes a payment that is to be charged after all the one that its code paid for. An exception names the
// first thing that is wrong; that the code has paid elsewhere may stand behind it, and whoever decides on a cap or a
// fork decides nothing about that: a customer is charged once for one code. Only SpentTwice is decided knowing it.
func (t *tx) claimCode(op string, exception payment.ID, p *paymentRow) error {
	var payload []byte
	if _, err := t.get("SELECT payload FROM entry WHERE no = ?", []any{p.entry}, &payload); err != nil {
		return err
	}
	e, err := wire.DecodeEntry(payload)
	if err != nil {
		return err
	}
	f, ok := e.Fact.(*payment.Approved)
	if !ok || len(f.Replay.Phone) != replaySize || f.Replay.Counter > math.MaxInt64 {
		return nil
	}
	code := []any{f.Replay.Phone, int64(f.Replay.Counter)}
	var other int64
	var id []byte
	var state State
	found, err := t.get("SELECT p.no, p.id, p.state FROM spent s JOIN payment p ON p.no = s.payment WHERE s.phone = ? AND s.counter = ?",
		code, &other, &id, &state)
	switch {
	case err != nil || other == p.no:
		return err
	case found && state == Posted:
		return payment.Errorf(payment.Conflict, op, "exception %s: the code of this payment has paid for %s, which is charged: it can't be charged again",
			exception, payment.ID(id))
	}
	_, err = t.exec("INSERT INTO spent (phone, counter, payment) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET payment = excluded.payment", append(code, p.no)...)
	return err
}

// release takes a payment out of suspense.
func (t *tx) release(no int64, kind Kind, p *paymentRow, to Decision, who, why string) error {
	var loss Account
	state, err := Posted, error(nil)
	if to == Receivable {
		err = t.receive(no, p)
	} else {
		loss, state = kind.Loss(), Lost
		err = t.unhold(no, p, [2]Account{loss, SuspenseClaims}, [2]Account{SuspenseHeld, payee(loss)})
	}
	if err != nil {
		return err
	}
	if err := t.setState(p, state, 0); err != nil {
		return err
	}
	return t.decided(no, to, loss, who, why)
}

// receive posts what is held of a payment as if nothing had been wrong.
func (t *tx) receive(exception int64, p *paymentRow) error {
	return t.unhold(exception, p, [2]Account{SuspenseHeld, SuspenseClaims}, [2]Account{WalletReceivable, StorePayable})
}

// unhold posts a decision: pairs of debit and credit.
func (t *tx) unhold(exception int64, p *paymentRow, pairs ...[2]Account) error {
	for _, pair := range pairs {
		err := t.post(move{debit: pair[0], credit: pair[1], amount: p.amount, dimension: p.dimension, cause: causeDecided, payment: p.no,
			entry: p.entry, exception: exception})
		if err != nil {
			return err
		}
	}
	return nil
}

// payee is where the store's side of a loss goes: outside the policy the store bears it, else it is paid.
func payee(loss Account) Account {
	if loss == LossStore {
		return LossStoreBorne
	}
	return StorePayable
}

func (t *tx) decided(no int64, to Decision, loss Account, who, why string) error {
	n, err := t.exec(`UPDATE exception SET state = 'resolved', outcome = ?, account = ?, resolved_at = ?, resolved_by = ?, why = ?
		WHERE no = ? AND state = 'open'`, string(to), orNull(int64(loss)), t.now, who, why, no)
	if err == nil && n != 1 {
		err = fmt.Errorf("exception row %d is not open any more", no)
	}
	return err
}
