package house

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/house/rule"
)

// Approval is what a signed-in phone sends to pay a sale that a lane shows.
type Approval struct {
	Session Secret
	Offer   string // as the phone read it from the lane's screen
	Proof   Proof  // ForApproval, over ApprovalDetails
}

// ApprovalDetails are what the phone signs besides, in this order: payment, minor units, currency, terminal, store, lane.
// It shows them to the customer first.
func ApprovalDetails(o *signed.OfferRead) []string {
	return []string{o.Payment.String(), strconv.FormatInt(o.Amount.Minor, 10), string(o.Amount.Currency), o.Till.Terminal.String(), o.Till.Store, o.Till.Lane}
}

// Approve takes the money for a sale that a lane offers, at once, and gives the approval that the lane takes. The same
// payment again gives the same approval to the same account, though the offer is over by then, and takes nothing; to any
// other it is rule.RefUsed. One that was given back is rule.TooLate.
func (i *Issuer) Approve(ctx context.Context, from netip.Addr, a Approval) (text string, err error) {
	o, err := signed.ParseOffer(a.Offer)
	if err != nil {
		return "", rule.BadOffer
	}
	err = i.do(ctx, func(t *tx) error {
		acc, err := t.signedBy(a.Session, from, a.Proof, ForApproval, ApprovalDetails(o)...)
		if err != nil {
			return err
		}
		asked := fingerprint(ApprovalDetails(o)...)
		var owner int64
		var was []byte
		var state ChargeState
		found, err := t.get("SELECT coalesce(c.account, 0), c.print, c.state, coalesce(p.text, '') FROM charge c LEFT JOIN approval p ON p.charge = c.no WHERE c.ref = ?",
			[]any{o.Payment.String()}, &owner, &was, &state, &text)
		switch {
		case err != nil:
			return err
		case found && state == Reversed:
			return rule.TooLate
		case found && (owner != acc.no || string(was) != string(asked) || text == ""):
			return rule.RefUsed
		case found:
			return nil
		}
		if err := t.mayApprove(acc, o); err != nil {
			return err
		}
		text, err = t.approve(acc, o, asked)
		return err
	})
	if err != nil {
		return "", err
	}
	return text, nil
}

// mayApprove asks all that an online payment is asked, and whose sale it is. Velocity is counted when the offer was good.
func (t *tx) mayApprove(acc *account, o *signed.OfferRead) error {
	if err := t.open(true, false); err != nil {
		return err
	}
	if !acc.confirmed {
		return rule.Unconfirmed
	}
	if err := t.offer(o); err != nil {
		return err
	}
	if err := t.lane(acc, o.Till.Store, o.Till.Lane, t.now); err != nil {
		return err
	}
	if err := t.may(acc, rule.Money); err != nil {
		return err
	}
	purse, err := t.purse(acc)
	if err != nil {
		return err
	}
	return purse.Spend(t.l, true, o.Amount.Minor).Err()
}

// offer says whether a sale is one of the chain's: by a till that HQ vouches for, and has not revoked since.
func (t *tx) offer(o *signed.OfferRead) error {
	b := t.i.bundle
	switch {
	case b == nil || b.Trust() == nil || o.Till.Chain != t.i.c.Chain:
		return rule.BadOffer
	case o.Verify(b.Trust().Keys(policy.UseAck, t.now)) != nil:
		return rule.BadOffer
	case b.Policy() != nil && b.Policy().Revoked.Terminal(o.Till.Terminal):
		return rule.BadOffer
	case o.Amount.Currency != t.l.Currency:
		return rule.BadAmount
	}
	return rule.OfferTime(o.Until, o.Till.Until, t.now).Err()
}

