package house

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
)

// Secret is something that opens something: a password, a session, a ticket. It does not print.
type Secret string

// Format hides the secret from every verb of fmt.
func (Secret) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "[secret]") }

// MarshalText hides the secret: what is handed out is converted where it is handed out.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// secretBytes is the randomness in a session, a ticket, a challenge or a state: 256 bits, of which ASVS asks for 128.
const secretBytes = 32

// newSecret makes one, in characters that fit into an address.
func (i *Issuer) newSecret() (Secret, error) {
	b, err := i.random(secretBytes)
	return Secret(base64.RawURLEncoding.EncodeToString(b)), err
}

func (i *Issuer) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(i.c.Random, b); err != nil {
		return nil, fmt.Errorf("reading randomness: %w", err)
	}
	return b, nil
}

// hash is what is kept of a secret. It has too much randomness to be guessed, so it needs no salt and no slowness; and
// it is looked up as a key, so no comparison of it tells anything about the secret.
func hash(kind string, secret Secret) []byte { return fingerprint(kind, string(secret)) }

// fingerprint is the SHA-256 of a list of texts, which no other list has.
func fingerprint(parts ...string) []byte {
	sum := sha256.Sum256(list(nil, parts...))
	return sum[:]
}

// list writes texts one after the other, each behind its length.
func list(b []byte, parts ...string) []byte {
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}
