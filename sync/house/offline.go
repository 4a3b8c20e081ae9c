package house

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/sync/house/rule"
)

// Presentation is a payment that a lane approved offline, as HQ brings it.
type Presentation struct {
	Payment payment.ID // HQ's: the same again is the same payment
	Code    string     // as it was scanned
	Amount  payment.Money
	Store   string
	Lane    string
}

// Covered is how a presented payment was paid. The shop is paid in any case: HQ brings what its own rules upheld.
type Covered struct {
	Drawn rule.Drawn
	Again bool // it was presented before: nothing changed
}

// Present takes a payment that a lane made by an issuer's approval for completed (see complete), and one that was approved offline out of what was set aside for it. One that nothing covers is a
// loss, and one that shows the code was taken twice or its certificate overdrawn stops the account.
func (i *Issuer) Present(ctx context.Context, p Presentation) (out Covered, err error) {
	if p.Payment.IsZero() || p.Amount.Validate() != nil || p.Amount.Currency != i.c.Limits.Currency || len(p.Store) > 64 || len(p.Lane) > 64 {
		return Covered{}, rule.BadAmount
	}
	asked := fingerprint(p.Code, strconv.FormatInt(p.Amount.Minor, 10), p.Store, p.Lane)
	err = i.do(ctx, func(t *tx) error {
		if isApproval(p.Code) {
			out, err = t.complete(p)
			return err
		}
		var was []byte
		found, err := t.get("SELECT print, earmark, free, lost FROM offline WHERE payment = ?", []any{p.Payment[:]},
			&was, &out.Drawn.Earmark, &out.Drawn.Free, &out.Drawn.Lost)
		switch {
		case err != nil:
			return err
		case found && string(was) != string(asked):
			return rule.RefUsed
		case found:
			out.Again = true
			return nil
		}
		out.Drawn, err = t.present(p, asked)
		return err
	})
	if err != nil {
		return Covered{}, err
	}
	return out, nil
}

func (t *tx) present(p Presentation, asked []byte) (rule.Drawn, error) {
	v, acc, err := t.payer(p.Code)
	if err != nil {
		return rule.Drawn{}, err
	}
	var cert int64
	found, err := t.get("SELECT no FROM certificate WHERE account = ? AND id = ?", []any{acc.no, v.CertID[:]}, &cert)
	if err != nil || !found {
		return rule.Drawn{}, orRefuse(err, rule.BadCode)
	}
	if err := t.supersede(p, v); err != nil {
		return rule.Drawn{}, err
	}
	purse, err := t.purse(acc) // which releases what is due
	if err != nil {
		return rule.Drawn{}, err
	}
	left, err := t.number("SELECT CASE released WHEN 0 THEN left ELSE 0 END FROM certificate WHERE no = ?", cert)
	if err != nil {
		return rule.Drawn{}, err
	}
	d := rule.Draw(left, purse.Free(), p.Amount.Minor)
	if err := t.draw(acc, cert, p, v, d, asked); err != nil {
		return rule.Drawn{}, err
	}
	return d, t.suspect(acc, cert, v, p, d)
}

