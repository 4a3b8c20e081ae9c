package house_test

import (
	"strings"
	"testing"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/sync/house"
	"tilld/sync/house/housetest"
	"tilld/sync/house/rule"
)

func wantMoney(c *housetest.Customer, balance, held int64) {
	c.T.Helper()
	c.Must(c.SignIn())
	if v := c.View(); v.Balance.Minor != balance || v.Held.Minor != held {
		c.T.Errorf("balance %d, held %d; want %d, %d", v.Balance.Minor, v.Held.Minor, balance, held)
	}
}

func TestTopUpStates(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Customer("hanako")
	state, err := c.TopUpFrom("card", "A", 100)
	if b.Must(err); state != house.TopUpCredited {
		t.Errorf("a card: %s", state)
	}
	state, err = c.TopUpFrom("card", "A", 100)
	if b.Must(err); state != house.TopUpCredited {
		t.Errorf("the same again: %s", state)
	}
	_, err = c.TopUpFrom("card", "A", 200)
	b.Want("another amount under it", err, rule.RefUsed)
	other := b.Customer("taro")
	_, err = other.TopUpFrom("card", "A", 100)
	b.Want("another's", err, rule.RefUsed)
	state, err = c.TopUpFrom("empty", "B", 300)
	if b.Must(err); state != house.TopUpRefused {
		t.Errorf("no money there: %s", state)
	}
	b.Clock.Pass(time.Hour)
	b.Must(c.SignIn())
	state, err = c.TopUpFrom("lost", "C", 400)
	if b.Must(err); state != house.TopUpAsked {
		t.Errorf("no answer: %s", state)
	}
	wantMoney(c, 100, 0)
	b.Must(b.Issuer.Close())
	b.Open()
	b.Must(b.Issuer.Resume(b.Ctx, time.Minute))
	wantMoney(c, 100, 0) // not yet: it is fresh
	b.Clock.Pass(time.Minute)
	b.Must(b.Issuer.Resume(b.Ctx, time.Minute))
	b.Must(b.Issuer.Resume(b.Ctx, time.Minute))
	wantMoney(c, 500, 0)
	if b.Bank.Taken() != 500 {
		t.Errorf("the bank paid %d", b.Bank.Taken())
	}
	for name, ref := range map[string]string{"empty": "", "long": strings.Repeat("A", 33), "not plain": "A-1"} {
		_, err := c.TopUpFrom("card", ref, 10)
		b.Want(name, err, rule.RefUsed)
		b.Clock.Pass(time.Minute)
	}
}

// TestTopUpIsSigned moves money by a session that was stolen, without the phone.
func TestTopUpIsSigned(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Customer("hanako")
	thief := *c
	thief.Phone = housetest.Key(t, "thief")
	_, err := thief.TopUp(100)
	b.Want("a top-up", err, rule.NotProven)
	b.Want("a certificate", thief.Certify(), rule.NotProven)
	// And a signature for one amount is not one for another.
	_, err = b.Issuer.TopUp(b.Ctx, c.From, house.TopUp{Session: c.Session, Ref: "A", Amount: housetest.Yen(9_000), Source: "card",
		Proof: c.Sign(house.ForTopUp, "A", "900", "card")})
	b.Want("a larger amount", err, rule.NotProven)
}

