package house_test

import (
	"fmt"
	"sync"
	"testing"

	"tilld/sync/house"
	"tilld/sync/house/housetest"
	"tilld/sync/house/rule"
)

// together runs f many times at once.
func together(n int, f func(n int)) {
	var all sync.WaitGroup
	for k := range n {
		all.Go(func() { f(k) })
	}
	all.Wait()
}

// TestTogether does the same thing many times at once: it happens once.
func TestTogether(t *testing.T) {
	const many = 16
	b := housetest.New(t, nil)
	c := b.Funded("hanako", 10_000)
	b.Must(c.Certify())
	code := c.Code("s1", "1")
	paid := make([]bool, many)
	together(many, func(n int) {
		r, err := b.Issuer.Charge(b.Ctx, house.Charge{Ref: fmt.Sprintf("R%d", n), Code: code, Amount: housetest.Yen(700), Store: "s1", Lane: "1"})
		if err != nil {
			t.Error(err)
		}
		paid[n] = r.State == house.Paid
	})
	first := c.Pay("s1", "1", 500)
	together(many, func(int) {
		if _, err := b.Issuer.Refund(b.Ctx, "F1", first.Ref, housetest.Yen(300)); err != nil {
			t.Error(err)
		}
	})
	count := 0
	for _, p := range paid {
		if p {
			count++
		}
	}
	if count != 1 {
		t.Errorf("one code paid %d times", count)
	}
	wantMoney(c, 10_000-700-500+300, 5_000)

	u := house.TopUp{Session: c.Session, Ref: "T1", Amount: housetest.Yen(900), Source: "card"}
	proofs := make([]house.Proof, many)
	for n := range proofs {
		proofs[n] = c.Sign(house.ForTopUp, "T1", "900", "card")
	}
	together(many, func(n int) {
		u := u
		u.Proof = proofs[n]
		if state, err := b.Issuer.TopUp(b.Ctx, c.From, u); err != nil || (state != house.TopUpCredited && state != house.TopUpAsked) {
			t.Errorf("%s, %v", state, err)
		}
	})
	wantMoney(c, 10_000, 5_000)
	if _, err := b.Issuer.Audit(b.Ctx); err != nil {
		t.Error(err)
	}
}

// TestGuessesTogether guesses side by side: no more are answered than one after the other.
func TestGuessesTogether(t *testing.T) {
	b := housetest.New(t, nil)
	c := b.Customer("hanako")
	most := b.Config.Limits.Watch.Guesses.Count
	proofs := make([]house.Proof, 3*most)
	for n := range proofs {
		proofs[n] = c.Sign(house.ForSignIn, c.Login)
	}
	together(len(proofs), func(n int) {
		_, _ = b.Issuer.SignIn(b.Ctx, c.From, house.SignIn{Login: c.Login, Password: house.Secret(fmt.Sprintf("a guess of a thief %d", n)), Proof: proofs[n]})
	})
	wantStop(b, c.Login, rule.Guessing)
	b.Want("the right one after them", c.SignIn(), rule.Stopped)
}
