package lane

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tilld/agent/checkout"
	"tilld/agent/journal"
	"tilld/agent/payment"
	"tilld/agent/policy"
)

const memberNumber = "7600123456789012"

// TestMemberAtTheLane: a card is noted on the screen and told to the POS, before the payment and after it, and is gone with
// the customer. No file of the lane has its number in plain.
func TestMemberAtTheLane(t *testing.T) {
	r := newRig(t, func(d *policy.Document) {
		d.Features, d.Programmes = []string{policy.Points}, []policy.Programme{{Name: "nanaco", Points: 1, Per: 200}}
	})
	open := func() {
		t.Helper()
		s := newSale(700)
		s.Eligible.Points = 700
		_, _, err := r.lane.OpenSale(t.Context(), NewSale{Sale: s})
		r.ok(err)
	}
	if v := r.scan(memberNumber); len(v.Members) != 0 {
		t.Errorf("with no sale: %v", v.Members)
	}
	open()
	if v := r.scan(memberNumber); !slices.Equal(v.Members, []string{"nanaco"}) || v.Phase != checkout.Open || v.Notice != "" {
		t.Errorf("before the payment: %v, %v, %q", v.Members, v.Phase, v.Notice)
	}
	if v := r.scan("7600123456789013"); v.Notice != NoticeOtherMember || len(v.Members) != 1 {
		t.Errorf("another card: %v, %q", v.Members, v.Notice)
	}
	p := r.phone(1)
	if v := r.scan(p.code()); v.Phase != checkout.Paid || len(v.Members) != 1 {
		t.Errorf("paid: %v, %v", v.Phase, v.Members)
	}
	r.ok(r.lane.Next(t.Context()))
	if v := r.scan(memberNumber); v.Notice == NoticeOtherMember {
		t.Error("the next customer's card is held against the last one's")
	}
	open()
	if v := r.lane.View(); len(v.Members) != 0 {
		t.Errorf("the next sale has %v", v.Members)
	}
	r.scan(p.code())
	if v := r.scan(memberNumber); v.Phase != checkout.Paid || !slices.Equal(v.Members, []string{"nanaco"}) {
		t.Errorf("after the payment: %v, %v", v.Phase, v.Members)
	}
	r.ok(r.lane.Next(t.Context()))
	noted := 0
	for _, k := range r.kinds() {
		if k == MemberNoted {
			noted++
		}
	}
	if noted != 2 {
		t.Errorf("the POS was told %d times", noted)
	}
	r.stop()
	members := 0
	copied, err := journal.OpenCopy(t.Context(), filepath.Join(r.dir, journal.DatabaseFile))
	r.ok(err)
	defer copied.Close()
	for row, err := range copied.Rows(t.Context(), journal.Filter{}) {
		r.ok(err)
		v, err := row.View()
		r.ok(err)
		if v.Kind != payment.KindMember.String() {
			continue
		}
		members++
		if v.Body == nil || v.Body.Evidence == 0 || (v.Payment == nil) != (members == 1) {
			t.Errorf("entry %+v with %+v", v, v.Body)
		}
	}
	if members != 2 {
		t.Errorf("%d entries", members)
	}
	files, err := filepath.Glob(r.dir + "/*")
	r.ok(err)
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && bytes.Contains(b, []byte(memberNumber)) {
			t.Errorf("%s has the number", f)
		}
	}
}
