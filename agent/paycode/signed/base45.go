package signed

import (
	"fmt"
	"strings"
)

// alphabet is that of RFC 9285, which is also the alphanumeric mode of a QR code.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// digit holds the value of each character, plus one; zero is no character of the alphabet.
var digit = func() (t [256]byte) {
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i + 1)
	}
	return t
}()

// encode45 writes b in base 45: three characters for two bytes, two for a last single one, least
// significant first.
func encode45(b []byte) string {
	var s strings.Builder
	s.Grow((len(b)*3 + 1) / 2)
	for ; len(b) >= 2; b = b[2:] {
		n := int(b[0])<<8 | int(b[1])
		s.WriteByte(alphabet[n%45])
		s.WriteByte(alphabet[n/45%45])
		s.WriteByte(alphabet[n/2025])
	}
	if len(b) == 1 {
		s.WriteByte(alphabet[b[0]%45])
		s.WriteByte(alphabet[b[0]/45])
	}
	return s.String()
}

// decode45 reads what encode45 wrote, up to most bytes. It takes one form only: no lower case, no group that
// stands for more than its bytes hold, no lone last character. The error names the place, not the text.
func decode45(s string, most int) ([]byte, error) {
	if len(s)%3 == 1 {
		return nil, fmt.Errorf("%w: %d characters make no whole groups", ErrBase45, len(s))
	}
	size := len(s)/3*2 + len(s)%3/2
	if size > most {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrSize, size, most)
	}
	b := make([]byte, 0, size)
	for at := 0; at < len(s); at += 3 {
		group := s[at:min(at+3, len(s))]
		n, limit := 0, 1<<(8*(len(group)-1))
		for i := len(group) - 1; i >= 0; i-- {
			d := digit[group[i]]
			if d == 0 {
				return nil, fmt.Errorf("%w: character %d is not of its alphabet", ErrBase45, at+i)
			}
			n = n*45 + int(d) - 1
		}
		if n >= limit {
			return nil, fmt.Errorf("%w: the group at character %d overflows", ErrBase45, at)
		}
		if len(group) == 3 {
			b = append(b, byte(n>>8))
		}
		b = append(b, byte(n))
	}
	return b, nil
}
