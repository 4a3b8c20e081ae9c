package house

import (
	"context"
	"net/netip"
	"time"

	"tilld/sync/house/rule"
)

// SignIn is what a phone sends to sign in.
type SignIn struct {
	Login    string
	Password Secret
	Proof    Proof // ForSignIn, by the account's active phone
}

// Session is what a phone signs in to. Money does not move by it alone: each request that moves some is signed as well.
type Session struct {
	Token Secret
	Ends  time.Time // at the latest
}

// SignIn opens a session for both factors. Whatever is wrong, the answer is rule.NotProven, and the password is looked
// at only when the phone was right.
func (i *Issuer) SignIn(ctx context.Context, from netip.Addr, in SignIn) (s Session, err error) {
	acc, err := i.byPhone(ctx, from, in.Login, in.Proof, ForSignIn, in.Login)
	if err != nil {
		return Session{}, err
	}
	err = i.knowing(ctx, from, acc, in.Password, func(t *tx, acc *account) error {
		if r := rule.Allow(rule.ToSignIn, rule.Password|rule.Phone); r != rule.None {
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

// byPhone finds an account whose active phone made the proof. A try without it is a stranger's: it is counted against
// the account and the address, and no password is computed for it. One with it is never refused for what strangers
// did, be it from the same address.
func (i *Issuer) byPhone(ctx context.Context, from netip.Addr, login string, p Proof, purpose Purpose, details ...string) (acc *account, err error) {
	err = i.do(ctx, func(t *tx) error {
		fresh, err := t.fresh(p)
		if err != nil {
			return err
		}
		if acc, err = t.byLogin(login); err != nil {
			return err
		}
		key := nobody
		if acc != nil {
			key = acc.key
		}
		if proven := p.by(key, purpose, details...); !proven || !fresh || acc == nil || acc.phone == 0 {
			return t.stranger(acc, login, from)
		}
		return nil
	})
	return acc, err
}

// knowing checks the password of an account whose possession factor was proven, between two transactions, and then runs
// f in the second if the account is still what it was.
func (i *Issuer) knowing(ctx context.Context, from netip.Addr, was *account, password Secret, f func(*tx, *account) error) error {
	ok, err := i.matches(ctx, was.password, password)
	if err != nil {
		return err
	}
	return i.do(ctx, func(t *tx) error {
		acc, err := t.account("a.no = ?", was.no)
		if err != nil {
			return err
		}
		// Guesses that were computed side by side are counted here one after the other: the one that happens to be
		// right after the last that was allowed opens nothing, since the account is stopped by then.
		if !ok || acc.password != was.password || acc.phone != was.phone {
			return t.guess(acc, from)
		}
		return f(t, acc)
	})
}

func (t *tx) session(acc *account) (Session, error) {
	token, err := t.i.newSecret()
	if err != nil {
		return Session{}, err
	}
	err = t.exec(1, "INSERT INTO session (hash, account, phone, made_at, used_at) VALUES (?, ?, ?, ?, ?)",
		hash("session", token), acc.no, acc.phone, t.ms(), t.ms())
	return Session{Token: token, Ends: t.now.Add(t.l.SessionLife)}, err
}

// signedIn finds the account of a session and moves its idle time.
func (t *tx) signedIn(token Secret) (*account, error) {
	var no, phone, made, used int64
	found, err := t.get("SELECT account, phone, made_at, used_at FROM session WHERE hash = ?", []any{hash("session", token)}, &no, &phone, &made, &used)
	if err != nil {
		return nil, err
	}
	if !found || t.l.Session(fromMS(made), fromMS(used), t.now) != rule.None {
		return nil, rule.NotSignedIn
	}
	acc, err := t.account("a.no = ?", no)
	if err != nil {
		return nil, err
	}
	if acc.phone != phone {
		return nil, rule.NotSignedIn
	}
	return acc, t.exec(1, "UPDATE session SET used_at = ? WHERE hash = ?", t.ms(), hash("session", token))
}

// signedBy finds the account of a session whose phone signed just this request, besides.
func (t *tx) signedBy(token Secret, from netip.Addr, p Proof, purpose Purpose, details ...string) (*account, error) {
	acc, err := t.signedIn(token)
	if err != nil {
		return nil, err
	}
	fresh, err := t.fresh(p)
	if err != nil {
		return nil, err
	}
	if !fresh || !p.by(acc.key, purpose, details...) {
		return nil, t.stranger(acc, acc.login, from)
	}
	return acc, nil
}

// SignOut ends a session; one that is over already is no error.
func (i *Issuer) SignOut(ctx context.Context, token Secret) error {
	return i.do(ctx, func(t *tx) error { return t.exec(-1, "DELETE FROM session WHERE hash = ?", hash("session", token)) })
}

// Account shows a signed-in customer the account.
func (i *Issuer) Account(ctx context.Context, token Secret) (v AccountView, err error) {
	err = i.do(ctx, func(t *tx) error {
		acc, err := t.signedIn(token)
		if err != nil {
			return err
		}
		v, err = t.view(acc)
		return err
	})
	return v, err
}
