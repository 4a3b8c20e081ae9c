package house

import (
	"context"
	"net/netip"

	"tilld/sync/house/rule"
)

// Begun is an outside log-in that was begun. The phone opens Address; the provider sends it back with a code and State.
type Begun struct {
	Address string
	State   Secret
}

// BeginOutside begins an outside log-in at a provider.
func (i *Issuer) BeginOutside(ctx context.Context, from netip.Addr, provider string) (b Begun, err error) {
	p, ok := i.c.Outside[provider]
	if !ok {
		return Begun{}, rule.NotFound
	}
	err = i.do(ctx, func(t *tx) error {
		if err := t.ask(from, askedFrom, t.l.Watch.Asks); err != nil {
			return err
		}
		var s [3]Secret // state, nonce, verifier: each its own randomness
		for n := range s {
			if s[n], err = i.newSecret(); err != nil {
				return err
			}
		}
		b = Begun{Address: p.Begin(string(s[0]), string(s[1]), string(s[2])), State: s[0]}
		return t.exec(1, "INSERT INTO outside (hash, provider, nonce, verifier, ends_at) VALUES (?, ?, ?, ?, ?)",
			hash("outside", s[0]), provider, string(s[1]), string(s[2]), t.now.Add(t.l.Ticket).UnixMilli())
	})
	if err != nil {
		return Begun{}, err
	}
	return b, nil
}

// FinishOutside is what came back from a provider, with the phone's signature over the state. There is no log-in name,
// address or any identifier in it: who it is, only the provider's signed word says.
type FinishOutside struct {
	State Secret
	Code  Secret
	Proof Proof // ForOutside or ForLink
}

// identity uses the state up and asks the provider who it is.
func (i *Issuer) identity(ctx context.Context, from netip.Addr, f FinishOutside) (issuer, who string, err error) {
	var provider, nonce, verifier string
	err = i.do(ctx, func(t *tx) error {
		if err := t.room(from); err != nil {
			return err
		}
		var ends int64
		found, err := t.get("DELETE FROM outside WHERE hash = ? RETURNING provider, nonce, verifier, ends_at",
			[]any{hash("outside", f.State)}, &provider, &nonce, &verifier, &ends)
		if err != nil {
			return err
		}
		if !found || t.ms() >= ends {
			return orRefuse(t.count(failedAt, address(from), ""), rule.Over)
		}
		return nil
	})
	if err != nil {
		return "", "", err
	}
	p, ok := i.c.Outside[provider]
	if !ok { // no longer configured
		return "", "", rule.Over
	}
	issuer, who, err = p.Finish(ctx, string(f.Code), nonce, verifier)
	if err != nil || issuer == "" || who == "" {
		i.warn(err, "an outside log-in was not proven", "provider", provider)
		err = i.do(ctx, func(t *tx) error { return orRefuse(t.count(failedAt, address(from), ""), rule.NotProven) })
		return "", "", err
	}
	return issuer, who, nil
}

// SignInOutside opens a session for an outside log-in in place of the password. The account is the one to which issuer
// and subject are bound, and its phone must have signed.
func (i *Issuer) SignInOutside(ctx context.Context, from netip.Addr, f FinishOutside) (s Session, err error) {
	issuer, who, err := i.identity(ctx, from, f)
	if err != nil {
		return Session{}, err
	}
	err = i.do(ctx, func(t *tx) error {
		fresh, err := t.fresh(f.Proof)
		if err != nil {
			return err
		}
		acc, err := t.account("a.no = (SELECT account FROM link WHERE issuer = ? AND subject = ?)", issuer, who)
		if err != nil {
			return err
		}
		key := nobody
		if acc != nil {
			key = acc.key
		}
		if !f.Proof.by(key, ForOutside, string(f.State)) || !fresh || acc == nil || acc.phone == 0 {
			return t.outsider(acc, from)
		}
		if r := rule.Allow(rule.ToSignIn, rule.Outside|rule.Phone); r != rule.None {
			return r
		}
		if err := t.may(acc, rule.SignIn); err != nil {
			return err
		}
		s, err = t.session(acc)
		return err
	})
	return s, err
}

// outsider counts an outside log-in without the account's phone.
func (t *tx) outsider(acc *account, from netip.Addr) error {
	if acc == nil {
		return orRefuse(t.count(failedAt, address(from), ""), rule.NotProven)
	}
	return t.stranger(acc, acc.login, from)
}

// LinkOutside binds an outside log-in to the account that is signed in, for both factors.
func (i *Issuer) LinkOutside(ctx context.Context, from netip.Addr, session, password Secret, f FinishOutside) error {
	var was *account
	err := i.do(ctx, func(t *tx) (err error) {
		was, err = t.signedBy(session, from, f.Proof, ForLink, string(f.State))
		return err
	})
	if err != nil {
		return err
	}
	issuer, who, err := i.identity(ctx, from, f)
	if err != nil {
		return err
	}
	err = i.knowing(ctx, from, was, password, func(t *tx, acc *account) error {
		if err := t.mayChange(acc, rule.ToLink, rule.Password|rule.Phone); err != nil {
			return err
		}
		var owner int64
		found, err := t.get("SELECT account FROM link WHERE issuer = ? AND subject = ?", []any{issuer, who}, &owner)
		switch {
		case err != nil:
			return err
		case found && owner == acc.no:
			return nil
		case found:
			return rule.BadIdentity
		}
		if err := t.tell(acc, OutsideLinked); err != nil {
			return err
		}
		return t.exec(1, "INSERT INTO link (issuer, subject, account, made_at) VALUES (?, ?, ?, ?)", issuer, who, acc.no, t.ms())
	})
	i.Deliver(ctx)
	return err
}