// approve moves the money and signs, in one transaction: an approval that nobody got is kept for who asks again.
func (t *tx) approve(acc *account, o *signed.OfferRead, asked []byte) (string, error) {
	text, err := signed.Approve(t.i.c.Signer, signed.Approval{Payment: o.Payment, Terminal: o.Till.Terminal, Amount: o.Amount, Account: acc.pseudonym, At: t.now})
	if err != nil {
		return "", err
	}
	ref := o.Payment.String()
	if err := t.exec(1, "INSERT INTO charge (ref, account, print, amount, store, lane, state, why, given, at) VALUES (?, ?, ?, ?, ?, ?, 'paid', 0, 0, ?)",
		ref, acc.no, asked, o.Amount.Minor, o.Till.Store, o.Till.Lane, t.ms()); err != nil {
		return "", err
	}
	if err := t.keepApproval(o.Payment, o.Till.Terminal, text, t.now); err != nil {
		return "", err
	}
	return text, t.move(acc, "charge", ref, -o.Amount.Minor)
}

func (t *tx) keepApproval(id, terminal payment.ID, text string, at time.Time) error {
	return t.exec(1, `INSERT INTO approval (payment, charge, terminal, text, at, late_free, late_lost)
		SELECT ?, no, ?, ?, ?, 0, 0 FROM charge WHERE ref = ?`, id[:], terminal[:], text, at.UnixMilli(), id.String())
}

// isApproval says whether what HQ presents is an approval and no code.
func isApproval(code string) bool { return strings.HasPrefix(code, signed.ApprovalPrefix) }

// complete takes HQ's word that a lane took an approval of ours: from now on it is never given back by itself. The money was
// set aside when it was given. What had been given back before is taken again, as far as there is any; the rest is a loss:
// the lane was silent for longer than Limits.SyncDelay.
func (t *tx) complete(p Presentation) (out Covered, err error) {
	a, err := signed.ParseApproval(p.Code)
	if err != nil || a.Payment != p.Payment || a.Amount != p.Amount {
		return Covered{}, rule.BadCode
	}
	// What we keep word for word we have signed, be it by a key of before: a lane may have been silent since.
	kept, err := t.number("SELECT count(*) FROM approval WHERE payment = ? AND text = ?", p.Payment[:], p.Code)
	if err != nil || kept == 0 && a.Verify(t.i.ownKey) != nil {
		return Covered{}, orRefuse(err, rule.BadCode)
	}
	acc, err := t.account("a.pseudonym = ?", a.Account[:])
	if err != nil || acc == nil {
		return Covered{}, orRefuse(err, rule.BadCode)
	}
	if err := t.remember(acc, a, p); err != nil {
		return Covered{}, err
	}
	var state ChargeState
	var done bool
	var free, lost int64
	found, err := t.get(`SELECT c.state, p.completed_at IS NOT NULL, p.late_free, p.late_lost FROM approval p JOIN charge c ON c.no = p.charge
		WHERE p.payment = ?`, []any{p.Payment[:]}, &state, &done, &free, &lost)
	switch {
	case err != nil:
		return Covered{}, err
	case !found: // HQ took the reference back before anybody paid under it
		return Covered{}, rule.RefUsed
	case done:
		return Covered{Drawn: rule.Drawn{Earmark: p.Amount.Minor - free - lost, Free: free, Lost: lost}, Again: true}, nil
	case state == Paid:
		return Covered{Drawn: rule.Drawn{Earmark: p.Amount.Minor}}, t.exec(1, "UPDATE approval SET completed_at = ? WHERE payment = ?", t.ms(), p.Payment[:])
	}
	purse, err := t.purse(acc)
	if err != nil {
		return Covered{}, err
	}
	d := rule.Draw(0, purse.Free(), p.Amount.Minor)
	if d.Free > 0 {
		if err := t.move(acc, "offline", p.Payment.String(), -d.Free); err != nil {
			return Covered{}, err
		}
	}
	return Covered{Drawn: d}, t.exec(1, "UPDATE approval SET completed_at = ?, late_free = ?, late_lost = ? WHERE payment = ?", t.ms(), d.Free, d.Lost, p.Payment[:])
}

