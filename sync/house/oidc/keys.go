package oidc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
)

// parseKeys reads a JWK Set (RFC 7517, 5). Keys for other uses and of other kinds are passed over, as it asks; a key of
// ours that is broken or weak makes the set useless.
func parseKeys(b []byte) ([]key, error) {
	set, err := object(b)
	if err != nil {
		return nil, fmt.Errorf("%w: keys: %w", ErrProvider, err)
	}
	var all []json.RawMessage
	if err := json.Unmarshal(set["keys"], &all); err != nil {
		return nil, fmt.Errorf("%w: no list of keys", ErrProvider)
	}
	const most = 64
	if len(all) > most {
		return nil, fmt.Errorf("%w: %d keys", ErrProvider, len(all))
	}
	var keys []key
	for n, raw := range all {
		k, ours, err := parseKey(raw)
		if err != nil {
			return nil, fmt.Errorf("%w: key %d: %w", ErrProvider, n+1, err)
		}
		if ours {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

func parseKey(raw []byte) (k key, ours bool, err error) {
	m, err := object(raw)
	if err != nil {
		return key{}, false, err
	}
	var kind, use, alg, curve string
	for name, into := range map[string]*string{"kty": &kind, "use": &use, "alg": &alg, "crv": &curve, "kid": &k.id} {
		if *into, err = text(m, name); err != nil {
			return key{}, false, err
		}
	}
	switch {
	case use != "" && use != "sig":
		return key{}, false, nil
	case kind == "RSA" && (alg == "" || alg == rs256):
		k.alg = rs256
		k.rsa, err = rsaKey(m)
	case kind == "EC" && curve == "P-256" && (alg == "" || alg == es256):
		k.alg = es256
		k.ec, err = ecKey(m)
	default:
		return key{}, false, nil
	}
	if err != nil {
		return key{}, false, err
	}
	return k, true, nil
}

// rsaKey takes moduli of 2048 to 8192 bits and the exponent 65537, which every provider uses.
func rsaKey(m map[string]json.RawMessage) (*rsa.PublicKey, error) {
	n, err := number(m, "n")
	if err != nil {
		return nil, err
	}
	e, err := number(m, "e")
	if err != nil {
		return nil, err
	}
	const f4 = 65537
	if n.BitLen() < 2048 || n.BitLen() > 8192 || n.Bit(0) == 0 || !e.IsInt64() || e.Int64() != f4 {
		return nil, fmt.Errorf("an RSA key of %d bits, or with an exponent that is not %d", n.BitLen(), f4)
	}
	return &rsa.PublicKey{N: n, E: f4}, nil
}

func ecKey(m map[string]json.RawMessage) (*ecdsa.PublicKey, error) {
	point := make([]byte, 65)
	point[0] = 4
	for at, name := range map[int]string{1: "x", 33: "y"} {
		b, err := bytesOf(m, name)
		if err != nil {
			return nil, err
		}
		if len(b) != 32 {
			return nil, fmt.Errorf("%q has %d bytes, not 32", name, len(b))
		}
		copy(point[at:], b)
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
}

func number(m map[string]json.RawMessage, name string) (*big.Int, error) {
	b, err := bytesOf(m, name)
	return new(big.Int).SetBytes(b), err
}

func bytesOf(m map[string]json.RawMessage, name string) ([]byte, error) {
	s, err := text(m, name)
	if err != nil {
		return nil, err
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) == 0 {
		return nil, fmt.Errorf("%q is not base 64", name)
	}
	return b, nil
}
