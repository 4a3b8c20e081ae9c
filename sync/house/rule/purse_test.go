package rule_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"tilld/sync/house/rule"
)

var at = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func TestTopUp(t *testing.T) {
	l := rule.Defaults()
	full := rule.Purse{Balance: l.Balance - 5_000}
	tests := []struct {
		name   string
		purse  rule.Purse
		amount int64
		want   rule.Refusal
	}{
		{"one yen", rule.Purse{}, 1, rule.None},
		{"nothing", rule.Purse{}, 0, rule.BadAmount},
		{"less than nothing", rule.Purse{}, -1, rule.BadAmount},
		{"the most of one", rule.Purse{}, l.TopUp, rule.None},
		{"above one", rule.Purse{}, l.TopUp + 1, rule.OverTopUp},
		{"as 7pay took it", rule.Purse{}, 30_000, rule.OverTopUp},
		{"the rest of a day", rule.Purse{ToppedUp: l.TopUpDay - 700}, 700, rule.None},
		{"above a day", rule.Purse{ToppedUp: l.TopUpDay - 700}, 701, rule.OverTopUpDay},
		{"to the balance's cap", full, 5_000, rule.None},
		{"above it", full, 5_001, rule.OverBalance},
		{"above it with what was asked for", rule.Purse{Balance: l.Balance - 5_000, Asked: 1}, 5_000, rule.OverBalance},
		{"small while cooling off", rule.Purse{Cooling: true}, l.CoolingTopUp, rule.None},
		{"not small while cooling off", rule.Purse{Cooling: true}, l.CoolingTopUp + 1, rule.CoolingOff},
		{"small after small", rule.Purse{Cooling: true, CoolingToppedUp: l.CoolingTopUp}, 1, rule.CoolingOff},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.purse.TopUp(&l, tt.amount); got != tt.want {
				t.Errorf("%d: %v, want %v", tt.amount, got, tt.want)
			}
		})
	}
}

func TestSpend(t *testing.T) {
	l := rule.Defaults()
	rich := rule.Purse{Balance: 90_000}
	if got := rich.Spend(&l, false, l.Unbound); got != rule.None {
		t.Errorf("the most of an unbound code: %v", got)
	}
	if got := rich.Spend(&l, false, l.Unbound+1); got != rule.OverSpend {
		t.Errorf("more by an unbound code: %v", got)
	}
	tests := []struct {
		name   string
		purse  rule.Purse
		amount int64
		want   rule.Refusal
	}{
		{"some", rich, 500, rule.None},
		{"nothing", rich, 0, rule.BadAmount},
		{"the most of one", rich, l.Spend, rule.None},
		{"above one", rich, l.Spend + 1, rule.OverSpend},
		{"above a day", rule.Purse{Balance: 90_000, Spent: l.SpendDay - 10}, 11, rule.OverSpendDay},
		{"all there is", rule.Purse{Balance: 700}, 700, rule.None},
		{"more", rule.Purse{Balance: 700}, 701, rule.NoFunds},
		{"what is earmarked", rule.Purse{Balance: 700, Held: 1}, 700, rule.NoFunds},
		{"small while cooling off", rule.Purse{Balance: 90_000, Cooling: true}, l.CoolingSpend, rule.None},
		{"too much while cooling off", rule.Purse{Balance: 90_000, Cooling: true, CoolingSpent: 1}, l.CoolingSpend, rule.CoolingOff},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.purse.Spend(&l, true, tt.amount); got != tt.want {
				t.Errorf("%d: %v, want %v", tt.amount, got, tt.want)
			}
		})
	}
}

func TestEarmark(t *testing.T) {
	l := rule.Defaults()
	tests := []struct {
		name  string
		purse rule.Purse
		want  int64
		r     rule.Refusal
	}{
		{"plenty", rule.Purse{Balance: 90_000}, l.OfflineCap, rule.None},
		{"half of little", rule.Purse{Balance: 90_000, Held: 88_499}, 750, rule.None},
		{"one yen", rule.Purse{Balance: 90_000, Held: 89_999}, 1, rule.None},
		{"nothing", rule.Purse{Balance: 90_000, Held: 90_000}, 0, rule.NoFunds},
		{"cooling off", rule.Purse{Balance: 90_000, Cooling: true}, rule.LeastCap, rule.None},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, r := tt.purse.Earmark(&l); got != tt.want || r != tt.r {
				t.Errorf("%d, %v; want %d, %v", got, r, tt.want, tt.r)
			}
		})
	}
}

