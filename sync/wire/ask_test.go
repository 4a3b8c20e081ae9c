package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"tilld/agent/payment"
)

func sampleAsk() *Ask {
	return &Ask{
		Version: MessageVersion, Terminal: testID(1), Ref: testID(2).String() + "00", Want: WantCharge, Payment: testID(2), Sale: testID(3), Wallet: "paypay",
		Amount: payment.Money{Minor: 1200, Currency: "JPY"}, Reference: "R-77", NotAfter: 1795337030000, Challenge: bytes.Repeat([]byte{2}, NonceSize),
		SealKey: bytes.Repeat([]byte{5}, KIDSize), Code: bytes.Repeat([]byte{6}, 60), Policy: 3,
	}
}

func sampleAnswer() *Answer {
	return &Answer{
		Version: MessageVersion, HQEpoch: 1795337000000, Time: 1795337012400, Terminal: testID(1), Ref: testID(2).String() + "00", Payment: testID(2),
		Amount: payment.Money{Minor: 1200, Currency: "JPY"}, Outcome: payment.NotPaid, Why: "no_funds", Transaction: "04123",
		Echo: bytes.Repeat([]byte{2}, NonceSize),
	}
}

func TestAskValidate(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Ask)
		want   string // a part of what is said; "": nothing is wrong
	}{
		"as it is":             {func(*Ask) {}, ""},
		"a question":           {func(a *Ask) { a.Code, a.SealKey = nil, nil }, ""},
		"a reversal":           {func(a *Ask) { a.Want, a.Code, a.SealKey = WantReverse, nil, nil }, ""},
		"no reference of sale": {func(a *Ask) { a.Reference, a.Sale = "", payment.ID{} }, ""},
		"version":              {func(a *Ask) { a.Version = 2 }, "version 2"},
		"want":                 {func(a *Ask) { a.Want = 4 }, "want 4"},
		"no want":              {func(a *Ask) { a.Want = 0 }, "want 0"},
		"terminal":             {func(a *Ask) { a.Terminal = payment.ID{} }, "no terminal"},
		"payment":              {func(a *Ask) { a.Payment = payment.ID{} }, "no payment"},
		"challenge":            {func(a *Ask) { a.Challenge = a.Challenge[1:] }, "challenge of 15"},
		"code without a key":   {func(a *Ask) { a.SealKey = nil }, "go together"},
		"key without a code":   {func(a *Ask) { a.Code = nil }, "go together"},
		"key of seven bytes":   {func(a *Ask) { a.SealKey = a.SealKey[1:] }, "go together"},
		"a long code":          {func(a *Ask) { a.Code = make([]byte, 4145) }, "code of 4145"},
		"reversal with a code": {func(a *Ask) { a.Want = WantReverse }, "needs no code"},
		"refund with a code":   {func(a *Ask) { a.Want = WantRefund }, "needs no code"},
		"refund with an end":   {func(a *Ask) { refund(a); a.NotAfter = 1 }, "not_after"},
		"attempt's ref":        {func(a *Ask) { refund(a); a.Ref = a.Payment.AttemptRef(0) }, "not a refund's"},
		"a refund":             {func(a *Ask) { refund(a) }, ""},
		"its wallet unknown":   {func(a *Ask) { refund(a); a.Wallet = "" }, ""},
		"its wallet":           {func(a *Ask) { refund(a); a.Wallet = "a/b" }, "wallet"},
		"no end":               {func(a *Ask) { a.NotAfter = 0 }, "not_after"},
		"wallet":               {func(a *Ask) { a.Wallet = "a/b" }, "wallet"},
		"amount":               {func(a *Ask) { a.Amount.Minor = 0 }, "amount"},
		"empty ref":            {func(a *Ask) { a.Ref = "" }, "reference of 0"},
		"long ref":             {func(a *Ask) { a.Ref = strings.Repeat("A", 33) }, "reference of 33"},
		"odd ref":              {func(a *Ask) { a.Ref = "AB-C" }, "character 3"},
		"long reference":       {func(a *Ask) { a.Reference = strings.Repeat("ß", 65) }, "reference: up to 64"},
		"control character":    {func(a *Ask) { a.Reference = "a\nb" }, "reference: up to 64"},
	} {
		a := sampleAsk()
		tt.change(a)
		err := a.Validate()
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		} else if !errors.Is(err, ErrAsk) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q in it", name, err, tt.want)
		}
	}
}