// remember makes the record of an approval that our own signature proves and these books have lost: they were put back.
// Its money went back with them.
func (t *tx) remember(acc *account, a *signed.ApprovalRead, p Presentation) error {
	n, err := t.number("SELECT count(*) FROM charge WHERE ref = ?", p.Payment.String())
	if err != nil || n > 0 {
		return err
	}
	if err := t.exec(1, "INSERT INTO charge (ref, account, print, amount, store, lane, state, why, given, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'reversed', 0, ?4, ?7)",
		p.Payment.String(), acc.no, fingerprint(p.Code), a.Amount.Minor, p.Store, p.Lane, a.At.UnixMilli()); err != nil {
		return err
	}
	return t.keepApproval(a.Payment, a.Terminal, p.Code, a.At)
}

// unclaimed gives back what was approved and no lane took in time, of one account, or of all when acc is nil.
func (t *tx) unclaimed(acc *account) error {
	var no any
	if acc != nil {
		no = acc.no
	}
	type open struct {
		ref string
		at  time.Time
	}
	rows, err := t.QueryContext(t.ctx, `SELECT c.ref, p.at FROM approval p JOIN charge c ON c.no = p.charge
		WHERE p.completed_at IS NULL AND c.state = 'paid' AND c.given = 0 AND (?1 IS NULL OR c.account = ?1) AND p.at <= ?2 ORDER BY p.no LIMIT 1000`,
		no, t.now.Add(-rule.OfferSpan).UnixMilli())
	if err != nil {
		return err
	}
	defer rows.Close()
	var all []open
	for rows.Next() {
		var o open
		var at int64
		if err := rows.Scan(&o.ref, &at); err != nil {
			return err
		}
		o.at = fromMS(at)
		all = append(all, o)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	settled, err := t.number("SELECT coalesce((SELECT until FROM settled), 0)")
	for _, o := range all {
		if err == nil && t.l.Unclaimed(o.at, fromMS(settled), t.now) {
			err = t.reverse(o.ref)
		}
	}
	return err
}

// ApprovalState is where an approval stands.
type ApprovalState string

// The states. The issuer gives back by itself what is given; what is completed stays so.
//
//	given ──HQ: a lane took it──▶ completed
//	  └──nobody did in time, or HQ cancels it──▶ returned ──HQ: a lane took it all the same──▶ late
const (
	ApprovalGiven     ApprovalState = "given"
	ApprovalCompleted ApprovalState = "completed"
	ApprovalReturned  ApprovalState = "returned"
	ApprovalLate      ApprovalState = "late" // completed after it was given back: Free was taken again, Lost is a loss
)

// ApprovalRecord is an approval as HQ is told of it.
type ApprovalRecord struct {
	No       int64 // its place in the list
	Payment  payment.ID
	Terminal payment.ID
	Amount   payment.Money
	Store    string
	Lane     string
	State    ApprovalState
	Free     int64
	Lost     int64
	At       time.Time
}

// Approvals lists up to limit approvals behind a place, in the order in which they were given.
func (i *Issuer) Approvals(ctx context.Context, after int64, limit int) (all []ApprovalRecord, err error) {
	err = i.do(ctx, func(t *tx) error {
		if err := t.unclaimed(nil); err != nil {
			return err
		}
		rows, err := t.QueryContext(t.ctx, `SELECT p.no, p.payment, p.terminal, c.amount, c.store, c.lane, c.state, p.completed_at IS NOT NULL, p.late_free, p.late_lost, p.at
			FROM approval p JOIN charge c ON c.no = p.charge WHERE p.no > ? ORDER BY p.no LIMIT ?`, after, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var r ApprovalRecord
			var id, terminal []byte
			var amount, at int64
			var state ChargeState
			var done bool
			if err := rows.Scan(&r.No, &id, &terminal, &amount, &r.Store, &r.Lane, &state, &done, &r.Free, &r.Lost, &at); err != nil {
				return err
			}
			r.Payment, r.Terminal, r.Amount, r.At = payment.ID(id), payment.ID(terminal), t.money(amount), fromMS(at)
			switch {
			case r.Free+r.Lost > 0:
				r.State = ApprovalLate
			case state == Reversed:
				r.State = ApprovalReturned
			case done:
				r.State = ApprovalCompleted
			default:
				r.State = ApprovalGiven
			}
			all = append(all, r)
		}
		return rows.Err()
	})
	return all, err
}