func TestCharge(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Funded("hanako", 10_000)
	b.Must(c.Certify())
	charge := func(ref, code, store, lane string, yen int64) house.Result {
		r, err := b.Issuer.Charge(b.Ctx, house.Charge{Ref: ref, Code: code, Amount: housetest.Yen(yen), Store: store, Lane: lane})
		b.Must(err)
		return r
	}
	code := c.Code("s1", "1")
	first := charge("A", code, "s1", "1", 700)
	if first.State != house.Paid || first.Transaction == "" {
		t.Fatalf("%+v", first)
	}
	if again := charge("A", code, "s1", "1", 700); again != first {
		t.Errorf("the same again: %+v", again)
	}
	_, err := b.Issuer.Charge(b.Ctx, house.Charge{Ref: "A", Code: code, Amount: housetest.Yen(701), Store: "s1", Lane: "1"})
	b.Want("another amount under it", err, rule.RefUsed)
	if r := charge("A2", code, "s1", "1", 700); r.Why != rule.CodeUsed {
		t.Errorf("the code again: %+v", r)
	}
	forged, err := signed.Certify(housetest.Key(t, "another issuer"), signed.Claims{
		Account: c.View().Pseudonym, Phone: c.Phone.Public(), Cap: housetest.Yen(100), NotBefore: b.Clock.Now(), Hours: 4})
	b.Must(err)
	byForged, err := signed.Sign(c.Phone, forged, signed.CodeClaims{Counter: 99, Time: b.Clock.Now()})
	b.Must(err)
	old := c.Code("s1", "1")
	b.Clock.Pass(b.Config.Limits.CodeAge + time.Second)
	for _, tt := range []struct {
		name, code, store, lane string
		yen                     int64
		why                     rule.Refusal
	}{
		{"the code again", code, "s1", "1", 700, rule.CodeExpired},
		{"a screenshot", old, "s1", "1", 700, rule.CodeExpired},
		{"another store's", c.Code("s2", "1"), "s1", "1", 1, rule.BadCode},
		{"another lane's", c.Code("s1", "2"), "s1", "1", 1, rule.BadCode},
		{"no code", "1234", "s1", "1", 1, rule.BadCode},
		{"of another issuer", byForged, "s1", "1", 1, rule.BadCode},
		{"what is earmarked", c.Code("s1", "1"), "s1", "1", 5_000, rule.NoFunds},
		{"much by a code for anywhere", c.Code("", ""), "s1", "1", b.Config.Limits.Unbound + 1, rule.OverSpend},
		{"above one payment", c.Code("s1", "1"), "s1", "1", b.Config.Limits.Spend + 1, rule.OverSpend},
	} {
		ref := "B" + strings.ReplaceAll(strings.ReplaceAll(tt.name, " ", ""), "'", "")
		if r := charge(ref, tt.code, tt.store, tt.lane, tt.yen); r.State != house.Declined || r.Why != tt.why {
			t.Errorf("%s: %+v, want %v", tt.name, r, tt.why)
		}
	}
	wantMoney(c, 9_300, 5_000)
}

func TestGiveBack(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Funded("hanako", 10_000)
	b.Must(c.Certify())
	paid := c.Pay("s1", "1", 900)
	refund := func(ref string, yen int64, want error) {
		t.Helper()
		_, err := b.Issuer.Refund(b.Ctx, ref, paid.Ref, housetest.Yen(yen))
		b.Want(ref, err, want)
	}
	refund("R1", 300, nil)
	refund("R1", 300, nil)
	refund("R1", 301, rule.RefUsed)
	refund("R2", 601, rule.BadAmount)
	refund("R2", 600, nil)
	refund("R3", 1, rule.BadAmount)
	wantMoney(c, 10_000, 5_000)

	cancel := func(ref string, want error) house.Result {
		t.Helper()
		r, err := b.Issuer.Cancel(b.Ctx, ref)
		b.Want("cancelling "+ref, err, want)
		return r
	}
	cancel(paid.Ref, rule.TooLate)
	next := c.Pay("s1", "1", 500)
	cancel("no reference", rule.NotFound)
	for range 2 {
		if r := cancel(next.Ref, nil); r.State != house.Reversed {
			t.Errorf("cancelled: %+v", r)
		}
	}
	_, err := b.Issuer.Refund(b.Ctx, "R9", next.Ref, housetest.Yen(1))
	b.Want("a refund of what was cancelled", err, rule.NotPaid)
	_, err = b.Issuer.Refund(b.Ctx, "R9", "NOSUCH", housetest.Yen(1))
	b.Want("a refund of nothing", err, rule.NotFound)
	_, err = b.Issuer.Query(b.Ctx, "NOSUCH")
	b.Want("a query of nothing", err, rule.NotFound)
	wantMoney(c, 10_000, 5_000)

	// A cancel that overtakes its charge kills it.
	if r := cancel("LATE", nil); r.State != house.Reversed || r.Transaction != "" {
		t.Errorf("a tombstone: %+v", r)
	}
	r, err := b.Issuer.Charge(b.Ctx, house.Charge{Ref: "LATE", Code: c.Code("", ""), Amount: housetest.Yen(800), Store: "s1", Lane: "1"})
	if b.Must(err); r.State != house.Reversed {
		t.Errorf("the late charge: %+v", r)
	}
	wantMoney(c, 10_000, 5_000)
}

