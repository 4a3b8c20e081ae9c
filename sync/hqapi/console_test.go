package hqapi

import (
	"slices"
	"testing"
	"time"

	"tilld/agent/payment"
)

// TestSignIn: a token's holder may come in, and stay, for as long as the token is good.
func TestSignIn(t *testing.T) {
	b := newBench(t)
	now := b.now.read()
	in, err := SignIn(t.Context(), b.books, b.finance+"\n", now)
	if err != nil || !slices.Contains(in.Scopes, string(ScopeFinance)) {
		t.Fatalf("%+v, %v", in, err)
	}
	still, err := StillIn(t.Context(), b.books, Who(&in), now)
	if err != nil || still.ID != in.ID {
		t.Errorf("%+v, %v", still, err)
	}
	refused := func(what string, err error) {
		t.Helper()
		if payment.CodeOf(err) != payment.Unauthorized {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, secret := range []string{"", b.finance + "x", b.finance[:20], in.ID.String()} {
		_, err := SignIn(t.Context(), b.books, secret, now)
		refused("secret "+secret, err)
	}
	for _, who := range []string{"", in.Name, "(token )", in.Name + " (token " + payment.ID{1}.String() + ")"} {
		_, err := StillIn(t.Context(), b.books, who, now)
		refused("nobody: "+who, err)
	}
	_, err = StillIn(t.Context(), b.books, Who(&in), in.Expires)
	refused("expired", err)
	if err := b.books.RevokeToken(t.Context(), in.ID); err != nil {
		t.Fatal(err)
	}
	_, err = SignIn(t.Context(), b.books, b.finance, now.Add(time.Minute))
	refused("revoked", err)
	_, err = StillIn(t.Context(), b.books, Who(&in), now.Add(time.Minute))
	refused("revoked", err)
}

func TestPlace(t *testing.T) {
	p := Place{List: 'P', Epoch: 1 << 63, Pos: 7, ID: payment.ID{1, 2, 3}}
	if got, err := ParsePlace('P', p.Cursor()); err != nil || got != p {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", "x", p.Cursor() + "A", p.Cursor() + "\n", cursor{list: listBatches, pos: 7}.String()} {
		if got, err := ParsePlace('P', text); payment.CodeOf(err) != payment.Invalid || got != (Place{}) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}
