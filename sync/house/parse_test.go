package house

import (
	"strings"
	"testing"
)

// TestParseHash reads what we write and nothing else.
func TestParseHash(t *testing.T) {
	good := Argon{Time: 1, Memory: 8, Lanes: 1}.hashed("a long enough phrase", make([]byte, saltBytes))
	if ok, err := matches(good, "a long enough phrase"); err != nil || !ok {
		t.Errorf("%v, %v", ok, err)
	}
	if ok, err := matches(good, "another long phrase"); err != nil || ok {
		t.Errorf("another password: %v, %v", ok, err)
	}
	for name, bad := range map[string]string{
		"nothing": "", "another algorithm": strings.Replace(good, "argon2id", "argon2i", 1),
		"another version": strings.Replace(good, "v=19", "v=16", 1), "a bomb": strings.Replace(good, "m=8,", "m=99999999,", 1),
		"no passes": strings.Replace(good, "t=1", "t=0", 1), "two spellings": strings.Replace(good, "t=1", "t=01", 1),
		"more behind": good + "$", "a short tag": good[:len(good)-2], "not base 64": good[:len(good)-1] + "=",
	} {
		if _, err := matches(bad, "a long enough phrase"); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if DefaultArgon != (Argon{Time: 3, Memory: 65536, Lanes: 4}) || DefaultArgon.validate() != nil {
		t.Error("not RFC 9106's second choice")
	}
}

// FuzzParseHash takes only the one spelling of a stored password.
func FuzzParseHash(f *testing.F) {
	f.Add(Argon{Time: 1, Memory: 8, Lanes: 1}.hashed("a", make([]byte, saltBytes)))
	f.Add("$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=8,t=1,p=1 $$")
	f.Fuzz(func(t *testing.T, s string) {
		a, salt, tag, err := parseHash(s)
		if err != nil {
			if salt != nil || tag != nil || a != (Argon{}) {
				t.Error("results beside an error")
			}
			return
		}
		if a.validate() != nil || len(salt) != saltBytes || len(tag) != tagBytes || strings.Count(s, "$") != 5 {
			t.Errorf("%q is read as %+v", s, a)
		}
	})
}

// FuzzRecoveryCode reads a code in any spelling as the one that was given out.
func FuzzRecoveryCode(f *testing.F) {
	for _, s := range []string{"ABCDEFGHIJKLMNOP", "abcd-efgh ijkl-mn0p", "1", "\u0131\u017f", strings.Repeat("-", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := recoveryCode(Secret(s))
		if again := recoveryCode(got); again != got {
			t.Errorf("read twice it differs: %d and %d characters", len(got), len(again))
		}
		if strings.Trim(string(got), "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
			t.Error("a character that no code has is left")
		}
	})
}

func TestKnownList(t *testing.T) {
	k, err := KnownList(strings.NewReader("Hunter2Hunter2\n\n  correct horse \n"))
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]bool{
		"hunter2hunter2": true, "HUNTER2HUNTER99!!": true, "correct horse": true, "correct horse 99": false, "Sakura20190701": true,
		"password-password": true, "": false, "quite another phrase": false, "1234567890": true,
	} {
		if got, err := k.Known(t.Context(), in); err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
}

// TestKnownListWhole: a line that is too long ends no list in silence.
func TestKnownListWhole(t *testing.T) {
	if k, err := KnownList(strings.NewReader("first\n" + strings.Repeat("x", 1<<17) + "\nlast\n")); k != nil || err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%d passwords, %v", len(k), err)
	}
}

// TestStatement gives every purpose, challenge and list of details bytes of its own.
func TestStatement(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range [][]byte{
		Statement(ForTopUp, "c", "ab", "c"), Statement(ForTopUp, "c", "a", "bc"), Statement(ForTopUp, "ca", "b", "c"),
		Statement(ForTopUp, "c", "abc"), Statement(ForSignIn, "c", "abc"), Statement(ForTopUp, "c"), Statement(ForTopUp, "c", ""),
	} {
		if seen[string(s)] {
			t.Errorf("%q twice", s)
		}
		seen[string(s)] = true
	}
}
