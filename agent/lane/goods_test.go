package lane

import (
	"testing"

	"tilld/agent/policy"
)

// passedOn says whether a scan went on to the POS.
func (r *rig) passedOn(text string) bool {
	r.t.Helper()
	before := r.lane.LastEvent()
	r.scan(text)
	if r.lane.LastEvent() == before {
		return false
	}
	list, err := r.lane.EventsAfter(r.t.Context(), before)
	r.ok(err)
	return list[0].Kind == ScanPassed && list[0].Text == text
}

// An article has as many digits as a wallet's code in another wallet's market: a store that does not take that wallet
// sells the article.
func TestGoodsAsLongAsACode(t *testing.T) {
	for market, goods := range map[string]string{"TH": "036000291452", "TW": "406141412345678905"} {
		r := newRig(t, func(d *policy.Document) { d.Market = market })
		if !r.passedOn(goods) {
			t.Errorf("%s: %s is kept from the POS", market, goods)
		}
		r.sale(100)
		if !r.passedOn(goods) {
			t.Errorf("%s: %s is kept from the POS while a sale waits", market, goods)
		}
	}
}

// A lane without a policy takes nothing, and tells nobody a customer's code either.
func TestNoPolicyPassesNoCode(t *testing.T) {
	r := newRig(t, nil)
	var err error
	r.bundle, err = policy.Load(r.root.Public(), "kita", nil, nil)
	r.ok(err)
	r.restart()
	const code = "900081818812345678901234"
	if r.passedOn(code) {
		t.Error("a wallet's code went to the POS")
	}
	r.sale(100)
	if r.passedOn(code) {
		t.Error("a wallet's code went to the POS while a sale waits")
	}
	if !r.passedOn("4901234567894") {
		t.Error("an article did not")
	}
}
