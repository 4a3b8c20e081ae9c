package house_test

import (
	"testing"
	"time"

	"tilld/sync/house"
	"tilld/sync/house/housetest"
)

// TestNoticePastBadAddress: whoever opens an account at an address that no mail server takes, and has it stopped, keeps
// nobody else from hearing that another phone was bound to the own account.
func TestNoticePastBadAddress(t *testing.T) {
	b := housetest.New(t, nil)
	victim := b.Customer("hanako")
	attacker := b.Stranger("mallory")
	b.Must(attacker.Enrol()) // never confirmed
	b.Mail.NoSuch = attacker.Contact
	b.Must(b.Issuer.StopAccount(b.Ctx, attacker.Login, "office", "asked to"))
	b.Must(victim.BindTo(housetest.Key(t, "second"), ""))
	b.Issuer.Deliver(b.Ctx)
	if b.Mail.Last(house.PhoneChanged, victim.Contact).To == "" {
		t.Error("the victim is not told")
	}
	asked := b.Mail.Asked
	b.Issuer.Deliver(b.Ctx)
	if b.Mail.Asked != asked {
		t.Error("an address that takes nothing is asked at every turn")
	}
	b.Clock.Pass(time.Hour)
	b.Issuer.Deliver(b.Ctx)
	if b.Mail.Asked == asked {
		t.Error("it is not tried again")
	}
	b.Clock.Pass(96 * time.Hour)
	b.Issuer.Deliver(b.Ctx)
	asked = b.Mail.Asked
	b.Clock.Pass(time.Hour)
	b.Issuer.Deliver(b.Ctx)
	if b.Mail.Asked != asked {
		t.Error("it is tried for ever")
	}
}
