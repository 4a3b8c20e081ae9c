package house

import (
	"context"
	"net/netip"

	"tilld/sync/house/rule"
)

// NewContact is what a signed-in customer sends to get messages elsewhere.
type NewContact struct {
	Session  Secret
	Password Secret // again: a session alone is not both factors now
	Contact  string
	Proof    Proof // ForContact, by the phone
}

// ChangeContact begins a change of contact, for both factors. It counts after rule.Limits.ContactDelay, if the new
// address was proven by then; until then everything goes to the old one, with a ticket by which the change is forbidden.
func (i *Issuer) ChangeContact(ctx context.Context, from netip.Addr, n NewContact) error {
	contact, r := rule.Contact(n.Contact)
	if r != rule.None {
		return r
	}
	var was *account
	err := i.do(ctx, func(t *tx) (err error) {
		was, err = t.signedBy(n.Session, from, n.Proof, ForContact, n.Contact)
		return err
	})
	if err != nil {
		return err
	}
	prove, keep := Message{Kind: NewContactTicket, To: contact}, Message{Kind: KeepContactTicket}
	err = i.knowing(ctx, from, was, n.Password, func(t *tx, acc *account) (err error) {
		if err := t.mayChange(acc, rule.ToChangeContact, rule.Password|rule.Phone); err != nil {
			return err
		}
		due := t.now.Add(t.l.ContactDelay)
		if err := t.exec(1, `INSERT INTO contact_change (account, contact, due_at) VALUES (?, ?, ?)
			ON CONFLICT (account) DO UPDATE SET contact = excluded.contact, due_at = excluded.due_at, confirmed_at = NULL`,
			acc.no, contact, due.UnixMilli()); err != nil {
			return err
		}
		if err := t.tell(acc, ContactChanging); err != nil {
			return err
		}
		prove.At, keep.At, keep.To, keep.Phone = t.now, t.now, acc.contact, acc.key.KID()
		if prove.Ticket, err = t.ticket(acc, "new_contact", due); err != nil {
			return err
		}
		keep.Ticket, err = t.ticket(acc, "keep_contact", due)
		return err
	})
	if err != nil {
		return err
	}
	_ = i.send(ctx, keep)
	_ = i.send(ctx, prove)
	i.Deliver(ctx)
	return nil
}

// ProveContact proves the new address. It changes nothing before its time.
func (i *Issuer) ProveContact(ctx context.Context, from netip.Addr, ticket Secret) error {
	return i.do(ctx, func(t *tx) error {
		if err := t.room(from); err != nil {
			return err
		}
		acc, err := t.take("new_contact", ticket, address(from))
		if err != nil {
			return err
		}
		return t.exec(-1, "UPDATE contact_change SET confirmed_at = ? WHERE account = ?", t.ms(), acc.no)
	})
}

// KeepContact forbids the change that waits, by the ticket that went to the old contact. Who did not ask for the change
// has somebody else in the account, so its sessions end and it cools off.
func (i *Issuer) KeepContact(ctx context.Context, from netip.Addr, ticket Secret) error {
	return i.do(ctx, func(t *tx) error {
		if err := t.room(from); err != nil {
			return err
		}
		acc, err := t.take("keep_contact", ticket, address(from))
		if err != nil {
			return err
		}
		if err := t.exec(-1, "DELETE FROM contact_change WHERE account = ?", acc.no); err != nil {
			return err
		}
		if err := t.endSessions(acc); err != nil {
			return err
		}
		return t.cool(acc)
	})
}

// contactDue makes a change of contact count whose time has come, wherever the account is looked at next.
func (t *tx) contactDue(acc *account) error {
	var contact string
	found, err := t.get("DELETE FROM contact_change WHERE account = ? AND due_at <= ? AND confirmed_at IS NOT NULL RETURNING contact",
		[]any{acc.no, t.ms()}, &contact)
	if err != nil || !found {
		return err
	}
	if err := t.tell(acc, ContactChanged); err != nil { // the old one hears of it
		return err
	}
	acc.contact = contact
	if err := t.exec(1, "UPDATE account SET contact = ? WHERE no = ?", contact, acc.no); err != nil {
		return err
	}
	return t.cool(acc)
}