// TestOffline follows a certificate's money from its making to its release.
func TestOffline(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Funded("hanako", 12_000)
	b.Must(c.Certify())
	first := c.Cert
	wantMoney(c, 12_000, 5_000)
	b.Must(c.Certify())
	if string(c.Cert) != string(first) {
		t.Error("a fresh certificate is renewed: its cap is set aside twice")
	}
	code := c.Code("", "")
	got, err := b.Present(1, code, "s1", "1", 3_000)
	if b.Must(err); got.Drawn != (rule.Drawn{Earmark: 3_000}) || got.Again {
		t.Errorf("%+v", got)
	}
	wantMoney(c, 9_000, 2_000)
	if got, err = b.Present(1, code, "s1", "1", 3_000); err != nil || !got.Again || got.Drawn.Earmark != 3_000 {
		t.Errorf("the same again: %+v, %v", got, err)
	}
	_, err = b.Present(1, code, "s1", "1", 3_001)
	b.Want("another amount under it", err, rule.RefUsed)
	_, err = b.Present(2, "no code", "s1", "1", 3_001)
	b.Want("no code", err, rule.BadCode)
	wantMoney(c, 9_000, 2_000)

	b.Clock.Pass(2 * time.Hour)
	b.Must(c.SignIn())
	b.Must(c.Certify())
	if string(c.Cert) == string(first) {
		t.Error("a certificate of half its life is not renewed")
	}
	wantMoney(c, 9_000, 5_500) // both are out: 2,000 and half of 7,000
	b.Clock.Pass(2*time.Hour + b.Config.Limits.SyncDelay - time.Millisecond)
	wantMoney(c, 9_000, 5_500)
	b.Clock.Pass(time.Millisecond)
	wantMoney(c, 9_000, 3_500)
	// A payment that comes in after the release is still paid, out of what is free.
	if got, err = b.Present(3, code, "s2", "1", 500); err != nil || got.Drawn != (rule.Drawn{Free: 500}) {
		t.Errorf("late: %+v, %v", got, err)
	}
	wantStop(b, c.Login, rule.DoubleSpent) // it was the code that paid already
}

// TestSettled releases early by HQ's word.
func TestSettled(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Funded("hanako", 12_000)
	b.Must(c.Certify())
	b.Want("of the future", b.Issuer.Settled(b.Ctx, b.Clock.Now().Add(5*time.Hour)), rule.BadAmount)
	expiry := b.Clock.Now().Truncate(time.Second).Add(4 * time.Hour)
	b.Clock.Pass(5 * time.Hour)
	b.Must(b.Issuer.Settled(b.Ctx, expiry.Add(-time.Second)))
	wantMoney(c, 12_000, 5_000)
	b.Must(b.Issuer.Settled(b.Ctx, expiry))
	wantMoney(c, 12_000, 0)
	b.Must(c.SignIn())
	b.Must(c.Certify())
	b.Must(b.Issuer.Settled(b.Ctx, expiry.Add(-time.Hour))) // which does not go back
	wantMoney(c, 12_000, 5_000)
}

// TestOverdrawn presents what lanes that could not hear each other took under one certificate.
func TestOverdrawn(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Funded("hanako", 7_000)
	b.Must(c.Certify())
	wantMoney(c, 7_000, 3_500)
	for n, want := range []rule.Drawn{{Earmark: 3_500, Free: 1_500}, {Free: 2_000, Lost: 3_000}, {Lost: 5_000}} {
		got, err := b.Present(byte(n+1), c.Code("", ""), "s1", "1", 5_000)
		if b.Must(err); got.Drawn != want {
			t.Errorf("lane %d: %+v, want %+v", n+1, got.Drawn, want)
		}
	}
	wantStop(b, c.Login, rule.DoubleSpent)
	w, err := b.Issuer.Word(b.Ctx)
	if b.Must(err); len(w.Accounts) != 1 {
		t.Errorf("lanes don't hear of the account: %+v", w)
	}
	b.Clock.Pass(4 * time.Hour)
	if w, err = b.Issuer.Word(b.Ctx); err != nil || len(w.Accounts) != 0 {
		t.Errorf("the list does not get shorter: %+v, %v", w, err)
	}
}

