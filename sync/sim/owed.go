package sim

import (
	"tilld/agent/checkout"
	"tilld/agent/lane"
	"tilld/agent/payment"
)

// owed is a payment that was journalled by a program which died before anybody saw it.
type owed struct {
	payment payment.ID
	day     payment.Date
}

// blinks says whether the program dies between a commit and the screen.
func (t *till) blinks() bool {
	yes := t.random.Float64() < t.w.plan.Blink
	if yes {
		t.w.truth.blinks++
	}
	return yes
}

// owes ends the program now: what it shows nobody sees.
func (p *program) owes(v lane.View, c *shownCode) {
	p.w.truth.paidBy[v.Answer.Payment] = c
	p.memory.owed = &owed{v.Answer.Payment, v.Day}
	p.w.trace("lane %s dies before it shows %s", p.name, v.Answer.Payment)
	p.w.must(p.disk.Kill())
}

// showsWhatItOwes wants a program that starts to show a payment which its predecessor took and could not show, as
// long as its business date is open.
func (p *program) showsWhatItOwes() {
	o := p.memory.owed
	p.memory.owed = nil
	if v := p.lane.View(); o != nil && v.Day == o.day && (v.Phase != checkout.Paid || v.Answer.Payment != o.payment) {
		p.w.fail("lane %s took %s, died before it showed that, and starts with a screen that is %s", p.name, o.payment, v.Phase)
	}
}
