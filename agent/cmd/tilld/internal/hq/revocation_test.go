package hq

import (
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// office is a new HQ with a token and a terminal.
func office(t *testing.T) (o *Office, token, terminal payment.ID) {
	t.Helper()
	dir := t.TempDir()
	if err := Init(t.Context(), dir, "kita", "JPY", "Asia/Tokyo", time.Now); err != nil {
		t.Fatal(err)
	}
	o = reopened(t, dir)
	if _, err := o.AddToken(t.Context(), "M. Sato", time.Hour, "finance"); err != nil {
		t.Fatal(err)
	}
	list, err := o.Books.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	terminal = payment.ID{1, 7}
	if err := o.Books.AddTerminal(t.Context(), ledger.Terminal{ID: terminal, Entity: "kita", Store: "S001", Lane: "L1"}, signer(t)); err != nil {
		t.Fatal(err)
	}
	return o, list[0].ID, terminal
}

func reopened(t *testing.T, dir string) *Office {
	t.Helper()
	o, err := OpenOffice(t.Context(), dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

// signer is some terminal's public key.
func signer(t *testing.T) wire.PublicKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := wire.NewSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.Public()
}

// restore makes an HQ of a backup, the keys that were kept, and the revocations of some directory.
func restore(t *testing.T, backup, keys, lost string) *Office {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "hq")
	for _, way := range [][2]string{{backup, dir}, {filepath.Join(keys, "keys"), filepath.Join(dir, "keys")}} {
		if _, err := copyTree(t.Context(), way[0], way[1]); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadDir(filepath.Join(lost, revocationDir))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, revocationDir), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, e := range kept { // as cp -rn does
		b, err := os.ReadFile(filepath.Join(lost, revocationDir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, revocationDir, e.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return reopened(t, dir)
}

func (o *Office) alive(t *testing.T) (tokens, terminals int) {
	t.Helper()
	list, err := o.Books.Tokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, tok := range list {
		if tok.Revoked.IsZero() {
			tokens++
		}
	}
	page, err := o.Books.Terminals(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, term := range page {
		if term.RevokedAt.IsZero() {
			terminals++
		}
	}
	return tokens, terminals
}

// TestRestoreRevivesNobody: a token and a terminal are ended after the backup that HQ is restored from.
func TestRestoreRevivesNobody(t *testing.T) {
	o, token, terminal := office(t)
	backup := filepath.Join(t.TempDir(), "backup")
	if _, err := o.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	if err := o.RevokeToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if err := o.RevokeTerminal(t.Context(), terminal, "ops", "stolen"); err != nil {
		t.Fatal(err)
	}
	r := restore(t, backup, o.Dir, o.Dir)
	if tokens, terminals := r.alive(t); tokens != 1 || terminals != 1 {
		t.Fatalf("the backup has %d tokens and %d terminals", tokens, terminals)
	}
	if _, again, err := r.Restored(t.Context()); err != nil || len(again) != 2 {
		t.Errorf("revoked again: %v, %v", again, err)
	}
	if tokens, terminals := r.alive(t); tokens != 0 || terminals != 0 {
		t.Errorf("%d tokens and %d terminals are alive again", tokens, terminals)
	}
	page, err := r.Books.Terminals(t.Context(), 0, 100)
	if err != nil || page[0].RevokedBy != "ops" || page[0].RevokedWhy != "stolen" {
		t.Errorf("%+v, %v", page[0].Terminal, err)
	}
	if again, err := r.RevokeAgain(t.Context()); err != nil || len(again) != 0 {
		t.Errorf("once more: %v, %v", again, err)
	}
}

// TestRevocationsOfAnEarlierRelease: what was ended before HQ kept it beside its books is there after the next
// backup, in HQ's directory and in the backup; a file about somebody whom the books don't know changes nothing.
func TestRevocationsOfAnEarlierRelease(t *testing.T) {
	o, token, terminal := office(t)
	older := filepath.Join(t.TempDir(), "backup")
	if _, err := o.Backup(t.Context(), older); err != nil {
		t.Fatal(err)
	}
	if err := o.Books.RevokeToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if err := o.Books.RevokeTerminal(t.Context(), terminal, "ops", "stolen"); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	if _, err := o.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	unknown := `{"kind":"terminal","id":"01M82FJ3RM0R7CFVH1AN3G9GW9","at":"2026-11-22T00:00:00Z","by":"ops","why":"sold"}`
	if err := os.WriteFile(filepath.Join(backup, revocationDir, "terminal-01M82FJ3RM0R7CFVH1AN3G9GW9.json"), []byte(unknown), 0o600); err != nil {
		t.Fatal(err)
	}
	r := restore(t, older, o.Dir, backup)
	if again, err := r.RevokeAgain(t.Context()); err != nil || len(again) != 2 {
		t.Errorf("revoked again: %v, %v", again, err)
	}
	id, err := payment.ParseID("01M82FJ3RM0R7CFVH1AN3G9GW9")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.checkRevoked(id); err == nil || !strings.Contains(err.Error(), "was revoked") {
		t.Errorf("it can be enrolled again: %v", err)
	}
}

// TestDamagedRevocation: HQ does not pass over a file that it can't read, for somebody would live.
func TestDamagedRevocation(t *testing.T) {
	o, token, _ := office(t)
	if err := o.RevokeToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	name := "token-" + token.String() + ".json"
	for text, want := range map[string]string{
		"": "unexpected end", "{}": "it names nobody", `{"kind":"x","id":"` + token.String() + `"}`: `its kind is "x"`,
		`{"kind":"terminal","id":"` + token.String() + `"}`: "who revoked", `{"kind":"token","id":"01M82FJ3RM0R7CFVH1AN3G9GW9"}`: "it is about token",
	} {
		if err := os.WriteFile(filepath.Join(o.Dir, revocationDir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := o.RevokeAgain(t.Context()); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
