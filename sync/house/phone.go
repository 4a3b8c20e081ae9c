package house

import (
	"context"
	"net/netip"

	"tilld/sync/house/rule"
)

// Binding is what a customer sends to use another phone. Old or Recovery is set: the old phone at hand, or one of the
// recovery codes.
type Binding struct {
	Login    string
	Password Secret
	Key      []byte // the new phone's: a compressed point of P-256
	New      Proof  // ForBindNew, by that key
	Old      *Proof // ForBindOld, by the active phone
	Recovery Secret
}

// BindPhone makes another phone the account's one phone, for both factors. The old one stops working at once and is
// told; the cooling-off begins.
func (i *Issuer) BindPhone(ctx context.Context, from netip.Addr, b Binding) error {
	key, ok := phoneKey(b.Key)
	if !ok {
		return rule.BadKey
	}
	var acc *account
	has := rule.NewPhone
	err := i.do(ctx, func(t *tx) (err error) {
		if acc, err = t.byLogin(b.Login); err != nil {
			return err
		}
		fresh, err := t.fresh(b.New)
		if err != nil {
			return err
		}
		owns, err := t.owns(acc, b, fresh)
		if err != nil {
			return err
		}
		if owns == 0 || !fresh || !b.New.by(key, ForBindNew, b.Login) {
			return t.stranger(acc, b.Login, from)
		}
		has |= owns
		return nil
	})
	if err != nil {
		return err
	}
	err = i.knowing(ctx, from, acc, b.Password, func(t *tx, acc *account) error { return t.rebind(acc, b, has|rule.Password) })
	i.Deliver(ctx)
	return err
}

// owns says by what the possession of the old factor was proven; 0: by nothing. Old and New are signatures over the
// same challenge: the two phones are in one hand.
func (t *tx) owns(acc *account, b Binding, fresh bool) (rule.Has, error) {
	switch {
	case acc == nil && b.Old == nil:
		return 0, t.roomFor(b.Login)
	case acc == nil:
		// A check against nobody's key takes as long as one against somebody's.
		_ = b.New.by(nobody, ForBindOld, b.Login, string(b.Key))
		return 0, nil
	case b.Old != nil:
		if b.Old.Challenge == b.New.Challenge && fresh && acc.phone != 0 && b.Old.by(acc.key, ForBindOld, b.Login, string(b.Key)) {
			return rule.Phone, nil
		}
		return 0, nil
	}
	// The code is no phone: whoever has it is a stranger still, and does not guess for long.
	if err := t.roomFor(b.Login); err != nil {
		return 0, err
	}
	n, err := t.number("SELECT count(*) FROM recovery WHERE account = ? AND hash = ? AND used_at IS NULL", acc.no, hash("recovery", recoveryCode(b.Recovery)))
	if err != nil || n != 1 {
		return 0, err
	}
	return rule.Recovery, nil
}

// recoveryCode reads a code as people write it down: small letters, gaps and hyphens, and 0, 1, 8 for O, I, B, which
// base 32 does not have. What holds anything else is the empty code, which nobody was given.
func recoveryCode(s Secret) Secret {
	const most = 64
	if len(s) > most {
		return ""
	}
	var code []byte
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ' || c == '-':
		case c == '0':
			code = append(code, 'O')
		case c == '1':
			code = append(code, 'I')
		case c == '8':
			code = append(code, 'B')
		case c >= 'a' && c <= 'z':
			code = append(code, c-'a'+'A')
		case (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7'):
			code = append(code, c)
		default:
			return ""
		}
	}
	return Secret(code)
}

func (t *tx) rebind(acc *account, b Binding, has rule.Has) error {
	if err := t.mayChange(acc, rule.ToBindPhone, has); err != nil {
		return err
	}
	if err := t.unbound(b.Key); err != nil {
		return err
	}
	if has&rule.Recovery != 0 {
		used, err := t.changed("UPDATE recovery SET used_at = ? WHERE account = ? AND hash = ? AND used_at IS NULL",
			t.ms(), acc.no, hash("recovery", recoveryCode(b.Recovery)))
		if err != nil || !used { // another request used it meanwhile
			return orRefuse(err, rule.NotProven)
		}
		if err := t.tell(acc, RecoveryUsed); err != nil {
			return err
		}
	}
	if err := t.tell(acc, PhoneChanged); err != nil {
		return err
	}
	if err := t.bind(acc, b.Key); err != nil {
		return err
	}
	if err := t.endSessions(acc); err != nil {
		return err
	}
	return t.cool(acc)
}

// RenewRecovery makes new recovery codes for both factors; the earlier ones are over.
func (i *Issuer) RenewRecovery(ctx context.Context, from netip.Addr, session, password Secret, p Proof) (codes []Secret, err error) {
	var was *account
	err = i.do(ctx, func(t *tx) (err error) {
		was, err = t.signedBy(session, from, p, ForRecovery)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = i.knowing(ctx, from, was, password, func(t *tx, acc *account) error {
		if err := t.mayChange(acc, rule.ToRenewRecovery, rule.Password|rule.Phone); err != nil {
			return err
		}
		if err := t.tell(acc, RecoveryRenewed); err != nil {
			return err
		}
		codes, err = t.newRecovery(acc)
		return err
	})
	if err != nil {
		return nil, err
	}
	i.Deliver(ctx)
	return codes, nil
}

// unbound refuses a key that was ever bound: a phone that was sold on makes a new one.
func (t *tx) unbound(key []byte) error {
	n, err := t.number("SELECT count(*) FROM phone WHERE key = ?", key)
	if err == nil && n > 0 {
		err = rule.BadKey
	}
	return err
}

// bind makes key the one active phone.
func (t *tx) bind(acc *account, key []byte) error {
	k, ok := phoneKey(key)
	if !ok {
		return rule.BadKey
	}
	if err := t.exec(-1, "UPDATE phone SET ended_at = ? WHERE account = ? AND ended_at IS NULL", t.ms(), acc.no); err != nil {
		return err
	}
	kid := k.KID()
	return t.exec(1, "INSERT INTO phone (account, key, kid, bound_at) VALUES (?, ?, ?, ?)", acc.no, key, kid[:], t.ms())
}
