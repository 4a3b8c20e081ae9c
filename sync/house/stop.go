package house

import (
	"context"
	"time"

	"tilld/sync/house/rule"
)

// stop stops an account; it is stopped once for each reason. When too many are stopped over money, everything is. by is
// who does it, "" for a rule.
func (t *tx) stop(acc *account, why rule.Reason, by, words string) error {
	fresh, err := t.changed("INSERT INTO stop (account, reason, by, why, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		acc.no, why, by, words, t.ms())
	if err != nil || !fresh {
		return err
	}
	if err := t.tell(acc, AccountStopped); err != nil {
		return err
	}
	if why.Stops(rule.SignIn) {
		if err := t.endSessions(acc); err != nil {
			return err
		}
	}
	if !why.OverMoney() {
		return nil
	}
	if err := t.count(overMoney, "", subject(acc.no)); err != nil {
		return err
	}
	wide, err := t.widely(overMoney, "", t.l.Watch.Accounts, t.now)
	if err != nil || !wide {
		return err
	}
	s, err := t.standing()
	if err != nil || (s.Spending && s.TopUps) {
		return err
	}
	return t.throw(Switch{Spending: true, TopUps: true, Why: "many accounts were stopped over money"})
}

// may refuses when the account is stopped for anything that stops the act.
func (t *tx) may(acc *account, a rule.Act) error {
	rows, err := t.QueryContext(t.ctx, "SELECT reason FROM stop WHERE account = ? AND lifted_at IS NULL", acc.no)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r rule.Reason
		if err := rows.Scan(&r); err != nil {
			return err
		}
		if r.Stops(a) {
			return rule.Stopped
		}
	}
	return rows.Err()
}

// Switch is what is stopped for everybody. It never stops what is owed: refunds, and payments that lanes took offline.
type Switch struct {
	Spending bool // charges online, and certificates
	TopUps   bool
	By       string // who threw it; "": a rule
	Why      string
	At       time.Time
}

// standing is the switch as it is.
func (t *tx) standing() (s Switch, err error) {
	var at int64
	found, err := t.get("SELECT spending, topups, by, why, at FROM switch ORDER BY no DESC LIMIT 1", nil,
		&s.Spending, &s.TopUps, &s.By, &s.Why, &at)
	if found {
		s.At = fromMS(at)
	}
	return s, err
}

func (t *tx) throw(s Switch) error {
	return t.exec(1, "INSERT INTO switch (spending, topups, by, why, at) VALUES (?, ?, ?, ?, ?)", s.Spending, s.TopUps, s.By, s.Why, t.ms())
}

// open refuses what is stopped for everybody.
func (t *tx) open(spending, topUp bool) error {
	s, err := t.standing()
	switch {
	case err != nil:
		return err
	case spending && s.Spending:
		return rule.SpendingOff
	case topUp && s.TopUps:
		return rule.TopUpsOff
	}
	return nil
}

// Standing is what is stopped for everybody.
func (i *Issuer) Standing(ctx context.Context) (s Switch, err error) {
	err = i.do(ctx, func(t *tx) error { s, err = t.standing(); return err })
	return s, err
}

// Throw stops or opens spending and top-ups for everybody. It takes a person and a reason, to open too.
func (i *Issuer) Throw(ctx context.Context, s Switch) error {
	return i.do(ctx, func(t *tx) error {
		if s.By == "" || s.Why == "" {
			return rule.BadPerson
		}
		return t.throw(s)
	})
}

// Stop is one stop of an account.
type Stop struct {
	No       int64
	Login    string
	Reason   rule.Reason
	By, Why  string // By is "" when a rule stopped it
	At       time.Time
	LiftedAt time.Time // zero: it stands
	LiftedBy string
	LiftWhy  string
}

// Stops lists the stops of an account, the newest first; login "" lists all that stand.
func (i *Issuer) Stops(ctx context.Context, login string) (all []Stop, err error) {
	err = i.do(ctx, func(t *tx) error {
		rows, err := t.QueryContext(t.ctx, `SELECT s.no, a.login, s.reason, s.by, s.why, s.at, coalesce(s.lifted_at, 0), coalesce(s.lifted_by, ''),
			coalesce(s.lift_why, '') FROM stop s JOIN account a ON a.no = s.account
			WHERE (?1 = '' AND s.lifted_at IS NULL) OR a.login = ?1 ORDER BY s.no DESC`, login)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var s Stop
			var at, lifted int64
			if err := rows.Scan(&s.No, &s.Login, &s.Reason, &s.By, &s.Why, &at, &lifted, &s.LiftedBy, &s.LiftWhy); err != nil {
				return err
			}
			s.At = fromMS(at)
			if lifted != 0 {
				s.LiftedAt = fromMS(lifted)
			}
			all = append(all, s)
		}
		return rows.Err()
	})
	return all, err
}

// StopAccount stops an account by hand: a customer who lost the phone calls the office.
func (i *Issuer) StopAccount(ctx context.Context, login, by, why string) error {
	return i.do(ctx, func(t *tx) error {
		if by == "" || why == "" {
			return rule.BadPerson
		}
		acc, err := t.byLogin(login)
		if err != nil {
			return err
		}
		if acc == nil {
			return rule.NotFound
		}
		return t.stop(acc, rule.ByHand, by, why)
	})
}

// Lift ends a stop. A person does that, and says why; no rule ever does.
func (i *Issuer) Lift(ctx context.Context, stop int64, by, why string) error {
	return i.do(ctx, func(t *tx) error {
		if by == "" || why == "" {
			return rule.BadPerson
		}
		lifted, err := t.changed("UPDATE stop SET lifted_at = ?, lifted_by = ?, lift_why = ? WHERE no = ? AND lifted_at IS NULL", t.ms(), by, why, stop)
		if err == nil && !lifted {
			err = rule.NotFound
		}
		return err
	})
}
