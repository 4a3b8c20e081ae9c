package wire

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"reflect"
	"testing"

	"tilld/agent/payment"
)

func fullBody() *payment.Body {
	return &payment.Body{
		Salt: []byte("0123456789abcdef"), Cashier: "c-17", Account: []byte("pseudonym"), Evidence: []byte("sealed"), SealKey: []byte("kid-kid-"),
		Lines:      []payment.Line{{Text: "おにぎり 鮭", Count: 2, Amount: 1200, Rate: 800}, {Text: "値引", Count: 1, Amount: -200, Rate: 800}},
		Supervisor: "s-2",
	}
}

func TestBodyRoundTrip(t *testing.T) {
	for name, body := range map[string]*payment.Body{"full": fullBody(), "salt alone": {Salt: make([]byte, SaltSize)}} {
		raw, hash, err := EncodeBody(body)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(raw)
		if !bytes.Equal(hash, sum[:]) || CheckBody(raw, hash) != nil {
			t.Errorf("%s: hash %x", name, hash)
		}
		if got, err := DecodeBody(raw); err != nil || !reflect.DeepEqual(got, body) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		newer := append(append([]byte{raw[0] + 1}, raw[1:]...), 0x20, 0xf5) // and -1: true
		if got, err := DecodeBody(newer); err != nil || !reflect.DeepEqual(got, body) {
			t.Errorf("%s with an unknown ignorable field: %+v, %v", name, got, err)
		}
	}
}

func TestBodyRefused(t *testing.T) {
	raw, hash, err := EncodeBody(fullBody())
	if err != nil {
		t.Fatal(err)
	}
	salt := "0150 30313233343536373839616263646566"
	for name, b := range map[string][]byte{
		"empty":              nil,
		"not a map":          unhex(t, "80"),
		"no salt":            unhex(t, "a0"),
		"salt short":         unhex(t, "a1 01 4f 303132333435363738396162636465"),
		"salt long":          unhex(t, "a1 01 51 3031323334353637383961626364656667"),
		"salt as text":       unhex(t, "a1 01 70 30313233343536373839616263646566"),
		"unknown critical":   unhex(t, "a2"+salt+"08 00"),
		"unknown in a line":  unhex(t, "a2"+salt+"06 81 a5 01 6161 02 01 03 01 04 00 20 00"),
		"empty lines listed": unhex(t, "a2"+salt+"06 80"),
		"keys out of order":  unhex(t, "a2 02 6161"+salt),
		"one byte more":      append(bytes.Clone(raw), 0),
	} {
		if got, err := DecodeBody(b); !errors.Is(err, ErrBody) || got != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, h := range map[string][]byte{"none": nil, "short": hash[:31], "another": make([]byte, 32)} {
		if err := CheckBody(raw, h); !errors.Is(err, ErrBody) {
			t.Errorf("hash %s: %v", name, err)
		}
	}
	for _, n := range []int{0, 15, 17} {
		if _, _, err := EncodeBody(&payment.Body{Salt: make([]byte, n)}); !errors.Is(err, ErrBody) {
			t.Errorf("salt of %d bytes is written: %v", n, err)
		}
	}
	if _, _, err := EncodeBody(&payment.Body{Salt: make([]byte, SaltSize), Cashier: "\xff"}); !errors.Is(err, ErrCanonical) {
		t.Errorf("broken text is written: %v", err)
	}
}

func FuzzDecodeBody(f *testing.F) {
	raw, _, err := EncodeBody(fullBody())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(unhex(f, "a1 01 50 30313233343536373839616263646566"))
	f.Add(unhex(f, "a2 01 50 30313233343536373839616263646566 20 f5"))
	f.Add(unhex(f, "a101f6"))
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := DecodeBody(b)
		if err != nil {
			return
		}
		again, hash, err := EncodeBody(body)
		if err != nil {
			t.Fatalf("%+v can't be written: %v", body, err)
		}
		if !bytes.Equal(again, b) && onlyIgnorable(b, again) != nil {
			t.Fatalf("%x is written again as %x", b, again)
		}
		if (CheckBody(b, hash) == nil) != bytes.Equal(again, b) {
			t.Fatal("two bodies have one hash")
		}
	})
}
