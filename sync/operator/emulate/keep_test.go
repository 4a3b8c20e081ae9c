package emulate

import (
	"reflect"
	"strings"
	"testing"

	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/sync/operator"
)

var acquired = map[Wallet]Party{
	"merpay":   {ID: "m", Secret: operator.SecretOf("m"), Acquired: Acquired{Prefix: "/merpay/v1", AID: "A000000065039202", PAN: "31589900"}},
	"unionpay": {ID: "u", Secret: operator.SecretOf("u"), Acquired: Acquired{Prefix: "/unionpay/v1", AID: "A000000333010102", PAN: "62"}},
}

// TestAcquiredCodes: a lane tells an acquired wallet by its code alone, and no two codes are the same.
func TestAcquiredCodes(t *testing.T) {
	s, err := New(Config{Wallets: acquired})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[operator.Code]bool{}
	for w := range acquired {
		if err := s.SetCustomer(w, Customer{Name: "a", Balance: payment.Of(100, "JPY")}); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			code, err := s.Show(w, "a")
			if err != nil || seen[code] {
				t.Fatalf("%s: seen %v, %v", w, seen[code], err)
			}
			seen[code] = true
			c := paycode.Classify(string(code), paycode.Options{Table: paycode.DefaultTable(), Market: "JP"})
			if c.Format != paycode.EMVCoCPM || len(c.Candidates) == 0 || c.Candidates[0].Wallet != string(w) || len(c.Warnings) > 0 {
				t.Fatalf("%s: %+v", w, c)
			}
		}
	}
	for _, bad := range []Acquired{{AID: "zz"}, {AID: "A0"}, {PAN: "12x"}, {PAN: strings.Repeat("1", 18)}} {
		bad.Prefix = "/x"
		if _, err := New(Config{Wallets: map[Wallet]Party{"x": {ID: "x", Acquired: bad}}}); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestBooksAreKept: operators that begin again know what they knew, and no code.
func TestBooksAreKept(t *testing.T) {
	s := newServer(t)
	if err := s.SetCustomer(PayPay, Customer{Name: "Hana", Balance: payment.Of(500, "JPY")}); err != nil {
		t.Fatal(err)
	}
	l := s.ledgers[PayPay]
	var codes []string
	pay := func(ref operator.Ref, minor int64) {
		code, err := s.Show(PayPay, "Hana")
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, string(code))
		l.do(Pay, ask{ref: ref, code: string(code), amount: payment.Of(minor, "JPY")}, s.cfg.Now())
	}
	pay("R1", 120)
	pay("R2", 10_000)
	l.do(Refund, ask{ref: "R1", refund: "F1", amount: payment.Of(20, "JPY")}, s.cfg.Now())
	book, err := s.Save()
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range codes {
		if strings.Contains(string(book), code) {
			t.Error("a code is kept")
		}
	}
	again, err := New(Config{Wallets: s.parties(), Book: book, Now: s.cfg.Now})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := s.Charges(PayPay, 9), again.Charges(PayPay, 9); len(a) != 2 || !reflect.DeepEqual(a, b) {
		t.Errorf("had %+v, has %+v", a, b)
	}
	if c, err := again.Customer(PayPay, "Hana"); err != nil || c.Balance != payment.Of(400, "JPY") {
		t.Errorf("%+v, %v", c, err)
	}
	again.ledgers[PayPay].do(Refund, ask{ref: "R1", refund: "F1", amount: payment.Of(20, "JPY")}, s.cfg.Now())
	if c, _ := again.Book(PayPay, "R1"); c.Net != 100 || c.Refunded != 20 {
		t.Errorf("the same refund again: %+v", c)
	}
	for _, bad := range []string{"x", `{"paypay":{"charges":[{"ref":"R1","outcome":"lent"}]}}`, `{"paypay":{"charges":[{"ref":"R1","outcome":"paid"},{"ref":"R1","outcome":"paid"}]}}`} {
		if _, err := New(Config{Wallets: s.parties(), Book: []byte(bad)}); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func (s *Server) parties() map[Wallet]Party { return s.cfg.Wallets }
