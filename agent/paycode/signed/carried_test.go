package signed_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/skip2/go-qrcode"
	"pgregory.net/rapid"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/sync/wire"
)

var carriedAt = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// tillOf is HQ's word about a till whose key a signer holds.
func tillOf(s *wire.Signer) signed.Till {
	return signed.Till{Chain: "kita", Terminal: payment.ID{1}, Key: s.Public(), Store: "S001", Lane: "L1", Until: carriedAt.Add(72 * time.Hour)}
}

func anOffer() signed.Offer {
	return signed.Offer{Payment: payment.ID{2}, Amount: payment.Of(8_400, "JPY"), Until: carriedAt.Add(10 * time.Minute)}
}

func anApproval() signed.Approval {
	return signed.Approval{Payment: payment.ID{2}, Terminal: payment.ID{1}, Amount: payment.Of(8_400, "JPY"), Account: signed.Account{3}, At: carriedAt}
}

func mustVouch(t testing.TB, hq *wire.Signer, till signed.Till) []byte {
	t.Helper()
	b, err := signed.VouchFor(hq, till)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustOffer(t testing.TB, s *wire.Signer, paper []byte, o signed.Offer) string {
	t.Helper()
	text, err := signed.SignOffer(s, paper, o)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func mustApprove(t testing.TB, issuer *wire.Signer, a signed.Approval) string {
	t.Helper()
	text, err := signed.Approve(issuer, a)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What a till and an issuer sign comes out as it went in, whatever it is, and has one text.
func TestCarriedRoundTrip(t *testing.T) {
	hq, till, issuer := ed25519Signer(t), signer(t, "till"), signer(t, "issuer")
	name := rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9_-]{0,31}`)
	moment := rapid.Custom(func(t *rapid.T) time.Time { return time.Unix(rapid.Int64Range(1, 1<<32-1).Draw(t, "at"), 0).UTC() })
	id := rapid.Custom(func(t *rapid.T) payment.ID {
		return payment.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Filter(func(b []byte) bool { return !bytes.Equal(b, make([]byte, 16)) }).Draw(t, "id"))
	})
	amount := rapid.Custom(func(t *rapid.T) payment.Money {
		return payment.Of(rapid.Int64Range(1, payment.MaxMinor).Draw(t, "minor"), rapid.SampledFrom([]payment.Currency{"JPY", "TWD", "IDR"}).Draw(t, "currency"))
	})
	rapid.Check(t, func(rt *rapid.T) {
		paper := signed.Till{Chain: name.Draw(rt, "chain"), Terminal: id.Draw(rt, "terminal"), Key: till.Public(), Store: name.Draw(rt, "store"),
			Lane: name.Draw(rt, "lane"), Until: moment.Draw(rt, "until")}
		o := signed.Offer{Payment: id.Draw(rt, "payment"), Amount: amount.Draw(rt, "amount"), Until: moment.Draw(rt, "ends")}
		text := mustOffer(t, till, mustVouch(t, hq, paper), o)
		got, err := signed.ParseOffer(text)
		if err != nil || got.Verify(wire.OneKey(hq.Public())) != nil || got.Text() != text {
			rt.Fatalf("%v", err)
		}
		if got.Offer != o || got.Till.Terminal != paper.Terminal || got.Till.Chain != paper.Chain || got.Till.Store != paper.Store || got.Till.Lane != paper.Lane ||
			!got.Till.Until.Equal(paper.Until) || got.Till.Key.KID() != till.Public().KID() {
			rt.Fatalf("%+v of %+v, %+v of %+v", got.Offer, o, got.Till.Till, paper)
		}
		a := signed.Approval{Payment: id.Draw(rt, "paid"), Terminal: id.Draw(rt, "at"), Amount: amount.Draw(rt, "taken"), Account: signed.Account(id.Draw(rt, "account")), At: moment.Draw(rt, "when")}
		text = mustApprove(t, issuer, a)
		read, err := signed.ParseApproval(text)
		if err != nil || read.Verify(wire.OneKey(issuer.Public())) != nil || read.Text() != text || read.Approval != a || read.Issuer != issuer.Public().KID() {
			rt.Fatalf("%+v of %+v, %v", read, a, err)
		}
	})
}

// Both are drawn as QR codes of a moderate size, with the longest names and amounts, too.
func TestCarriedQRSize(t *testing.T) {
	hq, till, issuer := ed25519Signer(t), signer(t, "till"), signer(t, "issuer")
	long := strings.Repeat("x", 32)
	wide := tillOf(till)
	wide.Chain, wide.Store, wide.Lane, wide.Until = long, long, long, time.Unix(1<<32-1, 0)
	big := signed.Offer{Payment: payment.ID{15: 2}, Amount: payment.Of(payment.MaxMinor, "JPY"), Until: time.Unix(1<<32-1, 0)}
	a := anApproval()
	a.Amount, a.At = payment.Of(payment.MaxMinor, "JPY"), time.Unix(1<<32-1, 0)
	for _, tt := range []struct {
		name, text string
		most       int
		level      qrcode.RecoveryLevel
		version    int
	}{
		{"offer", mustOffer(t, till, mustVouch(t, hq, tillOf(till)), anOffer()), signed.MaxOfferText, qrcode.Medium, 16},
		{"widest offer", mustOffer(t, till, mustVouch(t, hq, wide), big), signed.MaxOfferText, qrcode.Medium, 18},
		{"approval", mustApprove(t, issuer, anApproval()), signed.MaxApprovalText, qrcode.Medium, 11},
		{"widest approval", mustApprove(t, issuer, a), signed.MaxApprovalText, qrcode.Medium, 11},
	} {
		q, err := qrcode.New(tt.text, tt.level)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d characters, version %d", tt.name, len(tt.text), q.VersionNumber)
		if len(tt.text) > tt.most || q.VersionNumber > tt.version || tt.text[len(tt.text)-1] == ' ' {
			t.Errorf("%s: %d characters, version %d", tt.name, len(tt.text), q.VersionNumber)
		}
	}
}

// Nobody's signature but the right one's holds, and none that was made for something else.
func TestCarriedVerify(t *testing.T) {
	hq, till, issuer := ed25519Signer(t), signer(t, "till"), signer(t, "issuer")
	paper := mustVouch(t, hq, tillOf(till))
	offer, err := signed.ParseOffer(mustOffer(t, till, paper, anOffer()))
	if err != nil {
		t.Fatal(err)
	}
	if err := offer.Verify(wire.OneKey(issuer.Public())); !errors.Is(err, signed.ErrUnknownIssuer) {
		t.Errorf("by another HQ: %v", err)
	}
	if _, err := signed.SignOffer(issuer, paper, anOffer()); !errors.Is(err, signed.ErrKey) {
		t.Errorf("under another till's paper: %v", err)
	}
	approval, err := signed.ParseApproval(mustApprove(t, issuer, anApproval()))
	if err != nil {
		t.Fatal(err)
	}
	if err := approval.Verify(wire.OneKey(till.Public())); !errors.Is(err, signed.ErrUnknownIssuer) {
		t.Errorf("by another issuer: %v", err)
	}
	if _, err := signed.Approve(hq, anApproval()); !errors.Is(err, signed.ErrKey) {
		t.Errorf("by an Ed25519 key: %v", err)
	}
	// The same payload, signed by the issuer for another purpose: what certifies a phone approves nothing.
	claims := map[int]any{1: 1, 2: payment.ID{2}, 3: payment.ID{1}, 4: payment.Of(8_400, "JPY"), 5: bytes.Repeat([]byte{3}, 16), 6: carriedAt.Unix()}
	for _, typ := range []wire.Typ{wire.TypOffer, wire.TypTill, wire.TypAnswer} {
		other, err := wire.Seal(issuer, typ, claims)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signed.ParseApproval(signed.ApprovalPrefix + signed.Encode45(other)); !errors.Is(err, signed.ErrForm) {
			t.Errorf("%s as an approval: %v", typ, err)
		}
	}
	cert := mustCertify(t, issuer, claimsOf(t))
	if _, err := signed.ParseApproval(signed.ApprovalPrefix + signed.Encode45(cert)); err == nil {
		t.Error("a certificate is taken for an approval")
	}
	right, err := wire.Seal(issuer, wire.TypApproval, claims)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signed.ParseApproval(signed.ApprovalPrefix + signed.Encode45(right)); err != nil {
		t.Errorf("made by hand: %v", err)
	}
}

func claimsOf(t testing.TB) signed.Claims { return claims(signer(t, "phone")) }

// Each bit counts: whichever is turned, nothing is read any more, or the signature does not hold.
func TestCarriedEveryBitCounts(t *testing.T) {
	hq, till, issuer := ed25519Signer(t), signer(t, "till"), signer(t, "issuer")
	offer := mustOffer(t, till, mustVouch(t, hq, tillOf(till)), anOffer())
	approval := mustApprove(t, issuer, anApproval())
	turned := func(text, prefix string, read func(string) error) {
		raw, err := signed.Decode45(strings.TrimPrefix(text, prefix), 1000)
		if err != nil {
			t.Fatal(err)
		}
		for i := range raw {
			b := bytes.Clone(raw)
			b[i] ^= 1 << (i % 8)
			if read(prefix+signed.Encode45(b)) == nil {
				t.Errorf("byte %d of %q can be turned", i, prefix)
			}
		}
	}
	turned(offer, signed.OfferPrefix, func(s string) error {
		o, err := signed.ParseOffer(s)
		if err == nil {
			err = o.Verify(wire.OneKey(hq.Public()))
		}
		return err
	})
	turned(approval, signed.ApprovalPrefix, func(s string) error {
		a, err := signed.ParseApproval(s)
		if err == nil {
			err = a.Verify(wire.OneKey(issuer.Public()))
		}
		return err
	})
}

func TestCarriedRefusesToSign(t *testing.T) {
	hq, till, issuer := ed25519Signer(t), signer(t, "till"), signer(t, "issuer")
	for name, change := range map[string]func(*signed.Till){
		"chain": func(p *signed.Till) { p.Chain = "" }, "store": func(p *signed.Till) { p.Store = "a b" },
		"lane": func(p *signed.Till) { p.Lane = strings.Repeat("x", 33) }, "terminal": func(p *signed.Till) { p.Terminal = payment.ID{} },
		"key": func(p *signed.Till) { p.Key = wire.PublicKey{} }, "end": func(p *signed.Till) { p.Until = time.Time{} },
	} {
		p := tillOf(till)
		change(&p)
		if _, err := signed.VouchFor(hq, p); !errors.Is(err, signed.ErrClaim) {
			t.Errorf("%s: %v", name, err)
		}
	}
	paper := mustVouch(t, hq, tillOf(till))
	for name, change := range map[string]func(*signed.Offer){
		"payment": func(o *signed.Offer) { o.Payment = payment.ID{} }, "amount": func(o *signed.Offer) { o.Amount.Minor = 0 },
		"currency": func(o *signed.Offer) { o.Amount.Currency = "yen" }, "end": func(o *signed.Offer) { o.Until = time.Unix(1<<33, 0) },
	} {
		o := anOffer()
		change(&o)
		if _, err := signed.SignOffer(till, paper, o); !errors.Is(err, signed.ErrClaim) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*signed.Approval){
		"payment": func(a *signed.Approval) { a.Payment = payment.ID{} }, "terminal": func(a *signed.Approval) { a.Terminal = payment.ID{} },
		"amount": func(a *signed.Approval) { a.Amount.Minor = -1 }, "account": func(a *signed.Approval) { a.Account = signed.Account{} },
		"time": func(a *signed.Approval) { a.At = time.Unix(-5, 0) },
	} {
		a := anApproval()
		change(&a)
		if _, err := signed.Approve(issuer, a); !errors.Is(err, signed.ErrClaim) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCarriedTextFaults(t *testing.T) {
	long := strings.Repeat("0", 999)
	for _, tt := range []struct {
		text string
		err  error
	}{
		{"", signed.ErrPrefix}, {signed.Prefix, signed.ErrPrefix}, {"ZY:S", signed.ErrForm}, {"ZY:S" + long, signed.ErrSize}, {"ZY:Sa", signed.ErrBase45},
		{"ZY:S00", signed.ErrForm}, {"ZY:A", signed.ErrForm}, {"ZY:A" + long, signed.ErrSize}, {"ZY:A=", signed.ErrBase45},
	} {
		_, err := signed.ParseOffer(tt.text)
		if strings.HasPrefix(tt.text, "ZY:A") {
			_, err = signed.ParseApproval(tt.text)
		}
		if !errors.Is(err, tt.err) {
			t.Errorf("%.10q: %v, want %v", tt.text, err, tt.err)
		}
		if err != nil && signed.ReasonOf(err) == payment.ReasonNone {
			t.Errorf("%.10q: no reason", tt.text)
		}
	}
}

// A text that parses is the only text of its content, whatever the fuzzer tries; and neither reader panics.
func FuzzParseOffer(f *testing.F) {
	hq, till := ed25519Signer(f), signer(f, "till")
	text := mustOffer(f, till, mustVouch(f, hq, tillOf(till)), anOffer())
	f.Add(text)
	f.Add(text[:40])
	f.Fuzz(func(t *testing.T, text string) {
		o, err := signed.ParseOffer(text)
		if (o == nil) != (err != nil) {
			t.Fatal("a result with an error, or none without")
		}
		if o != nil && o.Text() != text {
			t.Fatalf("%q is written %q", text, o.Text())
		}
		if o != nil && (o.Offer.Amount.Validate() != nil || o.Payment.IsZero()) {
			t.Fatalf("%+v", o.Offer)
		}
	})
}

func FuzzParseApproval(f *testing.F) {
	text := mustApprove(f, signer(f, "issuer"), anApproval())
	f.Add(text)
	f.Add(strings.Replace(text, "A", "S", 1))
	f.Fuzz(func(t *testing.T, text string) {
		a, err := signed.ParseApproval(text)
		if (a == nil) != (err != nil) {
			t.Fatal("a result with an error, or none without")
		}
		if a != nil && a.Text() != text {
			t.Fatalf("%q is written %q", text, a.Text())
		}
		if a != nil && (a.Amount.Validate() != nil || a.Payment.IsZero() || a.Terminal.IsZero()) {
			t.Fatalf("%+v", a.Approval)
		}
	})
}
