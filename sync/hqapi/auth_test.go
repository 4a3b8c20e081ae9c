package hqapi

import (
	"bytes"
	"crypto/rand"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ledger"
)

func TestSecrets(t *testing.T) {
	secret, hash, err := NewSecret(rand.Reader)
	if err != nil || !strings.HasPrefix(secret, "tilld_") || len(secret) != 49 || hashSecret(secret) != hash {
		t.Errorf("%q, %x, %v", secret, hash, err)
	}
	if got, ok := readSecret("bearer " + secret); !ok || got != secret {
		t.Errorf("read %q, %v", got, ok)
	}
	if _, _, err := NewSecret(iotest.ErrReader(errors.New("no randomness"))); err == nil {
		t.Error("a secret without randomness")
	}
	for _, bad := range []string{"", "Bearer", "Bearer ", secret, "Basic " + secret, "Bearer " + secret + "x", "Bearer " + secret[1:],
		"Bearer " + secret[:len(secret)-1], "Bearer " + secret[:20] + "\n" + secret[20:], "Bearer  " + secret} {
		if got, ok := readSecret(bad); ok {
			t.Errorf("%q was read as %q", bad, got)
		}
	}
}

func TestParseScopes(t *testing.T) {
	if got, err := ParseScopes("read", "finance", "read"); err != nil || len(got) != 2 || got[0] != "finance" || got[1] != "read" {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range [][]string{{}, {""}, {"read", "all"}} {
		if got, err := ParseScopes(bad...); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

func TestWho(t *testing.T) {
	for _, name := range []string{"erp", strings.Repeat("財", 21) + "x", ""} {
		tok := ledger.Token{ID: payment.ID{1, 2}, Name: name}
		if who := who(&tok); len(who) > maxWho || !strings.HasSuffix(who, "(token "+tok.ID.String()+")") || strings.Contains(who, "\ufffd") {
			t.Errorf("%q is named %q", name, who)
		}
	}
}

// TestDoors tries every operation with no token, bad ones, and each scope.
func TestDoors(t *testing.T) {
	b := newBench(t)
	x := b.spendTwice(t)
	id, reads := b.chain.ID().String(), http.StatusNotFound
	for _, tt := range []struct {
		method, path, body string
		read               int // status for a token that may only read
		operates           int
	}{
		{"GET", "/v1/settlements", "", 200, 200},
		{"GET", "/v1/settlements/" + id, "", reads, reads},
		{"GET", "/v1/settlements/" + id + ".csv", "", reads, reads},
		{"GET", "/v1/settlements/" + id + "/proof/" + id, "", reads, reads},
		{"GET", "/v1/payments/" + id, "", reads, reads},
		{"GET", "/v1/terminals", "", 200, 200},
		{"GET", "/v1/exceptions", "", 200, 200},
		{"POST", "/v1/settlements", "{}", 403, 403},
		{"POST", "/v1/exceptions/" + x.String() + "/resolve", `{"outcome":"loss","why":"w"}`, 403, 403},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			none := b.do(t, tt.method, tt.path, "", tt.body)
			wantProblem(t, none, 401, "token", "Bearer")
			if got := none.Header.Get("WWW-Authenticate"); got != `Bearer realm="tilld"` {
				t.Errorf("WWW-Authenticate %q", got)
			}
			wantProblem(t, b.do(t, tt.method, tt.path, "letmein", tt.body), 401, "token", "")
			for token, want := range map[string]int{b.read: tt.read, b.operates: tt.operates} {
				got := b.do(t, tt.method, tt.path, token, tt.body)
				if got.StatusCode != want {
					t.Errorf("%s, want %d: %s", got.Status, want, got.body)
				}
				if want == 403 {
					wantProblem(t, got, 403, "scope", "finance")
				}
			}
			if got := b.do(t, tt.method, tt.path, b.finance, tt.body); got.StatusCode == 401 || got.StatusCode == 403 {
				t.Errorf("finance may do all this: %s", got.body)
			}
		})
	}
	if got, err := b.books.Exception(t.Context(), x); err != nil || got.Open() {
		t.Error("finance could not decide")
	}
	if text := b.log.String(); !strings.Contains(text, "request refused") || strings.Contains(text, b.read) {
		t.Error("refusals are not in the log, or a secret is")
	}
}

func TestTokensThatAreOver(t *testing.T) {
	b := newBench(t)
	revoked := b.addToken(t, ScopeRead)
	list, err := b.books.Tokens(t.Context())
	b.hq.Must(err)
	b.hq.Must(b.books.RevokeToken(t.Context(), list[len(list)-1].ID))
	wantProblem(t, b.do(t, "GET", "/v1/terminals", revoked, ""), 401, "token", "revoked")
	unknown, _, err := NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, b.do(t, "GET", "/v1/terminals", unknown, ""), 401, "token", "not known")
	if got := b.get(t, "/v1/terminals"); got.StatusCode != 200 {
		t.Errorf("a good token: %s", got.Status)
	}
	b.now.pass(365 * 24 * time.Hour)
	wantProblem(t, b.get(t, "/v1/terminals"), 401, "token", "expired on "+testNow.AddDate(1, 0, 0).Format(time.DateOnly))
}

