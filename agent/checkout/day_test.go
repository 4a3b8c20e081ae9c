package checkout

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"tilld/agent/payment"
)

func TestRollDue(t *testing.T) {
	day := 24 * time.Hour
	tests := []struct {
		name      string
		s         State
		at        time.Duration // from noon of 22 November in Tokyo
		trusted   bool
		restarted bool
		boot      time.Duration // since the sale was touched
		want      bool
	}{
		{"first start", State{}, 0, true, false, 0, true},
		{"first start, HQ never spoke", State{}, 0, false, false, 0, true},
		{"first start in 1970", State{}, -57 * 365 * day, false, false, 0, false},
		{"the same day", State{Day: today}, 0, true, false, 0, false},
		{"before the roll", State{Day: today}, 15*time.Hour + 59*time.Minute, true, false, 0, false},
		{"at the roll, 04:00", State{Day: today}, 16 * time.Hour, true, false, 0, true},
		{"after the roll, restarted", State{Day: today}, 16 * time.Hour, true, true, 0, true},
		{"after the roll, untrusted", State{Day: today}, 16 * time.Hour, false, false, 0, false},
		{"a week later", State{Day: today, Phase: Paid}, 7 * day, true, false, 0, true},
		{"HQ puts a fast clock right", State{Day: today + 1, Opened: noon.Add(18 * time.Hour)}, 0, true, false, 0, true},
		{"the wall clock alone can't go back", State{Day: today + 1, Opened: noon.Add(18 * time.Hour)}, 0, true, true, 0, false},
		{"an open sale holds the day", State{Day: today, Phase: Open}, 16 * time.Hour, true, false, StaleSale, false},
		{"a refused one too", State{Day: today, Phase: Refused}, 16 * time.Hour, true, false, 0, false},
		{"a forgotten one does not", State{Day: today, Phase: Open}, 16 * time.Hour, true, false, StaleSale + 1, true},
		{"a paid one does not", State{Day: today, Phase: Paid}, 16 * time.Hour, true, false, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := lane(t, document())
			tt.s.Touched = c.Now.Boot - tt.boot
			c.Now.Time, c.Now.Trusted, c.Now.Restarted = noon.Add(tt.at), tt.trusted, tt.restarted
			if got := RollDue(tt.s, c); got != tt.want {
				t.Errorf("got %v", got)
			}
			_, err := Apply(tt.s, DayRoll{First: 1}, c)
			if (err == nil) != tt.want {
				t.Errorf("rolling: %v", err)
			}
		})
	}
}

// TestNoPolicyTakesADateBack: a later roll, or a zone further west, says of the present moment that it is of the
// date before. That one is closed: the date that is open stays until the next begins by the new terms. It is no
// other when HQ has found a fork meanwhile. A clock that was fast is another matter, which HQ's time sets right.
func TestNoPolicyTakesADateBack(t *testing.T) {
	honolulu := mustZone("Pacific/Honolulu")
	for _, tt := range []struct {
		name string
		to   func(*Place)
		next time.Duration // from noon in Tokyo: the first moment of the next date by the new terms
	}{
		{"a later roll", func(p *Place) { p.Roll = 12*time.Hour + time.Minute }, 24*time.Hour + time.Minute},
		{"another zone", func(p *Place) { p.Zone = honolulu }, 35 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := lane(t, document())
			s := mustApply(t, State{}, DayRoll{}, c).State
			tt.to(&c.Place)
			if to := businessDate(c); to >= today {
				t.Fatalf("the new terms make it %v: this tests nothing", to)
			}
			if RollDue(s, c) {
				t.Error("the date rolls back")
			}
			fork := s
			fork.Day, fork.Before = 0, s.Day
			if d := mustApply(t, fork, DayRoll{}, c); d.Drafts[0].Date != today || d.State.Day != today || RollDue(d.State, c) {
				t.Errorf("the new epoch begins on %v", d.Drafts[0].Date)
			}
			at := func(d time.Duration) Context { c := c; c.Now.Time = noon.Add(d); return c }
			if RollDue(s, at(tt.next-1)) {
				t.Error("the date rolls before the new terms say so")
			}
			if d := mustApply(t, s, DayRoll{First: 1}, at(tt.next)); d.State.Day != today+1 {
				t.Errorf("the next date is %v", d.State.Day)
			}
			if RollDue(s, at(-jitter)) {
				t.Error("the date goes back because HQ's second answer was quicker than its first")
			}
			if d := mustApply(t, fork, DayRoll{}, c); RollDue(d.State, at(-jitter)) {
				t.Error("so it does behind a fork")
			}
			if !RollDue(s, at(-jitter-time.Second)) {
				t.Error("HQ's time can't set right a date that was opened by a fast clock")
			}
		})
	}
}

