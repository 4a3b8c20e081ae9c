package hqapi

import (
	"bytes"
	"encoding/csv"
	"testing"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// TestExportPoints: the programme's operator gets each line once, with the member's number until that is erased, and
// only with a token for it.
func TestExportPoints(t *testing.T) {
	b := newBench(t)
	token := b.addToken(t, ScopePoints)
	seal := b.chain.Seal
	b.unseal = func(id wire.KID) *wire.ConfidantKey {
		if id != seal.Public().KID() {
			return nil
		}
		return seal
	}
	l, p := b.hq.Lane("s1", "1"), b.chain.Phone()
	card := ingesttest.Member{Programme: "nanaco", Text: "7600123456789012", Hash: bytes.Repeat([]byte{7}, 16), Eligible: 250}
	sale := b.chain.ID()
	l.Attach(card, sale, payment.ID{})
	sold := l.SellWith(p, 300, ingesttest.Change{Sale: sale})
	l.Void(sold)
	b.take(t, l, 0)
	const path = "/v1/points?programme=nanaco"
	read := func(path string) ([][]string, answer) {
		t.Helper()
		a := b.do(t, "GET", path, token, "")
		r, err := csv.NewReader(bytes.NewReader(a.body)).ReadAll()
		if err != nil || a.StatusCode != 200 || a.Header.Get("Content-Type") != "text/csv; charset=utf-8; header=present" {
			t.Fatalf("%s %v\n%s", a.Status, err, a.body)
		}
		return r[1:], a
	}
	rows, whole := read(path)
	id := sold.Payment.String()
	if len(rows) != 2 || rows[0][0] != id+"-nanaco-earned" || rows[1][0] != id+"-nanaco-taken_back" || rows[0][3] != "2" || rows[1][3] != "-2" ||
		rows[0][4] != card.Text || rows[0][5] != "07070707070707070707070707070707" || rows[0][12] != "250" || rows[0][8] != "2026-11-22" {
		t.Errorf("%q", rows)
	}
	if _, again := read(path); !bytes.Equal(again.body, whole.body) {
		t.Error("not the same bytes again")
	}
	first, a := read(path + "&limit=1")
	rest, end := read(path + "&after=" + a.Header.Get(headNext))
	if len(first) != 1 || len(rest) != 1 || rest[0][0] != rows[1][0] || a.Header.Get(headMore) != "true" || end.Header.Get(headMore) != "false" {
		t.Errorf("pages %q and %q", first, rest)
	}
	if none, _ := read("/v1/points?programme=vpoint"); len(none) != 0 {
		t.Errorf("another programme: %q", none)
	}
	wantProblem(t, b.do(t, "GET", "/v1/points?programme=vpoint&after="+a.Header.Get(headNext), token, ""), 400, "cursor", "after")
	for _, other := range []string{b.read, b.finance, b.operates, b.addToken(t, ScopeSales)} {
		wantProblem(t, b.do(t, "GET", path, other, ""), 403, "scope", "points")
	}
	wantProblem(t, b.do(t, "GET", "/v1/terminals", token, ""), 403, "scope", "read")
	wantProblem(t, b.do(t, "GET", "/v1/points", token, ""), 422, "", "programme")
	b.unseal = func(wire.KID) *wire.ConfidantKey { return nil }
	if r, _ := read(path); r[0][4] != "" || r[0][5] != rows[0][5] {
		t.Errorf("without the key: %q", r)
	}
	_, err := b.books.Erase(t.Context(), ledger.AccountOf{Wallet: ingesttest.Wallet, Account: p.Account[:]}, ingesttest.Today, ledger.Erasure{By: "x", Why: "y"})
	b.hq.Must(err)
	b.unseal = func(wire.KID) *wire.ConfidantKey { return seal }
	if r, _ := read(path); r[0][4] != "" || r[0][3] != "2" {
		t.Errorf("after the customer was forgotten: %q", r)
	}
}