func (t *tx) draw(acc *account, cert int64, p Presentation, v *signed.Verified, d rule.Drawn, asked []byte) error {
	if d.Earmark > 0 {
		if err := t.exec(1, "UPDATE certificate SET left = left - ? WHERE no = ?", d.Earmark, cert); err != nil {
			return err
		}
	}
	if d.Earmark+d.Free > 0 {
		if err := t.move(acc, "offline", p.Payment.String(), -(d.Earmark + d.Free)); err != nil {
			return err
		}
	}
	return t.exec(1, `INSERT INTO offline (payment, print, account, certificate, amount, earmark, free, lost, store, lane, sold_at, at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, p.Payment[:], asked, acc.no, cert, p.Amount.Minor, d.Earmark, d.Free, d.Lost,
		p.Store, p.Lane, v.Time.UnixMilli(), t.ms())
}

// supersede frees a code's counter for the payment that a lane approved offline when it had no answer about its charge. A
// charge that was taken back has paid nothing. One that stands is the same payment's when its reference says so (HQ makes
// it of the payment's identifier): then the lane gave it up, HQ's cancel is on its way, and it is taken back here, so
// that the customer pays once whichever comes first. Any other charge stands, and the code was taken twice.
func (t *tx) supersede(p Presentation, v *signed.Verified) error {
	var ref string
	found, err := t.get("SELECT ref FROM spent WHERE phone = ? AND counter = ?", []any{v.PhoneKey[:], v.Counter}, &ref)
	if err != nil || !found {
		return err
	}
	was, err := t.result(ref)
	if errors.Is(err, rule.NotFound) { // another offline payment's
		return nil
	}
	if err != nil {
		return err
	}
	if was.State == Paid && was.Given.Minor == 0 && strings.HasPrefix(ref, p.Payment.String()) {
		if err := t.reverse(ref); err != nil {
			return err
		}
		was.State = Reversed
	}
	if was.State != Reversed {
		return nil
	}
	return t.exec(1, "DELETE FROM spent WHERE phone = ? AND counter = ?", v.PhoneKey[:], v.Counter)
}

// suspect looks at what a presented payment shows: a counter that paid before, more than the certificate's cap, or
// many lanes at once by the codes' own times, however late they come in.
func (t *tx) suspect(acc *account, cert int64, v *signed.Verified, p Presentation, d rule.Drawn) error {
	fresh, err := t.changed("INSERT INTO spent (phone, counter, ref) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", v.PhoneKey[:], v.Counter, p.Payment.String())
	if err != nil {
		return err
	}
	over, err := t.number("SELECT (SELECT sum(amount) FROM offline WHERE certificate = ?1) > (SELECT cap FROM certificate WHERE no = ?1)", cert)
	if err != nil {
		return err
	}
	if !fresh || over == 1 || d.Lost > 0 {
		if err := t.stop(acc, rule.DoubleSpent, "", "a code taken twice, or a certificate overdrawn"); err != nil {
			return err
		}
	}
	return t.lane(acc, p.Store, p.Lane, v.Time)
}

// Settled takes HQ's word that everything which any lane sold before a moment was presented. Earmarks of certificates
// that had expired by then end. The word never goes back, and none is taken about the future.
func (i *Issuer) Settled(ctx context.Context, until time.Time) error {
	return i.do(ctx, func(t *tx) error {
		if until.After(t.now) {
			return rule.BadAmount
		}
		return t.exec(-1, "INSERT INTO settled (one, until) VALUES (1, ?) ON CONFLICT DO UPDATE SET until = max(until, excluded.until)", until.UnixMilli())
	})
}

// Word is what lanes must know of accounts and phones before their certificates expire by themselves.
type Word struct {
	Spending bool // all spending is stopped: HQ revokes the issuer's key
	Accounts []signed.Account
	Phones   [][]byte // key identifiers of phones that were replaced
}

// Word lists accounts and phones that must not pay any more and still have a certificate that a lane would take. HQ
// puts them into its signed policy; lists stay short because certificates do.
func (i *Issuer) Word(ctx context.Context) (w Word, err error) {
	err = i.do(ctx, func(t *tx) error {
		s, err := t.standing()
		if err != nil {
			return err
		}
		w.Spending = s.Spending
		accounts, err := t.blobs(`SELECT DISTINCT a.pseudonym FROM certificate c JOIN account a ON a.no = c.account JOIN stop s ON s.account = a.no
			WHERE c.expires_at > ? AND s.lifted_at IS NULL AND s.reason <> ? ORDER BY 1`, t.ms(), rule.Strangers)
		if err != nil {
			return err
		}
		for _, a := range accounts {
			w.Accounts = append(w.Accounts, signed.Account(a))
		}
		w.Phones, err = t.blobs(`SELECT DISTINCT p.kid FROM certificate c JOIN phone p ON p.no = c.phone
			WHERE c.expires_at > ? AND p.ended_at IS NOT NULL ORDER BY 1`, t.ms())
		return err
	})
	return w, err
}

func (t *tx) blobs(query string, args ...any) (all [][]byte, err error) {
	rows, err := t.QueryContext(t.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, rows.Err()
}

// Forget drops what is over: counts, challenges, tickets, states and sessions. Whoever runs the issuer calls it now and
// then; nothing is allowed by what it has not dropped yet. Counts outlive the longest way of an offline payment.
func (i *Issuer) Forget(ctx context.Context) error {
	return i.do(ctx, func(t *tx) error {
		for query, before := range map[string]time.Time{
			"DELETE FROM tally WHERE at < ?":          t.now.Add(-day - t.l.SyncDelay),
			"DELETE FROM challenge WHERE ends_at < ?": t.now,
			"DELETE FROM ticket WHERE ends_at < ?":    t.now,
			"DELETE FROM outside WHERE ends_at < ?":   t.now,
			"DELETE FROM session WHERE made_at < ?":   t.now.Add(-t.l.SessionLife),
		} {
			if err := t.exec(-1, query, before.UnixMilli()); err != nil {
				return err
			}
		}
		return t.unclaimed(nil)
	})
}
