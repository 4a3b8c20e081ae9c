package signed_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/sync/wire"
)

var update = flag.Bool("update", false, "write testdata/vectors.json anew")

const vectorsFile = "testdata/vectors.json"

// The vectors, as they lie in vectors.json. Binary is hexadecimal, times are Unix seconds.
type (
	vectors struct {
		About        string       `json:"about"`
		Keys         []keyVector  `json:"keys"`
		Certificates []certVector `json:"certificates"`
		Codes        []codeVector `json:"codes"`
		Negatives    []negative   `json:"negatives"`
	}
	keyVector struct {
		Name       string `json:"name"`
		PrivateKey string `json:"private_key"` // the scalar
		PublicKey  string `json:"public_key"`  // compressed point
		KID        string `json:"kid"`
	}
	certVector struct {
		Name       string `json:"name"`
		Issuer     string `json:"issuer"` // names of keys
		Phone      string `json:"phone"`
		Account    string `json:"account"`
		Cap        int64  `json:"cap"`
		Currency   string `json:"currency"`
		NotBefore  int64  `json:"not_before"`
		Hours      int    `json:"hours"`
		Expiry     int64  `json:"expiry"`
		Payload    string `json:"payload"`
		ToBeSigned string `json:"to_be_signed"`
		Bytes      string `json:"bytes"`
		ID         string `json:"id"`
	}
	codeVector struct {
		Name        string `json:"name"`
		Certificate string `json:"certificate"`
		Counter     uint64 `json:"counter"`
		Time        int64  `json:"time"`
		Place       string `json:"place"`
		Payload     string `json:"payload"`
		ToBeSigned  string `json:"to_be_signed"`
		Bytes       string `json:"bytes"`
		Text        string `json:"text"`
	}
	// negative is a text that is to be refused by a reader that trusts the key "issuer" only.
	negative struct {
		Name   string         `json:"name"`
		Text   string         `json:"text"`
		Error  string         `json:"error"`
		Reason payment.Reason `json:"reason"`
	}
)

// faults are the names that negatives give to errors.
var faults = map[string]error{
	"prefix": signed.ErrPrefix, "version": signed.ErrVersion, "size": signed.ErrSize, "base45": signed.ErrBase45,
	"form": signed.ErrForm, "claim": signed.ErrClaim,
	"unknown_issuer": signed.ErrUnknownIssuer, "signature": signed.ErrSignature,
}

func readVectors(tb testing.TB) vectors {
	tb.Helper()
	b, err := os.ReadFile(vectorsFile)
	if err != nil {
		tb.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		tb.Fatal(err)
	}
	return v
}

// The committed vectors are what this code makes; a change of the format can't go unseen.
func TestVectorsAreCurrent(t *testing.T) {
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(makeVectors(t)); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(vectorsFile, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s differs from what the code makes; if the format was to change, run with -update", vectorsFile)
	}
}

func TestVectors(t *testing.T) {
	v := readVectors(t)
	keys := wire.OneKey(signer(t, "issuer").Public())
	for _, c := range v.Codes {
		got, err := signed.Verify(c.Text, keys)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if got.Counter != c.Counter || got.Time.Unix() != c.Time {
			t.Errorf("%s: %+v", c.Name, got)
		}
	}
	if len(v.Negatives) < 40 {
		t.Fatalf("%d negatives", len(v.Negatives))
	}
	for _, n := range v.Negatives {
		want, ok := faults[n.Error]
		if !ok {
			t.Errorf("%s: no fault is called %q", n.Name, n.Error)
		}
		got, err := signed.Verify(n.Text, keys)
		if !errors.Is(err, want) || got != nil || signed.ReasonOf(err) != n.Reason {
			t.Errorf("%s: got %v (%v), want %s (%v)", n.Name, err, signed.ReasonOf(err), n.Error, n.Reason)
		}
	}
}

func makeVectors(t *testing.T) vectors {
	v := vectors{About: "Vectors of the house wallet's signed code; see FORMAT.md. Keys are examples: their scalars are the SHA-256 of their names."}
	for _, name := range []string{"issuer", "other", "phone", "thief"} {
		raw, err := privateKey(t, name).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		pub := signer(t, name).Public()
		v.Keys = append(v.Keys, keyVector{name, hex.EncodeToString(raw), hex.EncodeToString(pub.Compressed()), pub.KID().String()})
	}
	certs := map[string][]byte{}
	for _, c := range []certVector{
		{Name: "a day", Cap: 10000, Currency: "JPY", NotBefore: 1795312800, Hours: 24},
		{Name: "at every limit", Cap: signed.MaxCap, Currency: "IDR", NotBefore: 4294967295 - 255*3600, Hours: 255},
		{Name: "at every lower limit", Cap: 1, Currency: "TWD", NotBefore: 0, Hours: 1},
	} {
		certs[c.Name] = c.fill(t)
		v.Certificates = append(v.Certificates, c)
	}
	for _, c := range []codeVector{
		{Name: "for a lane", Certificate: "a day", Counter: 1234, Time: 1795316400, Place: "0231/3"},
		{Name: "for a store", Certificate: "a day", Counter: 1235, Time: 1795316430, Place: "0231"},
		{Name: "for anywhere", Certificate: "a day", Counter: 1236, Time: 1795316460},
		{Name: "at every limit", Certificate: "at every limit", Counter: 4294967295, Time: 4294967295, Place: "12345678/ABC"},
		{Name: "at every lower limit", Certificate: "at every lower limit", Counter: 1, Time: 1, Place: "-"},
	} {
		c.fill(t, certs[c.Certificate])
		v.Codes = append(v.Codes, c)
	}
	v.Negatives = makeNegatives(t)
	return v
}

// fill makes the certificate of its claims.
func (c *certVector) fill(t *testing.T) []byte {
	issuer, phone := signer(t, "issuer"), signer(t, "phone")
	c.Issuer, c.Phone, c.Account = "issuer", "phone", account.String()
	cert := mustCertify(t, issuer, signed.Claims{
		Account: account, Phone: phone.Public(), Cap: payment.Of(c.Cap, payment.Currency(c.Currency)),
		NotBefore: time.Unix(c.NotBefore, 0), Hours: c.Hours,
	})
	parsed, err := signed.ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	m := split(t, cert)
	c.Expiry = parsed.Expiry().Unix()
	c.Payload, c.Bytes, c.ID = hex.EncodeToString(m.payload), hex.EncodeToString(cert), parsed.ID().String()
	c.ToBeSigned = hex.EncodeToString(wire.SigStructure(m.protected, []byte(signed.CertContext), m.payload))
	return cert
}

// fill makes the code of its claims.
func (c *codeVector) fill(t *testing.T, cert []byte) {
	claims := signed.CodeClaims{Counter: c.Counter, Time: time.Unix(c.Time, 0)}
	store, lane, _ := bytes.Cut([]byte(c.Place), []byte("/"))
	claims.Store, claims.Lane = string(store), string(lane)
	c.Text = mustSign(t, signer(t, "phone"), cert, claims)
	raw, err := signed.Decode45(c.Text[len(signed.Prefix):], signed.MaxBytes)
	if err != nil {
		t.Fatal(err)
	}
	m := split(t, raw[1+len(cert):])
	c.Bytes, c.Payload = hex.EncodeToString(raw), hex.EncodeToString(m.payload)
	c.ToBeSigned = hex.EncodeToString(wire.SigStructure(m.protected, append([]byte(signed.CodeContext), cert...), m.payload))
}
