package house

import (
	"time"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/sync/house/rule"
	"tilld/sync/wire"
)

// account is one account as a transaction sees it.
type account struct {
	no           int64
	pseudonym    signed.Account
	login        string
	password     string // hashed
	contact      string // on record now
	confirmed    bool
	coolingFrom  time.Time
	coolingUntil time.Time

	phone int64          // the active phone's row; 0: none
	key   wire.PublicKey // and its key; nobody: none
}

const accountQuery = `SELECT a.no, a.pseudonym, a.login, a.password, a.contact, a.confirmed_at IS NOT NULL, a.cooling_from, a.cooling_until,
	coalesce(p.no, 0), p.key FROM account a LEFT JOIN phone p ON p.account = a.no AND p.ended_at IS NULL WHERE `

// byLogin finds an account by its log-in name in any spelling; nil: there is none.
func (t *tx) byLogin(login string) (*account, error) {
	name, r := rule.Login(login)
	if r != rule.None {
		return nil, nil
	}
	return t.account("a.login = ?", name)
}

func (t *tx) account(where string, args ...any) (*account, error) {
	a := account{key: nobody}
	var pseudonym, key []byte
	var from, until int64
	found, err := t.get(accountQuery+where, args, &a.no, &pseudonym, &a.login, &a.password, &a.contact, &a.confirmed, &from, &until, &a.phone, &key)
	if err != nil || !found {
		return nil, err
	}
	a.pseudonym = signed.Account(pseudonym)
	a.coolingFrom, a.coolingUntil = fromMS(from), fromMS(until)
	if key != nil {
		if a.key, err = wire.NewP256Compressed(key); err != nil {
			return nil, err
		}
	}
	return &a, t.contactDue(&a)
}

// cool starts the cooling-off, or starts it anew.
func (t *tx) cool(acc *account) error {
	from := t.now
	if rule.Cooling(acc.coolingUntil, t.now) {
		from = acc.coolingFrom // what was topped up since then still counts
	}
	acc.coolingFrom, acc.coolingUntil = from, t.now.Add(t.l.Cooling)
	return t.exec(1, "UPDATE account SET cooling_from = ?, cooling_until = ? WHERE no = ?", from.UnixMilli(), acc.coolingUntil.UnixMilli(), acc.no)
}

// mayChange refuses a change that was not proven enough, that a stop forbids, or that waits for the cooling-off.
func (t *tx) mayChange(acc *account, w rule.Wish, has rule.Has) error {
	if r := rule.Allow(w, has); r != rule.None {
		return r
	}
	if rule.Waits(w) && rule.Cooling(acc.coolingUntil, t.now) {
		return rule.CoolingOff
	}
	return t.may(acc, rule.Change)
}

func (t *tx) endSessions(acc *account) error {
	return t.exec(-1, "DELETE FROM session WHERE account = ?", acc.no)
}

// tell leaves a notice for the contact and the phone as they are now, which is before what it tells of where that
// changes them.
func (t *tx) tell(acc *account, k MessageKind) error {
	var kid []byte
	if acc.phone != 0 {
		id := acc.key.KID()
		kid = id[:]
	}
	return t.exec(1, "INSERT INTO notice (account, kind, contact, phone, at) VALUES (?, ?, ?, ?, ?)", acc.no, k, acc.contact, kid, t.ms())
}

// ticket makes a ticket of a kind for an account; an earlier one of that kind is over.
func (t *tx) ticket(acc *account, kind string, ends time.Time) (Secret, error) {
	s, err := t.i.newSecret()
	if err != nil {
		return "", err
	}
	if err := t.exec(-1, "DELETE FROM ticket WHERE account = ? AND kind = ?", acc.no, kind); err != nil {
		return "", err
	}
	return s, t.exec(1, "INSERT INTO ticket (hash, account, kind, ends_at) VALUES (?, ?, ?, ?)", hash(kind, s), acc.no, kind, ends.UnixMilli())
}

// take uses a ticket up. A wrong one counts against the address.
func (t *tx) take(kind string, s Secret, from string) (*account, error) {
	var no, ends int64
	found, err := t.get("DELETE FROM ticket WHERE hash = ? RETURNING account, ends_at", []any{hash(kind, s)}, &no, &ends)
	if err != nil {
		return nil, err
	}
	if !found || t.ms() >= ends {
		return nil, orRefuse(t.count(failedAt, from, ""), rule.Over)
	}
	return t.account("a.no = ?", no)
}

// AccountView is what may be shown of an account: no credential and nothing that leads to one.
type AccountView struct {
	Login        string         `json:"login"`
	Pseudonym    signed.Account `json:"-"`
	Confirmed    bool           `json:"confirmed"`
	Phone        string         `json:"phone"` // the active phone's key identifier; "": none
	CoolingUntil time.Time      `json:"cooling_until"`
	Balance      payment.Money  `json:"balance"`
	Held         payment.Money  `json:"held"` // of it: earmarked for what may be spent offline
}

func (t *tx) view(acc *account) (AccountView, error) {
	p, err := t.purse(acc)
	if err != nil {
		return AccountView{}, err
	}
	v := AccountView{
		Login: acc.login, Pseudonym: acc.pseudonym, Confirmed: acc.confirmed, CoolingUntil: acc.coolingUntil,
		Balance: t.money(p.Balance), Held: t.money(p.Held),
	}
	if acc.phone != 0 {
		v.Phone = acc.key.KID().String()
	}
	return v, nil
}

func (t *tx) money(minor int64) payment.Money { return payment.Of(minor, t.l.Currency) }
