package signed_test

import (
	"encoding/hex"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"tilld/agent/paycode/signed"
	"tilld/sync/wire"
)

// layer is one COSE_Sign1, in parts that a forger may set as they like.
type layer struct {
	protected, payload []byte
	external           []byte
	by                 *wire.Signer
	mend               func(sig []byte) []byte   // changes the signature
	wrap               func(whole []byte) []byte // changes what was assembled
}

func split(t *testing.T, b []byte) layer {
	t.Helper()
	var parts []cbor.RawMessage
	if err := cbor.Unmarshal(b, &parts); err != nil || len(parts) != 4 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	var l layer
	for i, to := range map[int]*[]byte{0: &l.protected, 2: &l.payload} {
		if err := cbor.Unmarshal(parts[i], to); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// bytes signs and assembles the layer.
func (l layer) bytes(t *testing.T) []byte {
	t.Helper()
	sig, err := l.by.Sign(wire.SigStructure(l.protected, l.external, l.payload))
	if err != nil {
		t.Fatal(err)
	}
	if l.mend != nil {
		sig = l.mend(sig)
	}
	b := append([]byte{0x84}, bstr(l.protected)...)
	b = append(append(append(b, 0xa0), bstr(l.payload)...), bstr(sig)...)
	if l.wrap != nil {
		b = l.wrap(b)
	}
	return b
}

// bstr is a CBOR byte string of up to 255 bytes.
func bstr(b []byte) []byte {
	if len(b) < 24 {
		return append([]byte{0x40 | byte(len(b))}, b...)
	}
	return append([]byte{0x58, byte(len(b))}, b...)
}

// forge is a code under construction: correct, until a case changes something.
type forge struct {
	cert, code layer
	bundle     func(cert, code []byte) []byte
	text       func(string) string
}

func newForge(t *testing.T) *forge {
	issuer, phone := signer(t, "issuer"), signer(t, "phone")
	kid := issuer.Public().KID()
	f := &forge{
		cert: layer{by: issuer, external: []byte(signed.CertContext), protected: append([]byte{0xa1, 0x04}, bstr(kid[:])...)},
		code: layer{by: phone, payload: unhex(t, "a3"+"0364"+"30323331"+"061a6b02b1b0"+"074204d2")},
	}
	f.cert.payload = certPayload(t, "041a6b03f4a0", "50"+account.String(), "5821"+hex.EncodeToString(phone.Public().Compressed()), "192710", "634a5059", "1818")
	return f
}

// certPayload puts claims in hexadecimal together: expiry, account, phone, cap, currency, hours.
func certPayload(t *testing.T, exp, acct, phone, limit, currency, hours string) []byte {
	return unhex(t, "a2"+exp+"3a00010000"+"85"+acct+phone+limit+currency+hours)
}

// String is the text.
func (f *forge) String(t *testing.T) string {
	cert := f.cert.bytes(t)
	if f.code.external == nil {
		f.code.external = append([]byte(signed.CodeContext), cert...)
	}
	code := f.code.bytes(t)
	whole := append(append([]byte{0x82}, cert...), code...)
	if f.bundle != nil {
		whole = f.bundle(cert, code)
	}
	text := signed.Prefix + signed.Encode45(whole)
	if f.text != nil {
		text = f.text(text)
	}
	return text
}

// The forge makes real codes when nothing is changed, so that each negative fails for its own reason only.
func TestForgeIsHonest(t *testing.T) {
	if _, err := signed.Verify(newForge(t).String(t), wire.OneKey(signer(t, "issuer").Public())); err != nil {
		t.Fatal(err)
	}
}