func TestAnswerValidate(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Answer)
		want   string
	}{
		"as it is":          {func(*Answer) {}, ""},
		"paid":              {func(a *Answer) { a.Outcome, a.Why, a.Echo = payment.Paid, "", nil }, ""},
		"version":           {func(a *Answer) { a.Version = 0 }, "version 0"},
		"no outcome":        {func(a *Answer) { a.Outcome = payment.NoOutcome }, "outcome 0"},
		"a fifth outcome":   {func(a *Answer) { a.Outcome = 5 }, "outcome 5"},
		"terminal":          {func(a *Answer) { a.Terminal = payment.ID{} }, "no terminal"},
		"echo":              {func(a *Answer) { a.Echo = []byte{1} }, "echo of 1"},
		"a reason for paid": {func(a *Answer) { a.Outcome = payment.Paid }, "not refused"},
		"amount":            {func(a *Answer) { a.Amount.Currency = "yen" }, "amount"},
		"ref":               {func(a *Answer) { a.Ref = "é" }, "character 1"},
		"why":               {func(a *Answer) { a.Why = "\x00" }, "why"},
		"transaction":       {func(a *Answer) { a.Transaction = strings.Repeat("1", 65) }, "transaction"},
	} {
		a := sampleAnswer()
		tt.change(a)
		err := a.Validate()
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		} else if !errors.Is(err, ErrAsk) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q in it", name, err, tt.want)
		}
	}
}

// TestConfidedCodeStaysWithItsAttempt: whoever holds a sealed code can't have it charged under another reference, by
// another terminal, or as the evidence of an entry.
func TestConfidedCodeStaysWithItsAttempt(t *testing.T) {
	key, other := testConfidant(t, "hq"), testConfidant(t, "other")
	b, err := key.Public().ConfideCode(testID(1), "AB", []byte("281234567890123456"))
	if err != nil || len(b) != 18+confideOverhead {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	if got, err := key.OpenCode(testID(1), "AB", b); err != nil || string(got) != "281234567890123456" {
		t.Errorf("%q, %v", got, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"terminal": func() ([]byte, error) { return key.OpenCode(testID(2), "AB", b) },
		"ref":      func() ([]byte, error) { return key.OpenCode(testID(1), "A", b) },
		"key":      func() ([]byte, error) { return other.OpenCode(testID(1), "AB", b) },
		"cut":      func() ([]byte, error) { return key.OpenCode(testID(1), "AB", b[:len(b)-1]) },
		"nothing":  func() ([]byte, error) { return key.OpenCode(testID(1), "AB", nil) },
		"an entry": func() ([]byte, error) { return key.Open(Name{testID(1), 0, 0}, b) },
	} {
		if got, err := open(); !errors.Is(err, ErrConfide) || got != nil {
			t.Errorf("another %s: %q, %v", name, got, err)
		}
	}
}

// FuzzOpenAsk: whatever comes on the asking topic is refused or is one valid request, which says the same when it is
// said again.
func FuzzOpenAsk(f *testing.F) {
	s := testSigner(f, EdDSA, "lane")
	for _, a := range []*Ask{sampleAsk(), {Version: MessageVersion, Want: WantReverse}} {
		b, err := Seal(s, TypAsk, a)
		if err != nil {
			f.Fatal(err)
		}
		m, err := Open(b, TypAsk, OneKey(s.Public()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(m.Payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		var a Ask
		if UnmarshalKnown(payload, &a) != nil || a.Validate() != nil {
			return
		}
		again, err := Marshal(&a)
		if err != nil {
			t.Fatal(err)
		}
		var b Ask
		if err := UnmarshalKnown(again, &b); err != nil || b.Validate() != nil {
			t.Fatalf("%v, %v", err, b.Validate())
		}
		if len(a.Ref) > maxAskRef || len(a.Code) > maxAskCode+confideOverhead {
			t.Fatalf("beyond its limits: %+v", a)
		}
	})
}

// refund makes an ask one for a refund.
func refund(a *Ask) {
	a.Want, a.NotAfter, a.Code, a.SealKey = WantRefund, 0, nil, nil
	a.Ref = a.Payment.RefundRef()
}
