package hq

import (
	"crypto/elliptic"
	"testing"
	"time"

	"tilld/agent/policy"
	"tilld/sync/wire"
)

// TestRenew takes a chain through the end of its keys' time: people are told, renewing helps, and each decision
// is its own.
func TestRenew(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	if err := Init(t.Context(), dir, "kita", "JPY", "Asia/Tokyo", clock); err != nil {
		t.Fatal(err)
	}
	o, err := OpenOffice(t.Context(), dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	issuer, err := wire.NewP256(&ec(t, elliptic.P256()).PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	add := func() {
		t.Helper()
		if err := o.AddIssuer(t.Context(), issuer, "house"); err != nil {
			t.Fatal(err)
		}
	}
	trust := func() *policy.Trust {
		t.Helper()
		b, _, err := o.Trust(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	expiring := func(want int) {
		t.Helper()
		list, err := o.Expiring(t.Context())
		if err != nil || len(list) != want {
			t.Errorf("%v: %d keys expire, %v; want %d", now, len(list), err, want)
		}
	}
	add()
	version := trust().Version
	if add(); trust().Version != version {
		t.Error("the same issuer again made another bundle")
	}
	expiring(0)
	now = now.Add(keyLife - renewBefore + time.Second)
	expiring(4) // acknowledgements, policy, seal; and the issuer's
	until, err := o.Renew(t.Context())
	if err != nil || !until.Equal(now.Add(keyLife)) {
		t.Errorf("renewed until %v, %v", until, err)
	}
	expiring(1) // the issuer's
	add()
	expiring(0)
	b := trust()
	if len(b.Rows) != 4 || b.Version != version+2 {
		t.Errorf("%d rows, version %d", len(b.Rows), b.Version)
	}
	later := now.Add(keyLife - time.Hour) // long after the first bundle's end
	if b.Keys(policy.UseAck, later)(o.Keys.Ack.Public().KID()) == nil || b.Keys(policy.UseIssuer, later)(issuer.KID()) == nil || b.Seal(later) == nil {
		t.Error("what was renewed is not believed")
	}
}
