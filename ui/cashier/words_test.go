package cashier

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/ui/web"
)

// TestWordsHoldWithTheLineUp: this lane decides by itself, the line up or down. So no reason that has to do with its
// limits may say that the network is missing, beside a header that says it is there.
func TestWordsHoldWithTheLineUp(t *testing.T) {
	limits := []payment.Reason{payment.OverPaymentCap, payment.OverAccountCap, payment.OverAccountCount, payment.OverShareSum, payment.OverShareCount}
	for lang, offline := range map[string][]string{
		"en": {"network", "the line", "offline"}, "ja": {"通信", "オフライン"}, "zh-Hant": {"離線", "連線", "網路"},
	} {
		for _, r := range limits {
			for _, part := range []string{"", ".do", ".do.pos"} {
				text := web.Word(lang, "reason."+r.String()+part, "")
				for _, word := range offline {
					if strings.Contains(text, word) {
						t.Errorf("%s of %s in %s speaks of the line: %s", part, r, lang, text)
					}
				}
			}
		}
	}
}

// TestOnlyATillSplits: the page has no way to ask a wallet for a part, so it offers none.
func TestOnlyATillSplits(t *testing.T) {
	page, err := New(newTill(), nil, "en", func() *time.Location { return time.UTC }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range payment.Reasons() {
		for _, fromPOS := range []bool{false, true} {
			var b bytes.Buffer
			v := newTill().view
			v.State, v.Amount, v.Reason, v.FromPOS = Refused, payment.Of(9000, "JPY"), reason, fromPOS
			if err := page.pages.Fragment(&b, "en", "view", v); err != nil {
				t.Fatal(err)
			}
			want := fromPOS && (reason == payment.OverPaymentCap || reason == payment.OverAccountCap)
			if strings.Contains(b.String(), "split") != want {
				t.Errorf("%s, from the till %v: offers to split: %v", reason, fromPOS, !want)
			}
		}
	}
}
