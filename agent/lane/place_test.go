package lane

import (
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
)

// newPolicy has HQ change the policy of a lane that runs.
func (r *rig) newPolicy(edit func(*policy.Document)) {
	r.t.Helper()
	r.doc.Version++
	edit(r.doc)
	raw, err := r.doc.Sign(r.policy)
	r.ok(err)
	r.ok(r.lane.Policy(r.t.Context(), raw))
	r.bundle = r.lane.Bundle() // what a restart finds
}

// opened sells something and says on which date, and when the lane says that the next one begins.
func (r *rig) opened() (payment.Date, time.Time) {
	r.t.Helper()
	s := r.sale(100)
	_, err := r.lane.CancelSale(r.t.Context(), s.ID)
	r.ok(err)
	return s.Date, r.lane.View().NextRoll
}

// TestPolicyMovesTheDay: a lane that runs rolls its business date by the policy that it was given last.
func TestPolicyMovesTheDay(t *testing.T) {
	r := newRig(t, func(d *policy.Document) { d.Roll = 2 * 3600 })
	utc := func(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, time.UTC) }
	date, next := r.opened() // 22 November, 12:00 in Tokyo
	if date != 20261122 || !next.Equal(utc(22, 17)) {
		t.Fatalf("%v until %v", date, next)
	}
	r.newPolicy(func(d *policy.Document) { d.Roll, d.Zone = 5*3600, "Asia/Taipei" })
	if v := r.lane.View(); v.Place.Zone.String() != "Asia/Taipei" || v.Place.Roll != 5*time.Hour || !v.NextRoll.Equal(utc(22, 21)) {
		t.Errorf("under the new policy: %v, %v, the next date at %v", v.Place.Zone, v.Place.Roll, v.NextRoll)
	}
	r.pass(utc(22, 20).Sub(start)) // 05:00 in Tokyo, 04:00 in Taipei
	if date, _ = r.opened(); date != 20261122 {
		t.Errorf("before the roll: %v", date)
	}
	r.pass(time.Hour)
	if date, next = r.opened(); date != 20261123 || !next.Equal(utc(23, 21)) {
		t.Errorf("after the roll: %v until %v", date, next)
	}
}

// TestPolicyTakesNoDateBack: terms by which the present moment is of the date before leave the date that is open
// as it is, over a restart and over a fork too.
func TestPolicyTakesNoDateBack(t *testing.T) {
	r := newRig(t, nil)
	r.pass(16*time.Hour + time.Minute) // 04:01 on the 23rd in Tokyo
	r.contact()
	if date, _ := r.opened(); date != 20261123 {
		t.Fatalf("before: %v", date)
	}
	r.newPolicy(func(d *policy.Document) { d.Roll = 6 * 3600 })
	same := func(when string) {
		t.Helper()
		if date, next := r.opened(); date != 20261123 || !next.Equal(time.Date(2026, 11, 23, 21, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: %v until %v", when, date, next)
		}
	}
	same("under a later roll")
	r.restart()
	r.contact()
	same("after a restart")
	at, err := r.journal.State(t.Context())
	r.ok(err)
	r.ok(r.lane.Forked(t.Context(), at.Current.Epoch))
	same("in a new epoch")
	days, err := r.journal.Days(t.Context(), 0)
	r.ok(err)
	if len(days) != 2 || days[0].Date != 20261123 || days[1].Date != 20261123 {
		t.Errorf("the journal's dates are %+v", days)
	}
	r.pass(26 * time.Hour) // 06:01 on the 24th
	r.contact()
	if date, _ := r.opened(); date != 20261124 {
		t.Errorf("the next date is %v", date)
	}
}

// TestFirstPolicy: a lane that begins without a policy keeps the place that it was given, and takes the terms of
// the first that comes.
func TestFirstPolicy(t *testing.T) {
	r := newRig(t, func(d *policy.Document) { d.Roll, d.Zone = 3600, "Asia/Taipei" })
	r.stop()
	full := r.bundle
	trust, raw := full.Raw()
	var err error
	r.bundle, err = policy.Load(full.Root(), full.Chain(), trust, nil)
	r.ok(err)
	r.open()
	if p := r.lane.View().Place; p.Zone.String() != "Asia/Tokyo" || p.Roll != 4*time.Hour {
		t.Errorf("without a policy: %v, %v", p.Zone, p.Roll)
	}
	r.ok(r.lane.Policy(t.Context(), raw))
	if p := r.lane.View().Place; p.Zone.String() != "Asia/Taipei" || p.Roll != time.Hour {
		t.Errorf("under the first policy: %v, %v", p.Zone, p.Roll)
	}
}

// TestPlaceStaysWithoutAPolicy: when the trust bundle withdraws the policy, its terms stay until others come.
func TestPlaceStaysWithoutAPolicy(t *testing.T) {
	r := newRig(t, func(d *policy.Document) { d.Roll = 3600 })
	trust := *r.bundle.Trust()
	trust.Version, trust.Policy = 2, 9
	raw, err := trust.Sign(r.root)
	r.ok(err)
	r.ok(r.lane.Policy(t.Context(), raw))
	if v := r.lane.View(); v.Policy != 0 || v.Place.Roll != time.Hour {
		t.Errorf("policy %d, the roll at %v", v.Policy, v.Place.Roll)
	}
}
