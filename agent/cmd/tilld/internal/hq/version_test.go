package hq

import (
	"crypto/elliptic"
	"strings"
	"testing"
	"time"

	"tilld/sync/wire"
)

// TestVersionsAfterRestore: what was signed between the backup and the loss is at lanes, under versions that the
// restored HQ knows nothing of. It must not give them again: lanes would keep the old content.
func TestVersionsAfterRestore(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Second); return now }
	if err := Init(t.Context(), dir, "kita", "JPY", "Asia/Tokyo", clock); err != nil {
		t.Fatal(err)
	}
	o, err := OpenOffice(t.Context(), dir, clock)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	versions := func() (p, b uint64) {
		t.Helper()
		doc, _, err := o.Policy(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		trust, _, err := o.Trust(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return doc.Version, trust.Version
	}
	sign := func() {
		t.Helper()
		issuer, err := wire.NewP256(&ec(t, elliptic.P256()).PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.AddIssuer(t.Context(), issuer, "house"); err != nil {
			t.Fatal(err)
		}
		if _, err := o.EditPolicy(t.Context(), func(text []byte) ([]byte, error) {
			return append(text, "# as before\n"...), nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	p0, b0 := versions()
	sign()
	p1, b1 := versions()
	if p1 != p0+1 || b1 != b0+1 {
		t.Errorf("policy %d then %d, trust %d then %d", p0, p1, b0, b1)
	}
	if _, _, err := o.Restored(t.Context()); err != nil {
		t.Fatal(err)
	}
	doc, _, err := o.Policy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	doc.Version++
	if err := o.SignPolicy(t.Context(), doc); err == nil || !strings.Contains(err.Error(), "restored") {
		t.Errorf("a version that lanes may hold is signed again: %v", err)
	}
	if _, err := o.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, b := versions(); b <= b1+500 {
		t.Errorf("trust %d after a restore, %d before", b, b1)
	}
	now = now.Add(keyLife)
	sign()
	p2, b2 := versions()
	if p2 <= p1+500 {
		t.Errorf("policy %d after a restore, %d before", p2, p1)
	}
	sign()
	if p, b := versions(); p != p2+1 || b != b2+1 {
		t.Errorf("versions go on jumping: %d, %d", p, b)
	}
}
