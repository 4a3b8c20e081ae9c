package rule_test

import (
	"testing"

	"tilld/sync/house/rule"
)

func TestAllow(t *testing.T) {
	const p, o, ph, rec, nw, m = rule.Password, rule.Outside, rule.Phone, rule.Recovery, rule.NewPhone, rule.Mail
	tests := []struct {
		name string
		wish rule.Wish
		has  rule.Has
		want rule.Refusal
	}{
		{"password and phone", rule.ToSignIn, p | ph, rule.None},
		{"outside log-in and phone", rule.ToSignIn, o | ph, rule.None},
		{"both knowledges, no phone", rule.ToSignIn, p | o, rule.NotProven},
		{"password and mail", rule.ToSignIn, p | m, rule.NotProven},
		{"a recovery code is no phone", rule.ToSignIn, p | rec, rule.NotProven},
		{"bind, old phone at hand", rule.ToBindPhone, p | ph | nw, rule.None},
		{"bind, old phone lost", rule.ToBindPhone, p | rec | nw, rule.None},
		{"bind with a stolen password", rule.ToBindPhone, p | nw, rule.NotProven},
		{"bind with a stolen phone", rule.ToBindPhone, ph | nw, rule.NotProven},
		{"bind with a stolen mailbox", rule.ToBindPhone, p | m | nw, rule.NotProven},
		{"bind by an outside log-in", rule.ToBindPhone, o | ph | nw, rule.NotProven},
		{"bind a key that nobody has", rule.ToBindPhone, p | ph, rule.NotProven},
		{"reset by the contact's ticket", rule.ToReset, m, rule.None},
		{"reset by knowing much", rule.ToReset, p | o | ph, rule.NotProven},
		{"contact", rule.ToChangeContact, p | ph, rule.None},
		{"contact by a session's phone alone", rule.ToChangeContact, ph, rule.NotProven},
		{"contact by mail", rule.ToChangeContact, m | p, rule.NotProven},
		{"link", rule.ToLink, p | ph, rule.None},
		{"link by an outside log-in", rule.ToLink, o | ph, rule.NotProven},
		{"no such wish", 0, ^rule.Has(0), rule.NotProven},
		{"a wish of the future", 99, ^rule.Has(0), rule.NotProven},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := rule.Allow(tt.wish, tt.has); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

// TestTwoFactors walks everything that can be proven and wants two kinds of factor for all that leads to money.
func TestTwoFactors(t *testing.T) {
	for h := range rule.Has(1 << 6) {
		knows, owns := h&(rule.Password|rule.Outside) != 0, h&(rule.Phone|rule.Recovery) != 0
		for _, w := range []rule.Wish{rule.ToSignIn, rule.ToBindPhone, rule.ToChangeContact, rule.ToLink, rule.ToRenewRecovery} {
			if rule.Allow(w, h) == rule.None && !(knows && owns) {
				t.Errorf("wish %d is granted for %06b", w, h)
			}
		}
	}
	for w, want := range map[rule.Wish]bool{rule.ToBindPhone: false, rule.ToReset: false, rule.ToSignIn: false, rule.ToMoveMoney: false,
		rule.ToChangeContact: true, rule.ToLink: true, rule.ToRenewRecovery: true} {
		if rule.Waits(w) != want {
			t.Errorf("wish %d waits for the cooling-off: %v", w, !want)
		}
	}
	for w, want := range map[rule.Wish]bool{rule.ToBindPhone: true, rule.ToReset: true, rule.ToChangeContact: true, rule.ToSignIn: false, rule.ToLink: false} {
		if rule.Cools(w) != want {
			t.Errorf("wish %d cools off: %v", w, !want)
		}
	}
}

func TestStops(t *testing.T) {
	all := []rule.Act{rule.Change, rule.SignIn, rule.Money}
	for r := range rule.Reason(10) {
		for _, a := range all {
			if want := r != rule.Strangers || a == rule.Change; r.Stops(a) != want {
				t.Errorf("%v stops %d: %v", r, a, !want)
			}
		}
		over := r == rule.TopUpRate || r == rule.NewPhoneTopUp || r == rule.ManyLanes || r == rule.DoubleSpent
		if r.OverMoney() != over {
			t.Errorf("%v is over money: %v", r, !over)
		}
		if r.String() == "" && r != 0 {
			t.Errorf("reason %d has no name", uint8(r))
		}
	}
	rate := rule.Rate{Count: 3, Within: 60}
	if rate.Reached(2) || !rate.Reached(3) || rate.Since(at) != at.Add(-60) {
		t.Error("a rate is reached by its count")
	}
}

func TestRefusals(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rule.Refusals() {
		if r.Error() == "" || seen[r.Error()] || r.Code() == "" {
			t.Errorf("refusal %d: %q, %q", uint8(r), r.Error(), r.Code())
		}
		seen[r.Error()] = true
	}
	if rule.None.Err() != nil || rule.Stopped.Err() != error(rule.Stopped) {
		t.Error("only None is no error")
	}
}

func TestLimits(t *testing.T) {
	tests := []struct {
		name   string
		change func(*rule.Limits)
		ok     bool
	}{
		{"as they come", func(*rule.Limits) {}, true},
		{"no currency", func(l *rule.Limits) { l.Currency = "XXX" }, false},
		{"no cap on a top-up", func(l *rule.Limits) { l.TopUp = 0 }, false},
		{"a top-up above a day", func(l *rule.Limits) { l.TopUp = l.TopUpDay + 1 }, false},
		{"no cooling-off", func(l *rule.Limits) { l.Cooling = 0 }, false},
		{"a cooling-off that allows all", func(l *rule.Limits) { l.CoolingTopUp = l.TopUpDay + 1 }, false},
		{"a certificate for a week", func(l *rule.Limits) { l.CertHours = 168 }, false},
		{"no velocity rule", func(l *rule.Limits) { l.Watch.TopUps = rule.Rate{} }, false},
		{"a rate beyond what is remembered", func(l *rule.Limits) { l.Watch.Lanes.Within *= 10_000 }, false},
		{"a balance below one top-up", func(l *rule.Limits) { l.Balance = 10 }, false},
	}
	for _, tt := range tests {
		l := rule.Defaults()
		tt.change(&l)
		if err := l.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