func TestDraw(t *testing.T) {
	tests := []struct {
		name               string
		left, free, amount int64
		want               rule.Drawn
	}{
		{"within the earmark", 500, 900, 400, rule.Drawn{Earmark: 400}},
		{"all of it", 500, 900, 500, rule.Drawn{Earmark: 500}},
		{"beyond it", 500, 900, 700, rule.Drawn{Earmark: 500, Free: 200}},
		{"beyond everything", 500, 900, 2_000, rule.Drawn{Earmark: 500, Free: 900, Lost: 600}},
		{"released long ago", 0, 0, 300, rule.Drawn{Lost: 300}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := rule.Draw(tt.left, tt.free, tt.amount); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		left, free := rapid.Int64Range(0, 1e6).Draw(t, "left"), rapid.Int64Range(0, 1e6).Draw(t, "free")
		amount := rapid.Int64Range(1, 3e6).Draw(t, "amount")
		d := rule.Draw(left, free, amount)
		if d.Earmark+d.Free+d.Lost != amount || d.Earmark < 0 || d.Free < 0 || d.Lost < 0 || d.Earmark > left || d.Free > free {
			t.Fatalf("%d of %d and %d: %+v", amount, left, free, d)
		}
		if d.Lost > 0 && (d.Earmark != left || d.Free != free) {
			t.Fatalf("a loss while money is there: %+v", d)
		}
	})
}

func TestRefund(t *testing.T) {
	tests := []struct {
		name                string
		paid, given, amount int64
		want                rule.Refusal
	}{
		{"all", 500, 0, 500, rule.None},
		{"the rest", 500, 499, 1, rule.None},
		{"more than the rest", 500, 499, 2, rule.BadAmount},
		{"nothing", 500, 0, 0, rule.BadAmount},
		{"less than nothing", 500, 0, -1, rule.BadAmount},
	}
	for _, tt := range tests {
		if got := rule.Refund(tt.paid, tt.given, tt.amount); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestTimes(t *testing.T) {
	l := rule.Defaults()
	for age, want := range map[time.Duration]rule.Refusal{
		0: rule.None, l.CodeAge: rule.None, l.CodeAge + 1: rule.CodeExpired, -l.CodeAhead: rule.None, -l.CodeAhead - 1: rule.CodeExpired,
	} {
		if got := l.CodeTime(at.Add(-age), at); got != want {
			t.Errorf("a code of %s ago: %v, want %v", age, got, want)
		}
	}
	expiry := at.Add(4 * time.Hour)
	if got := l.Release(expiry); got != expiry.Add(l.SyncDelay) {
		t.Errorf("released at %s", got)
	}
	for _, tt := range []struct {
		after            time.Duration
		cap, left, fresh int64
		cooling          bool
		want             bool
	}{
		{0, 5, 5, 5, false, false}, {0, 5, 0, 5, false, true}, {2*time.Hour - 1, 5, 5, 5, false, false}, {2 * time.Hour, 5, 5, 5, false, true},
		{5 * time.Hour, 5, 5, 5, false, true}, {0, 5, 5, 1, true, true}, {-time.Hour, 1, 1, 1, true, false},
		{0, 1, 1, 5, false, true}, {0, 1, 1, 1, false, false}, {0, 1, 1, 0, false, false},
	} {
		c := rule.Held{Begins: at, Expires: expiry, Cap: tt.cap, Left: tt.left}
		if got := rule.Renew(c, tt.fresh, tt.cooling, at.Add(tt.after)); got != tt.want {
			t.Errorf("%+v: renewed %v", tt, got)
		}
	}
	if rule.Begins(expiry, at) != expiry || rule.Begins(at, at) != at {
		t.Error("a certificate begins at once, or when the cooling-off is over")
	}
	for _, tt := range []struct {
		name      string
		made, use time.Duration
		want      rule.Refusal
	}{
		{"fresh", 0, 0, rule.None}, {"idle to the limit", time.Hour, l.SessionIdle, rule.None},
		{"idle too long", time.Hour, l.SessionIdle + 1, rule.NotSignedIn},
		{"alive too long", l.SessionLife + 1, 0, rule.NotSignedIn}, {"of the future", -1, -1, rule.NotSignedIn},
	} {
		if got := l.Session(at.Add(-tt.made), at.Add(-tt.use), at); got != tt.want {
			t.Errorf("session, %s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if !rule.Cooling(at.Add(1), at) || rule.Cooling(at, at) || rule.Cooling(time.Time{}, at) {
		t.Error("the cooling-off ends at its end")
	}
}
