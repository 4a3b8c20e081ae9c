package lane

import (
	"context"
	"testing"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

// codeAt is a fresh code by a phone whose clock is off.
func (p *phone) codeAt(off time.Duration) string {
	p.r.t.Helper()
	p.counter++
	text, err := signed.Sign(p.key, p.cert, signed.CodeClaims{Counter: p.counter, Time: p.r.time().Add(off), Store: "0001"})
	p.r.ok(err)
	return text
}

// TestCodeOutsideItsCertificate: HQ holds the certificate against the phone's time, so a lane that looks at its own
// time alone would give the goods away for a payment that HQ holds back.
func TestCodeOutsideItsCertificate(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   time.Duration // after the certificate's beginning
		off  time.Duration // of the phone's clock
		want payment.Reason
	}{
		{"at its end", 48*time.Hour - 30*time.Second, 0, payment.ReasonNone},
		{"at its end, by a fast phone", 48*time.Hour - 30*time.Second, time.Minute, payment.CertificateExpired},
		{"the very second", 48*time.Hour - 30*time.Second, 30 * time.Second, payment.CertificateExpired},
		{"at its beginning", 10 * time.Second, 0, payment.ReasonNone},
		{"at its beginning, by a slow phone", 10 * time.Second, -15 * time.Second, payment.ReasonNone},
		{"at its beginning, by a slower one", 10 * time.Second, -31 * time.Second, payment.CertificateNotYet},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, func(d *policy.Document) {
				if tt.off < 0 {
					d.Code = policy.Tolerance{Past: 60, Future: 20}
				}
			})
			p := r.phone(1)
			var err error
			p.cert, err = signed.Certify(r.issuer, signed.Claims{
				Account: signed.Account{1}, Phone: p.key.Public(), Cap: payment.Of(8000, "JPY"), NotBefore: r.time().Add(-tt.at), Hours: 48,
			})
			r.ok(err)
			r.sale(500)
			if v := r.scan(p.codeAt(tt.off)); v.Answer.Reason != tt.want || (v.Phase == checkout.Paid) != (tt.want == payment.ReasonNone) {
				t.Errorf("%s, %v; want %v", v.Phase, v.Answer.Reason, tt.want)
			}
		})
	}
}

// TestEntryHasTheTimeOfItsDecision: after a restart without HQ the lane's clock is all that HQ has to hold a code's age
// against, so what is written must not be read later than what was decided by.
func TestEntryHasTheTimeOfItsDecision(t *testing.T) {
	r := newRig(t, nil)
	r.sale(500) // the day is open
	_, err := r.lane.CancelSale(t.Context(), payment.ID{})
	r.ok(err)
	sale, decided := newSale(700), r.time().Add(-time.Second)
	sale.ID, err = r.ids.Next()
	r.ok(err)
	r.ok(r.lane.do(t.Context(), func(ctx context.Context) error {
		c := r.lane.context()
		c.Now.Time = decided
		d, err := checkout.Apply(r.lane.state, checkout.OpenSale{Sale: sale}, c)
		if err != nil {
			return err
		}
		return r.lane.write(ctx, c, d.Drafts)
	}))
	written, ok, err := r.journal.LastSale(t.Context())
	r.ok(err)
	if !ok || written.ID != sale.ID || written.Wall != decided.UnixMilli() {
		t.Errorf("decided at %v, written is %+v", decided, written)
	}
}

// TestRevokedStays: a lane that HQ has revoked does not sell because it was started anew with the line cut, nor because
// somebody brings an older word of HQ again. That of a later life of HQ's books counts.
func TestRevokedStays(t *testing.T) {
	r := newRig(t, nil)
	p := r.phone(1)
	refused := func(when string) {
		t.Helper()
		s := r.sale(500)
		if v := r.scan(p.code()); v.Phase != checkout.Refused || v.Answer.Reason != payment.TerminalRevoked || !v.Revoked {
			t.Errorf("%s: %s, %v", when, v.Phase, v.Answer.Reason)
		}
		_, err := r.lane.CancelSale(t.Context(), s.ID)
		r.ok(err)
	}
	said := func(hq uint64, revoked bool) { r.lane.Acked(t.Context(), &wire.Ack{HQEpoch: hq, Revoked: revoked}) }
	said(5, false)
	said(5, true)
	refused("told")
	said(5, false)
	said(4, false)
	refused("an older word came again")
	r.restart()
	refused("the program was started anew")
	said(5, false)
	refused("an older word came again behind that")
	r.reboot()
	refused("the machine was started anew")
	said(6, false)
	r.sale(500)
	if v := r.scan(p.code()); v.Phase != checkout.Paid {
		t.Errorf("HQ has said otherwise: %s, %v", v.Phase, v.Answer.Reason)
	}
}
