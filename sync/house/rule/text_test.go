package rule_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"tilld/sync/house/rule"
)

func TestLogin(t *testing.T) {
	for in, want := range map[string]string{
		"hana": "hana", "HaNa.7": "hana.7", "hana@example.jp": "hana@example.jp", "a12": "a12",
		"": "", "ab": "", ".ab": "", "ha na": "", "花子です": "", "a\x00bc": "", strings.Repeat("a", 65): "",
	} {
		got, r := rule.Login(in)
		if got != want || (r == rule.None) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", in, got, r, want)
		}
	}
}

func TestContact(t *testing.T) {
	for in, ok := range map[string]bool{
		"hana@example.jp": true, "Hana+7@mail.example.co.jp": true,
		"": false, "hana": false, "@example.jp": false, "hana@": false, "hana@localhost": false, "hana@a..jp": false,
		"hana@.jp": false, "a,b@example.jp": false, "a@b@example.jp": false, "hana@example.jp\nBcc: x@y.z": false,
		"hana @example.jp": false, strings.Repeat("a", 65) + "@example.jp": false,
	} {
		if got, r := rule.Contact(in); (r == rule.None) != ok || (ok && got != in) {
			t.Errorf("%q: %q, %v", in, got, r)
		}
	}
}

func TestPassword(t *testing.T) {
	for in, want := range map[string]rule.Refusal{
		"correct horse battery": rule.None, "桜の木の下で猫が寝た": rule.None, "12345678": rule.WeakPassword, "": rule.WeakPassword,
		"hanakohanako7": rule.WeakPassword, "with\tcontrol bytes": rule.WeakPassword, "bad\xffutf-8 bytes": rule.WeakPassword,
		strings.Repeat("a", rule.MaxPassword+1): rule.WeakPassword,
	} {
		if got := rule.CheckPassword(in, "hanako@example.jp"); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func FuzzLogin(f *testing.F) {
	for _, s := range []string{"hana", "HANA@example.jp", "..", "\u212alvin"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, r := rule.Login(s)
		if r != rule.None {
			return
		}
		if again, r := rule.Login(got); again != got || r != rule.None {
			t.Errorf("%q is read as %q, and that as %q", s, got, again)
		}
		if strings.IndexFunc(got, func(c rune) bool { return c >= utf8.RuneSelf || c <= ' ' }) >= 0 {
			t.Errorf("%q holds more than plain characters", got)
		}
	})
}

func FuzzContact(f *testing.F) {
	for _, s := range []string{"hana@example.jp", "a@b.c", "a@b@c.d", "a@-.x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, r := rule.Contact(s)
		if r == rule.None && (got != s || strings.Count(s, "@") != 1 || strings.ContainsAny(s, " \r\n\t\"<>,;\\")) {
			t.Errorf("%q is taken as %q", s, got)
		}
	})
}