func TestDayRoll(t *testing.T) {
	c := lane(t, document())
	first := mustApply(t, State{}, DayRoll{}, c)
	if !slices.Equal(kinds(first.Drafts), []payment.Kind{payment.KindDayOpened}) || first.Drafts[0].Date != today || first.State.Day != today {
		t.Errorf("the first day: %+v", first)
	}

	next := c
	next.Now.Time = noon.Add(16 * time.Hour)
	totals := []payment.DayTotal{
		{Wallet: "paypay", Currency: "JPY", Count: 1, Sum: 500},
		{Wallet: "house", Currency: "JPY", Count: 3, Sum: 3000, VoidCount: 1, VoidSum: 1000},
	}
	s := mustApply(t, opened(1000), goodScan(), c).State
	d := mustApply(t, s, DayRoll{First: 17, Totals: totals}, next)
	if !slices.Equal(kinds(d.Drafts), []payment.Kind{payment.KindDayClosed, payment.KindDayOpened}) {
		t.Fatalf("facts %v", kinds(d.Drafts))
	}
	want := &payment.DayClosed{FirstSeq: 17, Totals: []payment.DayTotal{totals[1], totals[0]}}
	if !reflect.DeepEqual(d.Drafts[0].Fact, want) || d.Drafts[0].Date != today || d.Drafts[1].Date != 20261123 || d.State.Day != 20261123 {
		t.Errorf("drafts %+v", d.Drafts)
	}
	if d.State.Phase != Paid || d.State.Last.Payment != id(100) {
		t.Errorf("the paid sale is lost: %+v", d.State)
	}

	forgotten := opened(1000)
	next.Now.Boot = StaleSale + 1
	d = mustApply(t, forgotten, DayRoll{First: 17}, next)
	if !slices.Equal(kinds(d.Drafts), []payment.Kind{payment.KindSaleCancelled, payment.KindDayClosed, payment.KindDayOpened}) ||
		d.Drafts[0].Date != today || d.State.Phase != Cancelled {
		t.Errorf("a forgotten sale: %+v", d)
	}
}

// TestNewEpochUnderAWaitingSale: a fork was found while a customer stood at the till. The date is opened in the
// new epoch, and the sale is neither ended nor in the way.
func TestNewEpochUnderAWaitingSale(t *testing.T) {
	c := lane(t, document())
	s := opened(1000)
	s.Day = 0
	d := mustApply(t, s, DayRoll{}, c)
	if !slices.Equal(kinds(d.Drafts), []payment.Kind{payment.KindDayOpened}) || d.State.Phase != Open || d.State.Day != today {
		t.Fatalf("%+v", d)
	}
	if d = mustApply(t, d.State, goodScan(), c); d.State.Phase != Paid || d.Drafts[0].Date != today {
		t.Errorf("the sale can't be paid: %+v", d)
	}
}

func TestDayRollRefuses(t *testing.T) {
	c := lane(t, document())
	c.Now.Time = noon.Add(16 * time.Hour)
	s := State{Day: today}
	for name, e := range map[string]DayRoll{
		"no first entry":     {},
		"negative":           {First: 1, Totals: []payment.DayTotal{{Wallet: "house", Currency: "JPY", Sum: -1}}},
		"more voided":        {First: 1, Totals: []payment.DayTotal{{Wallet: "house", Currency: "JPY", Count: 1, Sum: 1, VoidCount: 1, VoidSum: 2}}},
		"more voids":         {First: 1, Totals: []payment.DayTotal{{Wallet: "house", Currency: "JPY", Count: 1, Sum: 1, VoidCount: 2}}},
		"no wallet":          {First: 1, Totals: []payment.DayTotal{{Currency: "JPY"}}},
		"a strange currency": {First: 1, Totals: []payment.DayTotal{{Wallet: "house", Currency: "X"}}},
	} {
		if d, err := Apply(s, e, c); payment.CodeOf(err) != payment.Internal || len(d.Drafts) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.Stopped = true
	if _, err := Apply(s, DayRoll{First: 1}, c); payment.CodeOf(err) != payment.Retry {
		t.Errorf("journal stopped: %v", err)
	}
}
