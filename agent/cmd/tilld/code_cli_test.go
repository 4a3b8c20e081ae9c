package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

// tilldIn runs the program with something on its standard input.
func tilldIn(t *testing.T, in io.Reader, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, streams{in, &o, &e})
	return code, o.String(), e.String()
}

// signedCode is a house wallet's code as a phone shows it.
func signedCode(t *testing.T) string {
	t.Helper()
	key := func() *wire.Signer {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		s, err := wire.NewSigner(k, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	issuer, phone, now := key(), key(), time.Now()
	cert, err := signed.Certify(issuer, signed.Claims{Account: signed.Account{1}, Phone: phone.Public(), Cap: payment.Of(5000, "JPY"), NotBefore: now.Add(-time.Hour), Hours: 24})
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.Sign(phone, cert, signed.CodeClaims{Counter: 3, Time: now, Store: "0001"})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestCodeExplain(t *testing.T) {
	house := signedCode(t)
	tests := []struct {
		name string
		in   string
		args []string
		code int
		want []string // in this order
	}{
		{"a payment code", "", []string{"281234567890123456"}, 0, []string{"kind        payment", "format      numeric", "wallet      alipay", "online only"}},
		{"the house wallet's", "", []string{house}, 0, []string{"kind        payment", "format      signed", "wallet      house", "can be checked at the lane", "signature_not_checked"}},
		{"loyalty", "", []string{"7600123412341234"}, 0, []string{"kind        loyalty"}},
		{"goods", "", []string{"4901777018686"}, 1, []string{"kind        not-payment", "format      ean-13"}},
		{"unknown", "", []string{"ABC"}, 1, []string{"kind        unknown", "error       unknown_code"}},
		{"nothing", "", []string{""}, 1, []string{"kind        invalid", "error       empty"}},
		{"a dash in front", "", []string{"--", "--policy"}, 1, []string{"kind        unknown"}},
		{"by its market", "", []string{"--market", "TW", "771234567890123456"}, 0, []string{"wallet      linepay (online only, at home in TW, verified)"}},
		{"in another market", "", []string{"--market", "JP", "771234567890123456"}, 1, []string{"kind        unknown"}},
		{"no market said", "", []string{"771234567890123456"}, 0, []string{"wallet      linepay", "warning     only_in_market:TW"}},
		{"no donation in Japan", "", []string{"--market", "JP", "9527"}, 1, []string{"kind        unknown"}},
		{"standard input", "281234567890123456\r\n", []string{"-"}, 0, []string{"wallet      alipay"}},
		{"a raw scan", "]C0281234567890123456\r\n", []string{"-"}, 0, []string{"wallet      alipay", "warning     aim_identifier:]C0"}},
		{"an empty input", "", []string{"-"}, 1, []string{"error       empty"}},
		{"two codes", house + house, []string{"-"}, 1, []string{"two_codes"}},
		{"half a code", house[:200], []string{"-"}, 1, []string{"kind        invalid"}},
		{"ten kilobytes", strings.Repeat("9", 10<<10), []string{"-"}, 1, []string{"too_long"}},
		{"a megabyte", strings.Repeat("9", 1<<20), []string{"-"}, 1, []string{"too_long"}},
		{"no text", "\xff\xfe\x00\x01", []string{"-"}, 1, []string{"kind        invalid"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := tilldIn(t, strings.NewReader(tt.in), append([]string{"code", "explain"}, tt.args...)...)
			if code != tt.code || errs != "" {
				t.Errorf("exit %d, err %q; want exit %d", code, errs, tt.code)
			}
			rest := out
			for _, want := range tt.want {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("%q is not, or not there, in\n%s", want, out)
				}
				rest = after
			}
			if strings.Contains(out, house[40:80]) || strings.ContainsAny(out, "\x00\x1b") || !utf8.ValidString(out) {
				t.Errorf("the code itself, or what steers a terminal, is in the answer:\n%q", out)
			}
		})
	}
}

func TestCodeExplainJSON(t *testing.T) {
	type answer struct {
		Kind, Format, Error string
		Candidates          []struct {
			Wallet     string
			OnlineOnly bool `json:"online_only"`
			Confidence string
		}
		Fields   map[string]string
		Warnings []string
	}
	for text, want := range map[string]struct {
		code   int
		kind   string
		wallet string
	}{
		"281234567890123456": {0, "payment", "alipay"}, signedCode(t): {0, "payment", "house"}, "4901777018686": {1, "not-payment", ""},
		"\x01": {1, "invalid", ""}, "ほげ": {1, "unknown", ""},
	} {
		code, out, errs := tilld(t, "code", "explain", "--json", "--", text)
		var a answer
		if err := json.Unmarshal([]byte(out), &a); err != nil || strings.Count(out, "\n") != 1 || errs != "" {
			t.Fatalf("%q: %v, %q, %q", text, err, out, errs)
		}
		if code != want.code || a.Kind != want.kind || (want.wallet != "") != (len(a.Candidates) > 0) || a.Fields == nil || a.Warnings == nil {
			t.Errorf("%q: exit %d, %s", text, code, out)
		}
		if want.wallet != "" && a.Candidates[0].Wallet != want.wallet {
			t.Errorf("%q: %s", text, out)
		}
	}
}

// A policy's table takes the place of the one that is built in.
func TestCodeExplainPolicy(t *testing.T) {
	doc := policy.Starter("kita", "JPY", "Asia/Tokyo", time.Now())
	doc.Codes.Rows = doc.Codes.Rows[:1] // the house wallet
	src, err := policy.RenderTOML(doc)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, bad := filepath.Join(dir, "policy.toml"), filepath.Join(dir, "bad.toml")
	for name, b := range map[string][]byte{file: src, bad: []byte("versoin = 1\n")} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, out, errs := tilld(t, "code", "explain", "--policy", file, "281234567890123456"); code != 1 || !strings.Contains(out, "unknown") {
		t.Errorf("a table without that wallet: exit %d, %q, %q", code, out, errs)
	}
	if code, out, errs := tilld(t, "code", "explain", "--policy", file, "9527"); code != 1 || !strings.Contains(out, "unknown") {
		t.Errorf("four digits, in the policy's market: exit %d, %q, %q", code, out, errs)
	}
	if code, out, errs := tilld(t, "code", "explain", "--policy", file, "--market", "TW", "9527"); code != 1 || !strings.Contains(out, "tw-donation-code") {
		t.Errorf("four digits, in the market that is asked for: exit %d, %q, %q", code, out, errs)
	}
	if code, out, errs := tilld(t, "code", "explain", "--policy", file, signedCode(t)); code != 0 || !strings.Contains(out, "house") {
		t.Errorf("the house wallet: exit %d, %q, %q", code, out, errs)
	}
	if code, _, errs := tilld(t, "code", "explain", "--policy", bad, "1"); code != 3 || !strings.Contains(errs, "bad.toml:1: versoin: unknown key") {
		t.Errorf("a bad policy: exit %d, %q", code, errs)
	}
	if code, _, errs := tilld(t, "code", "explain", "--policy", bad+"x", "1"); code != 3 || !strings.Contains(errs, "no such file") {
		t.Errorf("no policy: exit %d, %q", code, errs)
	}
}

func TestCodeExplainUsage(t *testing.T) {
	for _, args := range [][]string{{"code"}, {"code", "explain"}, {"code", "explain", "1", "2"}, {"code", "explain", "--no-such", "1"}, {"code", "explain", "-1"}, {"code", "explain", "--market", "Japan", "1"}} {
		if code, out, errs := tilld(t, args...); code != 2 || out == "" && errs == "" {
			t.Errorf("%q: exit %d, %q, %q", args, code, out, errs)
		}
	}
	broken := errors.New("a torn pipe")
	if code, _, errs := tilldIn(t, iotest.ErrReader(broken), "code", "explain", "-"); code != 3 || !strings.Contains(errs, broken.Error()) {
		t.Errorf("an input that fails: exit %d, %q", code, errs)
	}
}

// FuzzCodeExplain: whatever somebody pastes, the command answers yes or no, in both forms the same, from an
// argument and from standard input.
func FuzzCodeExplain(f *testing.F) {
	for _, text := range []string{"", "-", "281234567890123456", "\xff", "\x00", "]Q1", "hQVDUFYwMQ==", "000201", "upi://pay", "--json", "4901777018686\r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var human, object, argument, errs bytes.Buffer
		err := codeExplainCmd{Code: "-"}.Run(streams{strings.NewReader(text), &human, &errs})
		if (err != nil && err != errNegative) || !strings.HasPrefix(human.String(), "kind ") || errs.Len() > 0 {
			t.Errorf("%q: %v, %q, %q", text, err, &human, &errs)
		}
		if again := (codeExplainCmd{Code: "-", JSON: true}).Run(streams{strings.NewReader(text), &object, &errs}); again != err || !json.Valid(object.Bytes()) {
			t.Errorf("%q: %v, then %v, %q", text, err, again, &object)
		}
		if text == "-" {
			return
		}
		if again := (codeExplainCmd{Code: text}).Run(streams{nil, &argument, &errs}); again != err || argument.String() != human.String() {
			t.Errorf("%q: %v and %q, as an argument %v and %q", text, err, &human, again, &argument)
		}
	})
}
