package operator

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a credential in plain. It does not print, under any verb and in any struct, not even in a field that fmt
// looks into because it can't call it: that is why it is no string.
type Secret struct{ text *string }

// SecretOf hides a credential; "" is the zero Secret.
func SecretOf(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{&s}
}

// Reveal is the credential in plain, for whoever signs with it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero says that there is none.
func (s Secret) IsZero() bool { return s.text == nil }

const hidden = "[secret]"

// Format hides the secret from every verb of fmt.
func (Secret) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, hidden) }

// String hides the secret.
func (Secret) String() string { return hidden }

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the secret. There is no way back: a credential is read from the environment or a file of its own.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Format hides the code from every verb of fmt.
func (Code) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "[code]") }
