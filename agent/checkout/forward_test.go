package checkout

import (
	"encoding/base64"
	"strings"
	"testing"

	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

// TestForwardedAsScanned: a customer's code goes to its operator byte for byte, whatever it had to be forgiven to be
// understood: how its base 64 is written, objects that no table has, lengths that are longer than they need be.
func TestForwardedAsScanned(t *testing.T) {
	plain := func(objects string) string {
		application := "\x4f\x07\xa0\x00\x00\x03\x33\x01\x02" + objects
		return base64.StdEncoding.EncodeToString([]byte("\x85\x05CPV01\x61\x81" + string([]byte{byte(len(application))}) + application))
	}
	odd := plain("\x63\x81\x08\xfb\xef\xbe\xfb\xff\xbf\xef\xbe" + "\x5f\x34\x01\x00" + "\x5a\x02ab" + "\x50\x01x")
	if !strings.Contains(odd, "+") || !strings.Contains(odd, "/") || !strings.HasSuffix(odd, "=") {
		t.Fatalf("%s shows nothing", odd)
	}
	doc := document()
	doc.Wallets, doc.Features = []string{"unionpay"}, []string{policy.Online}
	c := lane(t, doc)
	c.Online = true
	for name, text := range map[string]string{
		"as the specification has it": plain("\x5a\x08\x62\x12\x34\x56\x78\x90\x12\x34"),
		"as it should not be":         odd,
		"a space inside":              odd[:20] + " " + odd[20:],
		"spaces for plus signs":       strings.ReplaceAll(odd, "+", " "),
		"without padding":             strings.TrimRight(odd, "="),
		"the other alphabet":          strings.NewReplacer("+", "-", "/", "_").Replace(odd),
	} {
		r := Examine(paycode.Classify(text, paycode.Options{Table: &doc.Codes, On: today, Market: "JP", Wallets: doc.Wallets}), c.Bundle.Trust(), noon)
		d := mustApply(t, opened(1_000), Scan{Payment: id(100), Read: r, Hash: []byte("h")}, c)
		if d.State.Phase != Asking || d.Answer.Kind != Asked || d.Drafts[0].Fact.(*payment.Asked).Wallet != "unionpay" {
			t.Errorf("%s: %v, %+v", name, d.State.Phase, d.Answer)
		}
		if string(r.Text) != text {
			t.Errorf("%s: %q became %q", name, text, string(r.Text))
		}
	}
}