// TestHashIsCompared: the hash decides, not the row that a lookup came back with.
func TestHashIsCompared(t *testing.T) {
	tok := ledger.Token{Hash: [32]byte{1}, Scopes: []string{"read"}, Expires: testNow.AddDate(1, 0, 0)}
	if why := refuse(&tok, [32]byte{2}, testNow); why == "" {
		t.Error("a token was taken by another's hash")
	}
	if why := refuse(&tok, [32]byte{1}, testNow); why != "" {
		t.Error(why)
	}
}

// TestBadTokensAreLimited: guesses from one address are stopped before the ledger; a token that was good
// not long ago gets through from there, and after a while so does everybody.
func TestBadTokensAreLimited(t *testing.T) {
	b := newBench(t)
	b.get(t, "/v1/terminals")
	guess := func(n byte) answer {
		secret, _, err := NewSecret(bytes.NewReader(bytes.Repeat([]byte{200 + n}, 32)))
		if err != nil {
			t.Fatal(err)
		}
		return b.do(t, "GET", "/v1/terminals", secret, "")
	}
	for n := range byte(badTokens) {
		wantProblem(t, guess(n), 401, "token", "")
	}
	limited := guess(99)
	wantProblem(t, limited, 429, "too_many_bad_tokens", "")
	if limited.Header.Get("Retry-After") != "6" {
		t.Errorf("Retry-After %q", limited.Header.Get("Retry-After"))
	}
	if got := b.get(t, "/v1/terminals"); got.StatusCode != 200 {
		t.Errorf("a client that was known: %s", got.body)
	}
	wantProblem(t, b.do(t, "GET", "/v1/terminals", b.finance, ""), 429, "", "")
	b.now.pass(badTokenFor)
	if got := b.do(t, "GET", "/v1/terminals", b.finance, ""); got.StatusCode != 200 {
		t.Errorf("after a while: %s", got.body)
	}
	if n := b.metric(t, "tilld_hq_api_bad_tokens_total"); n != badTokens {
		t.Errorf("%v bad tokens were counted, %d sent", n, badTokens)
	}
}

// TestFailuresStayBounded fills both memories far over their bounds.
func TestFailuresStayBounded(t *testing.T) {
	f := newFailures()
	for n := range 3 * maxAddrs {
		addr := netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
		f.bad(testNow, addr, [32]byte{})
		f.ok([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	}
	if len(f.addrs) > maxAddrs || len(f.good) > maxGood {
		t.Errorf("%d addresses, %d tokens", len(f.addrs), len(f.good))
	}
	f.bad(testNow.AddDate(0, 0, 1), netip.AddrFrom4([4]byte{11}), [32]byte{})
	if len(f.addrs) != 1 {
		t.Errorf("%d addresses after a day, want the new one", len(f.addrs))
	}
}

// TestGoodIsForgotten: a token that has become bad has no way past the limit any more.
func TestGoodIsForgotten(t *testing.T) {
	f, addr, hash := newFailures(), netip.MustParseAddr("192.0.2.7"), [32]byte{1}
	f.ok(hash)
	for range badTokens {
		f.bad(testNow, addr, [32]byte{2})
	}
	if !f.allow(testNow, addr, hash) || f.allow(testNow, addr, [32]byte{3}) {
		t.Error("a good token is held up, or an unknown one is not")
	}
	f.bad(testNow, addr, hash)
	if f.allow(testNow, addr, hash) {
		t.Error("a token that became bad gets past the limit")
	}
}

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3::4": "2001:db8:1:2::", "fe80::1%eth0": "fe80::",
	} {
		if got := network(netip.MustParseAddr(in)); got != netip.MustParseAddr(want) {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestLedgerAway(t *testing.T) {
	b := newBench(t)
	b.get(t, "/v1/terminals")
	b.books.failToken = errDisk
	wantProblem(t, b.get(t, "/v1/terminals"), 503, "retry", "")
	if !strings.Contains(b.log.String(), "disk on fire") {
		t.Error("the cause is not in the log")
	}
}

var errDisk = payment.Errorf(payment.Internal, "test", "disk on fire")