// TestWordOfPhones lists the phone that was replaced while its certificate lives.
func TestWordOfPhones(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Funded("hanako", 7_000)
	b.Must(c.Certify())
	old := c.Phone.Public().KID()
	b.Must(c.BindTo(housetest.Key(t, "second"), ""))
	w, err := b.Issuer.Word(b.Ctx)
	if b.Must(err); len(w.Phones) != 1 || string(w.Phones[0]) != string(old[:]) || len(w.Accounts) != 0 {
		t.Errorf("%+v", w)
	}
}

// TestHistoryStays tries to rewrite the money.
func TestHistoryStays(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Funded("hanako", 7_000)
	b.Must(c.Certify())
	c.Pay("s1", "1", 100)
	_, err := b.Present(1, c.Code("", ""), "s1", "1", 50)
	b.Must(err)
	db := raw(t, b.Path)
	for _, stmt := range []string{
		"DELETE FROM movement", "UPDATE movement SET amount = 1", "UPDATE movement SET balance = balance + 1",
		"INSERT INTO movement (account, cause, ref, amount, balance, at) VALUES (1, 'topup', 'X', 5, 5, 0)",
		"INSERT INTO movement (account, cause, ref, amount, balance, at) VALUES (1, 'charge', 'X', 5, 6855, 0)",
		"INSERT INTO movement (account, cause, ref, amount, balance, at) VALUES (1, 'charge', 'X', -9000, -2150, 0)",
		"UPDATE topup SET state = 'refused', ended_at = 1", "UPDATE certificate SET left = cap", "UPDATE certificate SET left = -1",
		"UPDATE charge SET given = amount + 1", "DELETE FROM account", "UPDATE account SET pseudonym = zeroblob(16)",
		"UPDATE phone SET key = zeroblob(33)", "UPDATE account SET password = 'plain'",
		"INSERT INTO phone (account, key, kid, bound_at) VALUES (1, zeroblob(33), zeroblob(8), 0)",
		"UPDATE stop SET lifted_at = 1 WHERE 0 = (SELECT count(*) FROM stop) OR lifted_at IS NULL; INSERT INTO stop (account, reason, by, why, at, lifted_at) VALUES (1, 1, '', '', 0, 1)",
	} {
		if _, err := db.Exec(stmt); err == nil {
			t.Errorf("%s: done", stmt)
		}
	}
}

// TestSchemaHasNoDefaults holds a credential to being there or not: 7pay's iOS program filled in a birth date.
func TestSchemaHasNoDefaults(t *testing.T) {
	b := housetest.New(t, nil)
	var n int
	if err := raw(t, b.Path).QueryRow(`SELECT count(*) FROM sqlite_schema s, pragma_table_info(s.name) c
		WHERE s.type = 'table' AND s.name NOT LIKE 'goose%' AND c.dflt_value IS NOT NULL`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d columns with a default, %v", n, err)
	}
}

func TestChargeForm(t *testing.T) {
	b := housetest.New(t, nil)
	for name, c := range map[string]house.Charge{
		"no reference": {Amount: housetest.Yen(1)},
		"long place":   {Ref: "A", Amount: housetest.Yen(1), Store: strings.Repeat("s", 65)},
	} {
		_, err := b.Issuer.Charge(b.Ctx, c)
		b.Want(name, err, rule.NotFound)
	}
	for name, m := range map[string]payment.Money{"nothing": housetest.Yen(0), "dollars": payment.Of(100, "USD")} {
		_, err := b.Issuer.Charge(b.Ctx, house.Charge{Ref: "A", Amount: m})
		b.Want(name, err, rule.BadAmount)
	}
}
