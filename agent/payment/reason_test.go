package payment

import (
	"encoding/json"
	"regexp"
	"testing"
)

func TestReasonNames(t *testing.T) {
	all := Reasons()
	if len(all) != int(reasonEnd)-1 {
		t.Fatalf("%d reasons of %d", len(all), reasonEnd-1)
	}
	form := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	seen := map[string]Reason{ReasonNone.String(): ReasonNone}
	for _, r := range all {
		name := r.String()
		if !form.MatchString(name) {
			t.Errorf("reason %d is named %q", r, name)
		}
		if other, ok := seen[name]; ok {
			t.Errorf("%d and %d are both named %q", r, other, name)
		}
		seen[name] = r
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var got Reason
		if err := json.Unmarshal(text, &got); err != nil || got != r {
			t.Errorf("%s was read as %v, %v", text, got, err)
		}
	}
}

// The numbers are signed into entries. A change here is a change of what old journals say.
func TestReasonNumbersStay(t *testing.T) {
	for r, want := range map[Reason]string{
		0: "none", 1: "not_payment_code", 2: "unknown_code", 3: "malformed_code", 4: "online_only", 5: "bad_signature",
		6: "unknown_issuer", 7: "certificate_expired", 8: "certificate_not_yet", 9: "code_expired", 10: "code_from_future",
		11: "code_used", 12: "counter_not_above", 13: "other_place", 14: "account_revoked", 15: "key_revoked",
		16: "issuer_revoked", 17: "wallet_disabled", 18: "currency_mismatch", 19: "over_payment_cap", 20: "over_account_cap",
		21: "over_share_sum", 22: "over_share_count", 23: "offline_too_long", 24: "clock_untrusted", 25: "no_policy",
		26: "journal_stopped", 27: "terminal_revoked", 28: "amount_not_eligible", 29: "unbound_above_cap",
		30: "storage_full", 31: "over_account_count", 32: "operator_declined", 33: "no_funds", 34: "over_wallet_limit", 35: "customer_said_no", 36: "customer_too_slow", 37: "account_stopped", 38: "shop_not_allowed", 39: "operator_busy", 40: "asked_too_late", 41: "taken_back", 42: "hq_away",
		43: "approval_elsewhere", 44: "approval_ended", 45: "approval_used", 46: "approval_differs",
	} {
		if got := r.String(); got != want {
			t.Errorf("%d is %q, was %q", r, got, want)
		}
	}
}

func TestUnknownReason(t *testing.T) {
	if got := Reason(60000).String(); got != "reason_60000" {
		t.Errorf("got %q", got)
	}
	if Reason(60000).Transient() {
		t.Error("a reason that nobody knows promises nothing")
	}
	for _, s := range []string{"", "Code_used", "reason_11", "code used"} {
		r := CodeUsed
		if err := r.UnmarshalText([]byte(s)); err == nil || r != CodeUsed {
			t.Errorf("%q was read as %v", s, r)
		}
	}
}

func TestTransientReasons(t *testing.T) {
	for r, want := range map[Reason]bool{CodeExpired: true, CodeUsed: true, OtherPlace: true, AccountRevoked: false, OverShareSum: false, ReasonNone: false} {
		if r.Transient() != want {
			t.Errorf("%v: %v", r, !want)
		}
	}
}

func TestOutcomeText(t *testing.T) {
	for o, want := range map[Outcome]string{NoOutcome: "", Paid: "paid", NotPaid: "not_paid", Pending: "pending", Unknown: "unknown", 9: "outcome_9"} {
		if got, err := o.MarshalText(); err != nil || string(got) != want {
			t.Errorf("%d: %q, %v", o, got, err)
		}
	}
}
