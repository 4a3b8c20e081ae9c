package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
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

// wantInOrder demands texts in an answer, one behind the other.
func wantInOrder(t *testing.T, out string, want []string) {
	t.Helper()
	rest := out
	for _, w := range want {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			t.Fatalf("%s is not, or not there, in\n%s", w, out)
		}
		rest = after
	}
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
			wantInOrder(t, out, tt.want)
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

// emvcoCode is a customer's QR code in EMVCo's format: one application, the account number in track 2.
func emvcoCode(pan string) string {
	track := []byte("\x57\x10")
	digits, _ := hex.DecodeString(pan + "d3012201000000ff") // of constants
	application := slices.Concat([]byte("\x4f\x07\xa0\x00\x00\x03\x33\x01\x02\x50\x08UnionPay"), track, digits, []byte("\x63\x05\x9f\x36\x02\x00\x07"))
	return base64.StdEncoding.EncodeToString(slices.Concat([]byte("\x85\x05CPV01\x61"), []byte{byte(len(application))}, application))
}

// What stands in a code is told by tags, an account number only when it is asked for.
func TestCodeExplainReveal(t *testing.T) {
	const pan = "6212345678901234"
	code := emvcoCode(pan)
	for name, tt := range map[string]struct {
		args []string
		want []string // in this order
		pan  bool
	}{
		"for reading": {nil, []string{
			`field       85 (payload format) = "CPV01"`, `field       61.4F (application name) = "A0000003330102"`, `field       61.50 (application label) = "UnionPay"`,
			`field       61.57 (track 2) = "************1234D3012201000000FF"`, `field       61.57.pan (account number) = "************1234"`,
			`field       61.57.expiry_yymm (expiry, year and month) = "3012"`, `field       61.63 (application's transparent data) = "9F36020007"`,
			`field       61.63.9F36 (transaction counter) = "0007"`,
		}, false},
		"as JSON": {[]string{"--json"}, []string{
			`"fields":{"85":"CPV01","61.4F":"A0000003330102","61.50":"UnionPay","61.57":"************1234D3012201000000FF","61.57.pan":"************1234"`,
		}, false},
		"for reading, revealed": {[]string{"--reveal"}, []string{`61.57 (track 2) = "6212345678901234D3012201000000FF"`, `(account number) = "6212345678901234"`}, true},
		"as JSON, revealed":     {[]string{"--reveal", "--json"}, []string{`"61.57.pan":"6212345678901234"`}, true},
	} {
		t.Run(name, func(t *testing.T) {
			exit, out, errs := tilldIn(t, strings.NewReader(code+"\r\n"), append(append([]string{"code", "explain"}, tt.args...), "-")...)
			if exit != 0 || errs != "" || strings.Contains(out, pan) != tt.pan {
				t.Errorf("exit %d, err %q, %s", exit, errs, out)
			}
			wantInOrder(t, out, tt.want)
		})
	}
}

// A code that is refused is told with the place, and without its numbers.
func TestCodeExplainRefusals(t *testing.T) {
	whole, err := base64.StdEncoding.DecodeString(emvcoCode("6212345678901234"))
	if err != nil {
		t.Fatal(err)
	}
	for want, b := range map[string][]byte{
		"value_overruns_buffer:61 (a data object is longer than what is there: half a code, at byte 8)": whole[:30],
		"ber_length_invalid:61 (a data object's length is not valid, at byte 8)":                        slices.Concat(whole[:8], []byte{0x93}, whole[9:]),
		"missing_application_template": whole[:7],
		"duplicate_poi_data:57":        slices.Concat(whole, []byte("\x62\x12"), whole[28:46]),
	} {
		for _, args := range [][]string{nil, {"--json"}, {"--reveal"}} {
			exit, out, errs := tilldIn(t, strings.NewReader(base64.StdEncoding.EncodeToString(b)), append(append([]string{"code", "explain"}, args...), "-")...)
			if exit != 1 || errs != "" || !strings.Contains(out, want) {
				t.Errorf("exit %d, err %q, want %s in %s", exit, errs, want, out)
			}
			if len(args) == 0 && strings.Contains(out, "6212345678901234") {
				t.Errorf("the number is in %s", out)
			}
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
