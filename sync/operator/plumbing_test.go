package operator

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"tilld/agent/payment"
)

func TestReach(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://api.example.com": true, "https://api.example.com/": true, "https://api.example.com:8443": true,
		"http://127.0.0.1:80": true, "http://[::1]:80": true, "http://localhost:1": true,
		"http://api.example.com": false, "http://10.0.0.1": false, "http://localhost.example.com": false, "http://127.0.0.1.example.com": false,
		"": false, "api.example.com": false, "ftp://api.example.com": false, "https://": false, "https://:443": false,
		"https://user:s3cret@api.example.com": false, "https://api.example.com/v2": false, "https://api.example.com?a=b": false,
		"https://api.example.com#a": false, "https://api.example.com?": false, "https://s3cret\x7f": false,
	} {
		err := (&Reach{BaseURL: url}).Validate()
		if (err == nil) != ok || err != nil && (!errors.Is(err, ErrConfig) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%q: %v", url, err)
		}
	}
	for timeout, ok := range map[time.Duration]bool{0: true, MaxTimeout: true, MaxTimeout + 1: false, -1: false} {
		if err := (&Reach{BaseURL: "https://a", Timeout: timeout}).Validate(); (err == nil) != ok {
			t.Errorf("%s: %v", timeout, err)
		}
	}
	if _, err := NewClient(Reach{BaseURL: "http://example.com"}, time.Second); !errors.Is(err, ErrConfig) {
		t.Errorf("a client for plain HTTP: %v", err)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	type holder struct {
		A Secret
		B *Secret
		C Code
		d Secret
	}
	s := SecretOf("s3cret-s3cret")
	if s.Reveal() != "s3cret-s3cret" || s.IsZero() || !SecretOf("").IsZero() || (Secret{}).Reveal() != "" {
		t.Fatal("a secret is not what it was made of")
	}
	h := holder{s, &s, Code("s3cret-s3cret"), s} // fmt looks into d, and calls nothing there
	var out strings.Builder
	for _, verb := range "vsqxXdtTpbcoeEfFgGU" {
		for _, v := range []any{s, &s, h, &h, []Secret{s}, map[Secret]Code{s: h.C}} {
			if verb == 'p' || verb == 'T' {
				continue
			}
			fmt.Fprintf(&out, "%"+string(verb)+" %+"+string(verb)+" %#"+string(verb)+"\n", v, v, v)
		}
	}
	j, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(j)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "a", s, "h", h, "c", h.C)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "a", s, "h", h, "c", h.C)
	if text := out.String(); strings.Contains(text, "s3cret") || strings.Contains(text, "733363726574") {
		t.Errorf("a secret prints: %s", text)
	}
}

func TestText(t *testing.T) {
	for s, want := range map[string]string{
		"SUCCESS": "SUCCESS", "": "", "a b": "", "a\n": "", "ä": "", "\x1b[2J": "",
		strings.Repeat("x", 64): strings.Repeat("x", 64), strings.Repeat("x", 65): "", "x-s3cret-y": "",
	} {
		if got := Text(s, "", "s3cret"); got != want {
			t.Errorf("%q: %q", s, got)
		}
	}
}

func TestWhole(t *testing.T) {
	for n, want := range map[json.Number]int64{
		"0": 0, "100": 100, "100.0": 100, "100.00": 100, "1000000000000": payment.MaxMinor,
		"": -1, "1.": -1, ".0": -1, "100.5": -1, "-1": -1, "1e2": -1, "+1": -1, "1000000000001": -1, "99999999999999999999": -1, "1.000000000": -1, "1.0.0": -1,
	} {
		got, err := Whole(n)
		if want < 0 != (err != nil) || err == nil && got != want {
			t.Errorf("%q: %d, %v", n, got, err)
		}
	}
}

func TestReadJSON(t *testing.T) {
	for body, ok := range map[string]bool{
		`{}`: true, ` {"a":1} `: true, `{}{}`: false, `{} x`: false, ``: false, `{`: false, `[]`: false, `{"a":"1"}`: false, "\xff": false,
	} {
		var v struct{ A int }
		if err := ReadJSON([]byte(body), &v); (err == nil) != ok || err != nil && !errors.Is(err, ErrGarbled) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// FuzzWhole: a number is read as what it is, or not at all.
func FuzzWhole(f *testing.F) {
	for _, s := range []string{"0", "100", "100.00", "100.5", "1e3", "-1", "007", "9999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := Whole(json.Number(s))
		if err != nil {
			return
		}
		whole, _, _ := strings.Cut(s, ".")
		if n < 0 || n > payment.MaxMinor || fmt.Sprint(n) != strings.TrimLeft(whole[:len(whole)-1], "0")+whole[len(whole)-1:] {
			t.Errorf("%q is %d", s, n)
		}
	})
}

func TestParseWhy(t *testing.T) {
	for w := range whyEnd {
		if got, ok := ParseWhy(w.String()); !ok || got != w {
			t.Errorf("%q is %s, %t", w, got, ok)
		}
	}
	if got, ok := ParseWhy("because"); ok || got != NoReason {
		t.Errorf("because is %s, %t", got, ok)
	}
}
