package house_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/sync/house"
	"tilld/sync/house/housetest"
	"tilld/sync/house/rule"
	"tilld/sync/wire"
)

const days = 24 * time.Hour

// grown is a customer with money whose cooling-off is over.
func grown(b *housetest.Bench, name string, yen int64) *housetest.Customer {
	c := b.Customer(name)
	b.Clock.Pass(b.Config.Limits.Cooling + time.Minute)
	b.Must(c.SignIn())
	for ; yen > 0; yen -= 20_000 {
		if _, err := c.TopUp(min(yen, 20_000)); err != nil {
			b.T.Fatal(err)
		}
		b.Clock.Pass(time.Minute)
	}
	return c
}

func balance(t *testing.T, c *housetest.Customer) int64 {
	t.Helper()
	if err := c.SignIn(); err != nil {
		t.Fatal(err)
	}
	v, err := c.Issuer.Account(c.Ctx, c.Session)
	if err != nil {
		t.Fatal(err)
	}
	return v.Balance.Minor
}

func wantAudit(t *testing.T, b *housetest.Bench, lost int64) {
	t.Helper()
	a, err := b.Issuer.Audit(b.Ctx)
	if err != nil || a.Lost != lost || a.ToppedUp != a.Spent+a.Balances {
		t.Errorf("%+v, %v, want %d lost", a, err, lost)
	}
}

