package signed_test

import (
	"strings"
	"testing"
	"time"

	qrcode "github.com/skip2/go-qrcode"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
)

// A code with every claim at its limit has just MaxText characters, and go-qrcode, which chooses mode and
// version by itself, fits it into version 10 at level L and 12 at M. Only alphanumeric mode does: version 10
// at L holds 395 characters in it and 271 bytes in byte mode.
func TestQRSize(t *testing.T) {
	issuer, phone := signer(t, "issuer"), signer(t, "phone")
	usual := claims(phone)
	widest := usual
	widest.Cap, widest.Hours = payment.Of(signed.MaxCap, "IDR"), signed.MaxHours
	at := time.Unix(1<<32-1, 0)
	tests := []struct {
		name    string
		cert    signed.Claims
		code    signed.CodeClaims
		length  int
		version map[qrcode.RecoveryLevel]int
	}{
		{
			"at every limit", widest,
			signed.CodeClaims{Counter: signed.MaxCounter, Time: at, Store: "12345678", Lane: "123"},
			signed.MaxText, map[qrcode.RecoveryLevel]int{qrcode.Low: 10, qrcode.Medium: 12},
		},
		{
			"an ordinary one for a lane", usual,
			signed.CodeClaims{Counter: 1234, Time: noon, Store: "0231", Lane: "3"},
			373, map[qrcode.RecoveryLevel]int{qrcode.Low: 10, qrcode.Medium: 12},
		},
		{
			"an ordinary one for anywhere", usual,
			signed.CodeClaims{Counter: 1234, Time: noon},
			361, map[qrcode.RecoveryLevel]int{qrcode.Low: 10, qrcode.Medium: 11},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := mustSign(t, phone, mustCertify(t, issuer, tt.cert), tt.code)
			if len(text) != tt.length {
				t.Errorf("%d characters, want %d", len(text), tt.length)
			}
			if strings.Trim(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:") != "" {
				t.Error("not all characters are of the alphanumeric mode")
			}
			for level, want := range tt.version {
				q, err := qrcode.New(text, level)
				if err != nil {
					t.Fatal(err)
				}
				if q.VersionNumber != want {
					t.Errorf("level %d: version %d, want %d", level, q.VersionNumber, want)
				}
			}
		})
	}
}
