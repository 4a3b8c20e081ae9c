package rule

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The lengths of a password in characters (NIST SP 800-63B-4, 3.1.1.2: at least 8 beside another factor, and at least
// 64 must be possible), and in bytes.
const (
	MinPassword      = 10
	MaxPassword      = 128
	maxPasswordBytes = 4 * MaxPassword
)

// Login is a log-in name in its one spelling: 3 to 64 of a-z, 0-9 and .@_-+, begun by a letter or a digit. Capitals are
// made small, so that two accounts never differ by them alone.
func Login(s string) (string, Refusal) {
	s = strings.ToLower(s)
	if len(s) < 3 || len(s) > 64 || !plain(s, ".@_-+") || strings.ContainsRune(".@_-+", rune(s[0])) {
		return "", BadLogin
	}
	return s, None
}

// Contact is an address that a message can go to: LOCAL@DOMAIN, at most 254 characters of ASCII, no spaces, quotes or
// commas. It is kept as it is: only the customer's own provider knows whether capitals matter.
func Contact(s string) (string, Refusal) {
	local, domain, ok := strings.Cut(s, "@")
	small := strings.ToLower(domain)
	switch {
	case !ok, len(s) > 254, len(local) < 1, len(local) > 64, len(domain) < 3, !plain(strings.ToLower(local), "!#$%&'*+-/=?^_`{|}~."):
		return "", BadContact
	case !plain(small, ".-"), !strings.Contains(small, "."), strings.Contains(small, ".."), strings.Trim(small, ".-") != small:
		return "", BadContact
	}
	return s, None
}

// CheckPassword looks at form only: length, valid text, and that it is not made of the log-in name.
func CheckPassword(password, login string) Refusal {
	n := utf8.RuneCountInString(password)
	name, _, _ := strings.Cut(login, "@")
	switch {
	case len(password) > maxPasswordBytes, !utf8.ValidString(password), n < MinPassword, n > MaxPassword:
		return WeakPassword
	case strings.IndexFunc(password, unicode.IsControl) >= 0:
		return WeakPassword
	case name != "" && len(strings.ReplaceAll(strings.ToLower(password), name, "")) < MinPassword/2:
		return WeakPassword
	}
	return None
}

func plain(s, more string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune(more, rune(c)) {
			return false
		}
	}
	return true
}
