package house

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/crypto/argon2"
)

// Argon are the parameters of argon2id (RFC 9106).
type Argon struct {
	Time   uint32 // passes
	Memory uint32 // KiB
	Lanes  uint8
}

// DefaultArgon is RFC 9106's second recommended choice (section 4: t=3, p=4, m=64 MiB, salt of 128 bits, tag of 256),
// which is above OWASP's floor (Password Storage Cheat Sheet: 19 MiB, t=2, p=1).
var DefaultArgon = Argon{Time: 3, Memory: 64 << 10, Lanes: 4}

const (
	saltBytes = 16
	tagBytes  = 32
)

// errHash reports a stored password that can't be read.
var errHash = errors.New("not an argon2id hash of ours")

func (a Argon) validate() error {
	if a.Time < 1 || a.Time > 64 || a.Lanes < 1 || a.Memory < 8*uint32(a.Lanes) || a.Memory > 1<<20 {
		return fmt.Errorf("%w: argon2id with t=%d, m=%d KiB, p=%d", errConfig, a.Time, a.Memory, a.Lanes)
	}
	return nil
}

// hashed writes a password in PHC's string form.
func (a Argon) hashed(password Secret, salt []byte) string {
	tag := argon2.IDKey([]byte(password), salt, a.Time, a.Memory, a.Lanes, tagBytes)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, a.Memory, a.Time, a.Lanes,
		b64.EncodeToString(salt), b64.EncodeToString(tag))
}

// matches computes the password with the parameters that it was stored with, and compares in constant time.
func matches(stored string, password Secret) (bool, error) {
	a, salt, tag, err := parseHash(stored)
	if err != nil {
		return false, err
	}
	got := argon2.IDKey([]byte(password), salt, a.Time, a.Memory, a.Lanes, tagBytes)
	return subtle.ConstantTimeCompare(got, tag) == 1, nil
}

// maxComputing bounds the passwords that are computed at once: each takes 64 MiB, and whoever enrols makes us compute.
const maxComputing = 4

// compute waits for its turn to compute a password.
func (i *Issuer) compute(ctx context.Context, f func() error) error {
	select {
	case i.computing <- struct{}{}:
		defer func() { <-i.computing }()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// matches is matches, in its turn.
func (i *Issuer) matches(ctx context.Context, stored string, password Secret) (ok bool, err error) {
	err = i.compute(ctx, func() error { ok, err = matches(stored, password); return err })
	return ok, err
}

// parseHash reads the one form that hashed writes.
func parseHash(s string) (a Argon, salt, tag []byte, err error) {
	f := strings.Split(s, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != "v="+strconv.Itoa(argon2.Version) {
		return Argon{}, nil, nil, errHash
	}
	if n, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &a.Memory, &a.Time, &a.Lanes); err != nil || n != 3 || a.validate() != nil {
		return Argon{}, nil, nil, errHash
	}
	salt, err = base64.RawStdEncoding.Strict().DecodeString(f[4])
	if err != nil || len(salt) != saltBytes {
		return Argon{}, nil, nil, errHash
	}
	tag, err = base64.RawStdEncoding.Strict().DecodeString(f[5])
	if err != nil || len(tag) != tagBytes {
		return Argon{}, nil, nil, errHash
	}
	if f[3] != fmt.Sprintf("m=%d,t=%d,p=%d", a.Memory, a.Time, a.Lanes) {
		return Argon{}, nil, nil, errHash
	}
	return a, salt, tag, nil
}

// KnownPasswords is a list in memory, by hash and with capitals, digits at the end and signs there left out: "Sakura123!"
// is known when "sakura" is.
type KnownPasswords map[[sha256.Size]byte]struct{}

// worst are the passwords and stems that head every published list of stolen ones.
var worst = strings.Fields(`password passw0rd qwerty qwertyuiop asdfghjkl zxcvbnm iloveyou princess sunshine football
	baseball welcome monkey dragon letmein superman master shadow michael trustno sakura doraemon pokemon arashi
	password-password 1234567890 0123456789 1q2w3e4r5t 1qaz2wsx3edc abcdefghij aaaaaaaaaa 1111111111 0000000000
	qwerty123456 abcd1234 seven-eleven 7payment nanaco`)

// WorstKnown knows the worst passwords only.
func WorstKnown() KnownPasswords {
	k := KnownPasswords{}
	for _, p := range worst {
		k.add(p)
	}
	return k
}

// KnownList reads a list of passwords, one a line, besides the worst. A chain gives it the lists that it has, or a Known of
// its own that asks a service. A list that can't be read to its end is an error: what stands behind would be allowed.
func KnownList(r io.Reader) (KnownPasswords, error) {
	k, s, line := WorstKnown(), bufio.NewScanner(r), 0
	for ; s.Scan(); line++ {
		k.add(s.Text())
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("list of known passwords, line %d: %w", line+1, err)
	}
	return k, nil
}

func (k KnownPasswords) add(p string) {
	if p = strings.TrimSpace(p); p != "" {
		k[sha256.Sum256([]byte(strings.ToLower(p)))] = struct{}{}
		k[sha256.Sum256([]byte(stem(p)))] = struct{}{}
	}
}

// Known says whether the password or its stem is on the list.
func (k KnownPasswords) Known(_ context.Context, password string) (bool, error) {
	_, whole := k[sha256.Sum256([]byte(strings.ToLower(password)))]
	_, part := k[sha256.Sum256([]byte(stem(password)))]
	return whole || part, nil
}

// stem is the password in small letters without what people put at its end; all of it when nothing else is left.
func stem(p string) string {
	p = strings.ToLower(p)
	s := strings.TrimRightFunc(p, func(c rune) bool { return unicode.IsDigit(c) || unicode.IsPunct(c) || unicode.IsSymbol(c) })
	if s == "" {
		return p
	}
	return s
}
