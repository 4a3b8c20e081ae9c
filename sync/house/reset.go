package house

import (
	"context"
	"net/netip"
	"time"

	"tilld/sync/house/rule"
)

// AskReset sends a ticket by which another password can be set, to the contact on record: there is no address in the
// request. The answer is the same whether the account exists or not.
func (i *Issuer) AskReset(ctx context.Context, from netip.Addr, login string) error {
	var m Message
	err := i.do(ctx, func(t *tx) error {
		if err := t.ask(from, askedFrom, t.l.Watch.Asks); err != nil {
			return err
		}
		acc, err := t.byLogin(login)
		if err != nil || acc == nil || !acc.confirmed {
			return err
		}
		often, err := t.often(askedTicket, subject(acc.no), t.l.Watch.AsksOfAccount)
		if err != nil || often {
			return err
		}
		if err := t.count(askedTicket, subject(acc.no), address(from)); err != nil {
			return err
		}
		m = Message{Kind: ResetTicket, To: acc.contact, Phone: acc.key.KID(), At: t.now}
		m.Ticket, err = t.ticket(acc, "reset", t.now.Add(t.l.Ticket))
		return err
	})
	if err == nil && m.Ticket != "" {
		_ = i.send(ctx, m)
	}
	return err
}

// Reset sets another password. It is one factor in place of one factor: the phone stays what it was and is still asked
// for, all sessions end, and the cooling-off begins. A ticket is used up by a password that is refused, too.
func (i *Issuer) Reset(ctx context.Context, from netip.Addr, ticket, password Secret) error {
	var was *account
	err := i.do(ctx, func(t *tx) (err error) {
		if err := t.room(from); err != nil {
			return err
		}
		if was, err = t.take("reset", ticket, address(from)); err != nil {
			return err
		}
		return t.mayChange(was, rule.ToReset, rule.Mail)
	})
	if err != nil {
		return err
	}
	hashed, err := i.newPassword(ctx, password, was.login, was.password)
	if err != nil {
		return err
	}
	err = i.do(ctx, func(t *tx) error {
		acc, err := t.account("a.no = ?", was.no)
		if err != nil {
			return err
		}
		if acc.password != was.password {
			return rule.Over
		}
		if err := t.exec(1, "UPDATE account SET password = ? WHERE no = ?", hashed, acc.no); err != nil {
			return err
		}
		if err := t.tell(acc, PasswordReset); err != nil {
			return err
		}
		if err := t.endSessions(acc); err != nil {
			return err
		}
		return t.cool(acc)
	})
	i.Deliver(ctx)
	return err
}

// send gives one message to the messenger. What fails is logged and not told to who asked: it would say whether there
// is such an account. Of a ticket that did not arrive another one is asked for. The error says whether anybody else is
// reached (ErrAddress).
func (i *Issuer) send(ctx context.Context, m Message) error {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := i.c.Messenger.Send(ctx, m)
	i.warn(err, "a customer could not be told", "kind", m.Kind)
	return err
}

func (i *Issuer) warn(err error, msg string, args ...any) {
	if err != nil {
		i.c.Log.Warn(msg, append(args, "error", err)...)
	}
}
