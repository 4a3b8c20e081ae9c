package housetest

import (
	"bytes"
	"crypto/ed25519"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/house"
	"tilld/sync/wire"
)

// HQ is a chain's head office, as far as an issuer knows it.
type HQ struct {
	*Bench
	Root, Ack, Policy *wire.Signer
	version           uint64
	revoked           []payment.ID
}

// Ed makes the Ed25519 key of a number.
func Ed(n byte) *wire.Signer {
	s, err := wire.NewSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)), nil)
	if err != nil {
		panic(err)
	}
	return s
}

// Chain sets a configuration to take the offers of the tests' chain.
func Chain(c *house.Config) { c.Root, c.Chain = Ed(1).Public(), "kita" }

// HQ is the head office of the tests' chain; it has given the issuer what it signed.
func (b *Bench) HQ() *HQ {
	b.T.Helper()
	h := &HQ{Bench: b, Root: Ed(1), Ack: Ed(2), Policy: Ed(3)}
	h.Sign()
	return h
}

// Sign signs the next version of trust bundle and policy and gives them to the issuer.
func (h *HQ) Sign(revoked ...payment.ID) {
	h.T.Helper()
	h.version++
	h.revoked = append(h.revoked, revoked...)
	trust, doc := h.Papers()
	h.Must(h.Issuer.Papers(h.Ctx, trust, doc))
}

// Papers are trust bundle and policy of the present version, signed.
func (h *HQ) Papers() (trust, doc []byte) {
	h.T.Helper()
	now := h.Clock.Now()
	row := func(use policy.Use, k wire.PublicKey) policy.TrustRow {
		return policy.TrustRow{Use: use, Key: k.Bytes(), NotBefore: policy.StampOf(now.AddDate(-1, 0, 0)), NotAfter: policy.StampOf(now.AddDate(1, 0, 0))}
	}
	t := &policy.Trust{Version: h.version, Chain: "kita", Issued: policy.StampOf(now), Rows: []policy.TrustRow{row(policy.UseAck, h.Ack.Public()), row(policy.UsePolicy, h.Policy.Public())}}
	trust, err := t.Sign(h.Root)
	h.Must(err)
	d := policy.Starter("kita", "JPY", "Asia/Tokyo", now)
	d.Version, d.Revoked.Terminals = h.version, h.revoked
	doc, err = d.Sign(h.Policy)
	h.Must(err)
	return trust, doc
}

// Till is a lane that HQ vouches for.
type Till struct {
	*HQ
	ID          payment.ID
	Key         *wire.Signer
	Store, Lane string
	Paper       []byte
	ids         byte
}

// Till enrols a lane.
func (h *HQ) Till(lane string) *Till {
	h.T.Helper()
	t := &Till{HQ: h, ID: payment.ID{0: 7, 15: lane[len(lane)-1]}, Key: Ed(100 + lane[len(lane)-1]), Store: "S001", Lane: lane}
	t.Renew(72 * time.Hour)
	return t
}

// Renew has HQ vouch for the till for so long.
func (t *Till) Renew(d time.Duration) {
	t.T.Helper()
	var err error
	t.Paper, err = signed.VouchFor(t.Ack, signed.Till{Chain: "kita", Terminal: t.ID, Key: t.Key.Public(), Store: t.Store, Lane: t.Lane, Until: t.Clock.Now().Add(d)})
	t.Must(err)
}

// Offer shows a sale.
func (t *Till) Offer(yen int64) string {
	t.T.Helper()
	t.ids++
	return t.OfferAs(payment.ID{0: 9, 13: t.ID[15], 14: t.ids, 15: 1}, yen, 10*time.Minute)
}

// OfferAs shows a sale under a payment's name.
func (t *Till) OfferAs(id payment.ID, yen int64, ahead time.Duration) string {
	t.T.Helper()
	text, err := signed.SignOffer(t.Key, t.Paper, signed.Offer{Payment: id, Amount: Yen(yen), Until: t.Clock.Now().Add(ahead)})
	t.Must(err)
	return text
}

// Approve pays a sale that a lane shows.
func (c *Customer) Approve(offer string) (string, error) {
	c.T.Helper()
	o, err := signed.ParseOffer(offer)
	if err != nil {
		return c.Issuer.Approve(c.Ctx, c.From, house.Approval{Session: c.Session, Offer: offer, Proof: c.Sign(house.ForApproval)})
	}
	return c.Issuer.Approve(c.Ctx, c.From, house.Approval{Session: c.Session, Offer: offer, Proof: c.Sign(house.ForApproval, house.ApprovalDetails(o)...)})
}

// Took is HQ's word that the till took an approval.
func (t *Till) Took(text string) (house.Covered, error) {
	t.T.Helper()
	a, err := signed.ParseApproval(text)
	t.Must(err)
	return t.Issuer.Present(t.Ctx, house.Presentation{Payment: a.Payment, Code: text, Amount: a.Amount, Store: t.Store, Lane: t.Lane})
}