// What a phone pays is taken at once and once; the lane's HQ says that it was taken, once or twice, and that changes nothing.
func TestApprove(t *testing.T) {
	b := housetest.New(t, housetest.Chain)
	till := b.HQ().Till("L1")
	c := grown(b, "hanako", 20_000)
	offer := till.Offer(8_400)
	text, err := c.Approve(offer)
	if err != nil {
		t.Fatal(err)
	}
	a, err := signed.ParseApproval(text)
	if err != nil || a.Verify(wire.OneKey(b.Config.Signer.Public())) != nil {
		t.Fatalf("%+v, %v", a, err)
	}
	o, _ := signed.ParseOffer(offer)
	if a.Payment != o.Payment || a.Terminal != till.ID || a.Amount != housetest.Yen(8_400) || !a.At.Equal(b.Clock.Now().Truncate(time.Second)) {
		t.Errorf("%+v", a.Approval)
	}
	if got := balance(t, c); got != 11_600 {
		t.Errorf("balance %d", got)
	}
	b.Clock.Pass(20 * time.Minute) // the offer is over, and the phone had no answer
	if err := c.SignIn(); err != nil {
		t.Fatal(err)
	}
	again, err := c.Approve(till.OfferAs(o.Payment, 8_400, time.Minute))
	if err != nil || again != text || balance(t, c) != 11_600 {
		t.Errorf("asked again: %v, the same %v", err, again == text)
	}
	if list, err := b.Issuer.Approvals(b.Ctx, 0, 10); err != nil || len(list) != 1 || list[0].State != house.ApprovalGiven || list[0].Payment != a.Payment || list[0].Lane != "L1" {
		t.Errorf("%+v, %v", list, err)
	}
	for n := range 2 {
		got, err := till.Took(text)
		if err != nil || got.Drawn != (rule.Drawn{Earmark: 8_400}) || got.Again != (n > 0) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	b.Clock.Pass(30 * days)
	b.Must(b.Issuer.Forget(b.Ctx))
	if list, err := b.Issuer.Approvals(b.Ctx, 0, 10); err != nil || list[0].State != house.ApprovalCompleted || balance(t, c) != 11_600 {
		t.Errorf("given back after HQ said it was taken: %+v, %v", list, err)
	}
	wantAudit(t, b, 0)
}

func TestApproveRefuses(t *testing.T) {
	b := housetest.New(t, func(c *house.Config) { housetest.Chain(c); c.Limits.Watch.Lanes.Count = 99 })
	hq := b.HQ()
	till, other := hq.Till("L1"), hq.Till("L2")
	c, poor := grown(b, "hanako", 40_000), grown(b, "taro", 100)
	b.Must(c.SignIn())
	b.Must(poor.SignIn())
	spent := till.Offer(1_000)
	if _, err := c.Approve(spent); err != nil {
		t.Fatal(err)
	}
	cut := till.Offer(1)
	old := till.OfferAs(payment.ID{5}, 500, 0)
	stranger := *till
	stranger.Key = housetest.Ed(77)
	var err error
	stranger.Paper, err = signed.VouchFor(housetest.Ed(78), signed.Till{Chain: "kita", Terminal: till.ID, Key: stranger.Key.Public(), Store: "S001", Lane: "L1", Until: b.Clock.Now().Add(days)})
	b.Must(err)
	foreign := *till
	foreign.Paper, err = signed.VouchFor(hq.Ack, signed.Till{Chain: "minami", Terminal: till.ID, Key: till.Key.Public(), Store: "S001", Lane: "L1", Until: b.Clock.Now().Add(days)})
	b.Must(err)
	over := *till
	over.Renew(0)
	so, _ := signed.ParseOffer(spent)
	for _, tt := range []struct {
		name  string
		who   *housetest.Customer
		offer string
		want  error
	}{
		{"no offer", c, "ZY:1", rule.BadOffer}, {"cut short", c, cut[:len(cut)-9], rule.BadOffer}, {"run out", c, old, rule.OfferOver},
		{"too far ahead", c, till.OfferAs(payment.ID{6}, 500, time.Hour), rule.BadOffer}, {"of a till that nobody vouches for", c, stranger.Offer(500), rule.BadOffer},
		{"of another chain", c, foreign.Offer(500), rule.BadOffer}, {"HQ's word about the till has run out", c, over.Offer(500), rule.OfferOver},
		{"more than one payment may be", c, till.Offer(30_001), rule.OverSpend}, {"no money", poor, till.Offer(101), rule.NoFunds},
		{"paid by another", poor, spent, rule.RefUsed},
		{"another amount under its name", c, till.OfferAs(so.Payment, 1_001, time.Minute), rule.RefUsed},
		{"another till's under its name", c, other.OfferAs(so.Payment, 1_000, time.Minute), rule.RefUsed},
	} {
		if text, err := tt.who.Approve(tt.offer); err != tt.want || text != "" {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	o, _ := signed.ParseOffer(other.Offer(500))
	if _, err := b.Issuer.Approve(b.Ctx, c.From, house.Approval{Session: c.Session, Offer: o.Text(), Proof: c.Sign(house.ForCertificate)}); err != rule.NotProven {
		t.Errorf("signed for something else: %v", err)
	}
	details := house.ApprovalDetails(o)
	details[1] = "5"
	if _, err := b.Issuer.Approve(b.Ctx, c.From, house.Approval{Session: c.Session, Offer: o.Text(), Proof: c.Sign(house.ForApproval, details...)}); err != rule.NotProven {
		t.Errorf("signed for less: %v", err)
	}
	thief := c.Thief(c.From)
	if _, err := thief.Approve(o.Text()); err != rule.NotSignedIn {
		t.Errorf("without a session: %v", err)
	}
	hq.Sign(till.ID)
	if _, err := c.Approve(till.Offer(500)); err != rule.BadOffer {
		t.Errorf("of a revoked terminal: %v", err)
	}
	if _, err := c.Approve(other.Offer(500)); err != nil {
		t.Errorf("of one that is not: %v", err)
	}
	b.Must(b.Issuer.Throw(b.Ctx, house.Switch{Spending: true, By: "aki", Why: "test"}))
	if _, err := c.Approve(other.Offer(500)); err != rule.SpendingOff {
		t.Errorf("with spending stopped: %v", err)
	}
	wantAudit(t, b, 0)
}

// Three lanes within two minutes stop the account, here too.
func TestApproveManyLanes(t *testing.T) {
	b := housetest.New(t, housetest.Chain)
	hq := b.HQ()
	c := grown(b, "hanako", 20_000)
	var err error
	for n, lane := range []string{"L1", "L2", "L3"} {
		if _, err = c.Approve(hq.Till(lane).Offer(100)); (err != nil) != (n == 2) {
			t.Errorf("lane %s: %v", lane, err)
		}
	}
	if err != rule.Stopped {
		t.Errorf("%v", err)
	}
}

// What no lane took goes back: not before HQ says that all is here, or it would be however late, and then by itself.
func TestApprovalGivenBack(t *testing.T) {
	for _, tt := range []struct {
		name  string
		until func(b *housetest.Bench, given time.Time)
		back  bool
	}{
		{"at once", func(*housetest.Bench, time.Time) {}, false},
		{"an hour before the end", func(b *housetest.Bench, given time.Time) { b.Clock.Pass(3 * days) }, false},
		{"after all that can be late", func(b *housetest.Bench, given time.Time) { b.Clock.Pass(3*days + rule.OfferSpan) }, true},
		{"HQ has all up to the moment before", func(b *housetest.Bench, given time.Time) {
			b.Clock.Pass(2 * time.Hour)
			b.Must(b.Issuer.Settled(b.Ctx, given.Add(rule.OfferSpan-time.Second)))
		}, false},
		{"HQ has all", func(b *housetest.Bench, given time.Time) {
			b.Clock.Pass(2 * time.Hour)
			b.Must(b.Issuer.Settled(b.Ctx, given.Add(rule.OfferSpan)))
		}, true},
		{"HQ cancels it", func(b *housetest.Bench, given time.Time) {
			list, err := b.Issuer.Approvals(b.Ctx, 0, 1)
			b.Must(err)
			_, err = b.Issuer.Cancel(b.Ctx, list[0].Payment.String())
			b.Must(err)
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := housetest.New(t, housetest.Chain)
			till := b.HQ().Till("L1")
			c := grown(b, "hanako", 20_000)
			offer := till.Offer(8_400)
			text, err := c.Approve(offer)
			b.Must(err)
			tt.until(b, b.Clock.Now())
			want, state := int64(11_600), house.ApprovalGiven
			if tt.back {
				want, state = 20_000, house.ApprovalReturned
			}
			b.Must(b.Issuer.Forget(b.Ctx))
			if got := balance(t, c); got != want {
				t.Errorf("balance %d, want %d", got, want)
			}
			if list, err := b.Issuer.Approvals(b.Ctx, 0, 10); err != nil || len(list) != 1 || list[0].State != state {
				t.Errorf("%+v, %v", list, err)
			}
			if tt.back {
				o, _ := signed.ParseOffer(offer)
				till.Renew(days)
				if _, err := c.Approve(till.OfferAs(o.Payment, 8_400, time.Minute)); err != rule.TooLate {
					t.Errorf("approved again: %v", err)
				}
			}
			wantAudit(t, b, 0)
			_ = text
		})
	}
}

// A lane that was silent for longer than all agreed on brings it after all: the goods are the customer's. What he has is
// taken again, the rest is named as lost, once.
func TestApprovalLate(t *testing.T) {
	b := housetest.New(t, housetest.Chain)
	till := b.HQ().Till("L1")
	c := grown(b, "hanako", 10_000)
	text, err := c.Approve(till.Offer(8_400))
	b.Must(err)
	b.Clock.Pass(4 * days)
	b.Must(b.Issuer.Forget(b.Ctx))
	if got := balance(t, c); got != 10_000 {
		t.Fatalf("balance %d", got)
	}
	till.Renew(days)
	if _, err := c.Approve(till.Offer(7_000)); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		got, err := till.Took(text)
		if err != nil || got.Drawn != (rule.Drawn{Free: 3_000, Lost: 5_400}) || got.Again != (n > 0) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	list, err := b.Issuer.Approvals(b.Ctx, 0, 10)
	if err != nil || list[0].State != house.ApprovalLate || list[0].Lost != 5_400 || balance(t, c) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	wantAudit(t, b, 5_400)
}

func TestTookRefuses(t *testing.T) {
	b := housetest.New(t, housetest.Chain)
	till := b.HQ().Till("L1")
	c := grown(b, "hanako", 10_000)
	text, err := c.Approve(till.Offer(8_400))
	b.Must(err)
	a, _ := signed.ParseApproval(text)
	forged, err := signed.Approve(housetest.Key(t, "another issuer"), a.Approval)
	b.Must(err)
	nobody := a.Approval
	nobody.Account[3]++
	of, err := signed.Approve(b.Config.Signer, nobody)
	b.Must(err)
	p := house.Presentation{Payment: a.Payment, Code: text, Amount: a.Amount, Store: "S001", Lane: "L1"}
	for name, change := range map[string]func(*house.Presentation){
		"another amount": func(p *house.Presentation) { p.Amount.Minor-- }, "another payment": func(p *house.Presentation) { p.Payment[3]++ },
		"forged": func(p *house.Presentation) { p.Code = forged }, "of nobody": func(p *house.Presentation) { p.Code = of },
		"broken": func(p *house.Presentation) { p.Code = signed.ApprovalPrefix },
	} {
		q := p
		change(&q)
		if _, err := b.Issuer.Present(b.Ctx, q); err != rule.BadCode {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The issuer's books are put back to before it: its own signature says what it did.
	b.Must(b.Issuer.Close())
	back := b.Copy(t, housetest.Chain)
	if _, err := raw(t, back.Path).Exec("DROP TRIGGER approval_is_kept; DELETE FROM approval; DROP TRIGGER movement_is_kept; DELETE FROM movement WHERE cause = 'charge'; DELETE FROM charge"); err != nil {
		t.Fatal(err)
	}
	got, err := back.Issuer.Present(back.Ctx, p)
	if err != nil || got.Drawn != (rule.Drawn{Free: 8_400}) {
		t.Errorf("%+v, %v", got, err)
	}
	wantAudit(t, back, 0)
	if _, err := back.Issuer.Cancel(back.Ctx, "0123456789ABCDEFGHJKMNPQRS"); err != nil {
		t.Error(err)
	}
}

// HQ's documents are the chain's, never go back, and survive a restart.
func TestPapers(t *testing.T) {
	b := housetest.New(t, housetest.Chain)
	hq := b.HQ()
	hq.Sign(payment.ID{1})
	trust, doc := hq.Papers()
	forged := *hq
	forged.Root = housetest.Ed(66)
	badTrust, badDoc := forged.Papers()
	for name, p := range map[string][2][]byte{"another root's": {badTrust, nil}, "junk": {[]byte("junk"), nil}, "a policy of no key of HQ's": {nil, append([]byte{}, badDoc[:len(badDoc)-3]...)}} {
		if err := b.Issuer.Papers(b.Ctx, p[0], p[1]); err != rule.BadOffer {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.Must(b.Issuer.Close())
	b.Open()
	b.Must(b.Issuer.Papers(b.Ctx, trust, doc))
	first := housetest.HQ{Bench: b, Root: hq.Root, Ack: hq.Ack, Policy: hq.Policy}
	first.Sign() // version 1 again
	if v, p := b.Issuer.PaperVersions(); v != 2 || p != 2 {
		t.Errorf("versions %d and %d", v, p)
	}
	if none := housetest.New(t, nil); none.Issuer.Papers(none.Ctx, trust, doc) != rule.BadOffer {
		t.Error("an issuer of no chain takes papers")
	}
}

// TestApprovalModel: whatever is offered, paid, taken, settled and waited for, a customer pays for what lanes took and for
// nothing else, but for a while; what is completed is never given back, and the books add up.
func TestApprovalModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := housetest.New(t, func(c *house.Config) {
			housetest.Chain(c)
			c.Limits.Watch.Lanes.Count, c.Limits.SpendDay, c.Limits.TopUpDay, c.Limits.SessionIdle, c.Limits.SessionLife = 9999, 1_000_000, 100_000, 300*days, 300*days
		})
		defer b.Issuer.Close()
		till := b.HQ().Till("L1")
		c := grown(b, "hanako", 60_000)
		type given struct {
			text   string
			amount int64
			at     time.Time
			took   bool
			late   rule.Drawn
		}
		var all []*given
		var settled time.Time
		rt.Repeat(map[string]func(*rapid.T){
			"pay": func(rt *rapid.T) {
				till.Renew(72 * time.Hour)
				yen := rapid.Int64Range(1, 12_000).Draw(rt, "yen")
				if text, err := c.Approve(till.Offer(yen)); err == nil {
					all = append(all, &given{text: text, amount: yen, at: b.Clock.Now()})
				} else if err != rule.NoFunds {
					rt.Fatal(err)
				}
			},
			"took": func(rt *rapid.T) {
				if len(all) == 0 {
					rt.Skip("nothing")
				}
				g := all[rapid.IntRange(0, len(all)-1).Draw(rt, "which")]
				got, err := till.Took(g.text)
				if err != nil || got.Again != g.took || got.Drawn.Earmark+got.Drawn.Free+got.Drawn.Lost != g.amount {
					rt.Fatalf("%+v, %v", got, err)
				}
				g.took = true
				g.late = rule.Drawn{Free: got.Drawn.Free, Lost: got.Drawn.Lost}
				if over := b.Config.Limits.Unclaimed(g.at, settled, b.Clock.Now()); !over && got.Drawn.Earmark != g.amount {
					rt.Fatalf("given back too soon: %+v", got)
				}
			},
			"time": func(rt *rapid.T) {
				b.Clock.Pass(time.Duration(rapid.SampledFrom([]int{1, 50, 61, 1000, 4380}).Draw(rt, "minutes")) * time.Minute)
			},
			"settled": func(rt *rapid.T) {
				until := b.Clock.Now().Add(-time.Duration(rapid.IntRange(0, 90).Draw(rt, "ago")) * time.Minute)
				b.Must(b.Issuer.Settled(b.Ctx, until))
				if until.After(settled) {
					settled = until
				}
			},
			"": func(rt *rapid.T) {
				b.Must(b.Issuer.Forget(b.Ctx))
				want, lost := int64(60_000), int64(0)
				for _, g := range all {
					switch {
					case g.took && g.late.Free+g.late.Lost > 0:
						want, lost = want-g.late.Free, lost+g.late.Lost
					case g.took, !b.Config.Limits.Unclaimed(g.at, settled, b.Clock.Now()):
						want -= g.amount
					}
				}
				a, err := b.Issuer.Audit(b.Ctx)
				if err != nil || a.Lost != lost || a.Balances != want {
					rt.Fatalf("%+v, %v; want %d and %d lost", a, err, want, lost)
				}
			},
		})
	})
}

// Over HTTP a phone pays and HQ lists; neither can do the other's.
func TestApprovalHTTP(t *testing.T) {
	b := housetest.New(t, housetest.Chain)
	hq := b.HQ()
	till := hq.Till("L1")
	c := grown(b, "hanako", 20_000)
	phones, office := serveBoth(t, b)
	offer := till.Offer(8_400)
	o, _ := signed.ParseOffer(offer)
	proof := c.Sign(house.ForApproval, house.ApprovalDetails(o)...)
	var out struct{ Approval string }
	body := map[string]any{"offer": offer, "proof": map[string]any{"challenge": string(proof.Challenge), "signature": proof.Signature}}
	if status := phones.post(t, "/phone/v1/approvals", string(c.Session), body, &out); status != 200 || !strings.HasPrefix(out.Approval, signed.ApprovalPrefix) {
		t.Fatalf("status %d, %+v", status, out)
	}
	var refusal struct{ Error, Message string }
	if status := phones.post(t, "/phone/v1/approvals", string(c.Session), body, &refusal); status != 401 || refusal.Message == "" {
		t.Errorf("the proof again: %d %+v", status, refusal)
	}
	var list struct {
		Approvals []struct {
			No      int64
			Payment payment.ID
			Amount  int64
			State   string
		}
	}
	if status := office.get(t, "/operator/v1/approvals?after=0", &list); status != 200 || len(list.Approvals) != 1 || list.Approvals[0].State != "given" || list.Approvals[0].Amount != 8_400 {
		t.Errorf("%d %+v", status, list)
	}
	var covered struct {
		Earmark int64
		Again   bool
	}
	took := map[string]any{"payment": o.Payment, "code": out.Approval, "amount": 8_400, "currency": "JPY", "store": "S001", "lane": "L1"}
	if status := office.post(t, "/operator/v1/offline", "", took, &covered); status != 200 || covered.Earmark != 8_400 {
		t.Errorf("%d %+v", status, covered)
	}
	list.Approvals = nil
	if status := office.get(t, "/operator/v1/approvals?after=1", &list); status != 200 || len(list.Approvals) != 0 {
		t.Errorf("%d %+v", status, list)
	}
	if status := office.get(t, "/operator/v1/approvals?after=x", &refusal); status != 400 {
		t.Errorf("%d", status)
	}
	hq.Sign()
	trust, doc := hq.Papers()
	var versions struct{ Trust, Policy uint64 }
	if status := office.post(t, "/operator/v1/papers", "", map[string][]byte{"trust": trust, "policy": doc}, &versions); status != 200 || versions.Trust != 2 || versions.Policy != 2 {
		t.Errorf("%d %+v", status, versions)
	}
	if status := office.post(t, "/operator/v1/papers", "", map[string][]byte{"trust": doc}, &refusal); status != 422 && status != 200 {
		t.Errorf("%d", status)
	}
}

// TestApprovalOfFormerKey: a lane took an approval, and was dark while the issuer got another key. HQ's word of it is
// taken, so the money does not go back to the customer whose goods are gone; and nobody's own making is.
func TestApprovalOfFormerKey(t *testing.T) {
	before := housetest.New(t, housetest.Chain)
	till := before.HQ().Till("L1")
	c := before.Funded("hanako", 5_000)
	text, err := c.Approve(till.Offer(1_200))
	before.Must(err)
	before.Must(before.Issuer.Close())
	b := before.Copy(t, func(cfg *house.Config) { housetest.Chain(cfg); cfg.Signer = housetest.Key(t, "the issuer's next") })
	a, err := signed.ParseApproval(text)
	b.Must(err)
	forged, err := signed.Approve(before.Config.Signer, signed.Approval{Payment: a.Payment, Terminal: a.Terminal, Amount: a.Amount, Account: a.Account, At: a.At.Add(time.Second)})
	b.Must(err)
	took := func(code string) error {
		_, err := b.Issuer.Present(b.Ctx, house.Presentation{Payment: a.Payment, Code: code, Amount: a.Amount, Store: "S001", Lane: "L1"})
		return err
	}
	b.Want("another, by the former key", took(forged), rule.BadCode)
	b.Want("the one that was given", took(text), nil)
	b.Clock.Pass(30 * 24 * time.Hour)
	b.Must(b.Issuer.Forget(b.Ctx))
	list, err := b.Issuer.Approvals(b.Ctx, 0, 10)
	if err != nil || len(list) != 1 || list[0].State != house.ApprovalCompleted {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestApprovalWithdrawnUntold: HQ takes a payment back before it ever said that a lane took it, and, its books put back,
// says both again: the money went back once and stays there.
func TestApprovalWithdrawnUntold(t *testing.T) {
	for _, returned := range []bool{false, true} { // by itself, before
		b := housetest.New(t, housetest.Chain)
		till := b.HQ().Till("L1")
		c := grown(b, "hanako", 5_000)
		text, err := c.Approve(till.Offer(1_200))
		b.Must(err)
		a, err := signed.ParseApproval(text)
		b.Must(err)
		if returned {
			b.Clock.Pass(5 * days)
			b.Must(b.Issuer.Forget(b.Ctx))
		}
		again, err := b.Issuer.Withdraw(b.Ctx, a.Payment)
		if err != nil || again != returned || balance(t, c) != 5_000 {
			t.Fatalf("%v, %v, balance %d", again, err, balance(t, c))
		}
		if got, err := till.Took(text); err != nil || !got.Again || balance(t, c) != 5_000 {
			t.Errorf("%+v, %v, balance %d", got, err, balance(t, c))
		}
		if again, err = b.Issuer.Withdraw(b.Ctx, a.Payment); err != nil || !again || balance(t, c) != 5_000 {
			t.Errorf("%v, %v, balance %d", again, err, balance(t, c))
		}
		wantAudit(t, b, 0)
	}
}
