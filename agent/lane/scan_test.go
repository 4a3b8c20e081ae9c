package lane

import (
	"context"
	"testing"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/drivers/scanner"
)

// TestGoodsArePassedWhateverTheJournalDoes: what is for the POS reaches it though nothing can be written, neither
// the day's roll that is due nor the refusal of a text that nobody knows.
func TestGoodsArePassedWhateverTheJournalDoes(t *testing.T) {
	const goods, unknown = "4901234567894", "M-4711-B"
	scans := func(t *testing.T, r *rig, text string) {
		t.Helper()
		before := r.lane.LastEvent()
		r.scan(text)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if list, err := r.lane.EventsAfter(ctx, before); err != nil || list[0].Kind != ScanPassed || list[0].Text != text || list[0].AIM != "]Q1" {
			t.Errorf("%s: %+v, %v", text, list, err)
		}
	}
	t.Run("the day is to roll", func(t *testing.T) {
		r := newRig(t, nil)
		r.opened()
		r.ok(r.journal.Close())
		r.pass(24 * time.Hour)
		scans(t, r, goods)
		scans(t, r, unknown)
	})
	t.Run("a sale waits", func(t *testing.T) {
		r := newRig(t, nil)
		r.sale(100)
		r.ok(r.journal.Close())
		scans(t, r, goods)
		scans(t, r, unknown)
	})
}

// TestThePolicysMarket: what only length and market tell is read as the market's that the policy names, and a policy
// from before there was one means what it meant.
func TestThePolicysMarket(t *testing.T) {
	for _, tt := range []struct {
		market, text string
		format       paycode.Format
		reason       payment.Reason
		wallet       string
	}{
		{"TW", "771234567890123456", paycode.Numeric, payment.OnlineOnly, "linepay"},
		{"TH", "771234567890", paycode.Numeric, payment.OnlineOnly, "linepay"},
		{"JP", "771234567890123456", paycode.Numeric, payment.UnknownCode, ""},
		{"", "771234567890123456", paycode.Numeric, payment.UnknownCode, ""},
		{"TW", "9527", paycode.TWDonation, payment.NotPaymentCode, ""},
		{"JP", "9527", paycode.Numeric, payment.UnknownCode, ""},
		{"", "9527", paycode.TWDonation, payment.NotPaymentCode, ""},
	} {
		t.Run(tt.market+" "+tt.text, func(t *testing.T) {
			r := newRig(t, func(d *policy.Document) { d.Market, d.Wallets = tt.market, []string{"house", "linepay"} })
			r.sale(100)
			e := r.lane.examine(scanner.Symbol{Text: tt.text}, r.lane.context())
			wallet := append(e.Wallets, "")[0]
			if e.Format != tt.format || wallet != tt.wallet {
				t.Errorf("read as %s, wallet %q", e.Format, wallet)
			}
			v := r.scan(tt.text)
			if tt.format == paycode.TWDonation {
				if v.Notice != NoticeGoods {
					t.Errorf("notice %q", v.Notice)
				}
				return
			}
			if v.Answer.Reason != tt.reason || v.Answer.Wallet != tt.wallet {
				t.Errorf("answered %v, wallet %q", v.Answer.Reason, v.Answer.Wallet)
			}
		})
	}
}

// TestAnotherCodeAfterThePayment: only the code that has paid is called that. Any other is told that it was not
// charged, also after a restart, when the code that paid is known to the journal alone; and when the screen is free
// again, that no sale is open.
func TestAnotherCodeAfterThePayment(t *testing.T) {
	for _, fromPOS := range []bool{false, true} {
		r := newRig(t, nil)
		_, _, err := r.lane.OpenSale(t.Context(), NewSale{Sale: newSale(700), FromPOS: fromPOS})
		r.ok(err)
		p := r.phone(1)
		code := p.code()
		paid := r.scan(code).Answer.Payment
		for _, restart := range []bool{false, true} {
			if restart {
				r.restart()
			}
			for _, tt := range []struct {
				text string
				want checkout.Kind
			}{{p.code(), checkout.Surplus}, {code, checkout.Again}, {"281234567890123456", checkout.Surplus}, {r.phone(2).code(), checkout.Surplus}} {
				v := r.scan(tt.text)
				if v.Answer.Kind != tt.want || v.Answer.Payment != paid || v.Phase != checkout.Paid || v.Notice != "" || v.UsedCount != 1 {
					t.Errorf("after a restart %v: %v, want %v; %v, notice %q, %d payments", restart, v.Answer.Kind, tt.want, v.Phase, v.Notice, v.UsedCount)
				}
			}
		}
		r.ok(r.lane.Next(t.Context()))
		if v := r.scan(p.code()); !v.Cleared || v.Notice != NoticeNoSale {
			t.Errorf("on a free screen: cleared %v, notice %q", v.Cleared, v.Notice)
		}
		if v := r.scan(code); !v.Cleared || v.Notice != NoticeUsed {
			t.Errorf("the code of before on a free screen: cleared %v, notice %q", v.Cleared, v.Notice)
		}
	}
}
