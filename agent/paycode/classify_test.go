package paycode_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tilld/agent/paycode"
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/sync/wire"
)

const bill = "91" + "908123456789012345678901234567890123456789"

func fault(name paycode.FaultName) error { return &paycode.Fault{Name: name} }

func TestClassify(t *testing.T) {
	house := houseCode(t)
	emv := b64(emvHead, tlv("61", aidOne, track2))
	tests := []struct {
		name    string
		text    string
		options paycode.Options
		kind    paycode.Kind
		format  paycode.Format
		wallets []string
		err     error
	}{
		{"house wallet", house, paycode.Options{}, paycode.Payment, paycode.Signed, []string{"house"}, nil},
		{"house wallet, half a code", house[:199], paycode.Options{}, paycode.Invalid, paycode.Signed, nil, signed.ErrForm},
		{"house wallet, of the future", "ZY:2ABC", paycode.Options{}, paycode.Invalid, paycode.Signed, nil, signed.ErrVersion},
		{"house wallet in lower case", strings.ToLower(house), paycode.Options{}, paycode.Unknown, paycode.Text, nil, fault(paycode.FaultUnknown)},
		{"two house codes", house + house, paycode.Options{}, paycode.Invalid, paycode.Signed, nil, fault(paycode.FaultTwoCodes)},
		{"another code and a house code", "281234567890123456" + house, paycode.Options{}, paycode.Invalid, paycode.Text, nil, fault(paycode.FaultTwoCodes)},

		{"EMVCo", emv, paycode.Options{}, paycode.Payment, paycode.EMVCoCPM, []string{"unionpay"}, nil},
		{"JPQR", b64(jpqrHead, tlv("61", tlv("4f", "12345678"), tlv("57", "1234567890123456"))), paycode.Options{}, paycode.Payment, paycode.JPQRCPM, nil, nil},

		{"alipay, 16 digits", "2512345678901234", paycode.Options{}, paycode.Payment, paycode.Numeric, []string{"alipay"}, nil},
		{"alipay, prefix 30", "301234567890123456", paycode.Options{}, paycode.Payment, paycode.Numeric, []string{"alipay"}, nil},
		{"alipay, one digit short", "251234567890123", paycode.Options{}, paycode.Unknown, paycode.Numeric, nil, fault(paycode.FaultUnknown)},
		{"alipay+ of a length kept for later", "2512345678901234567890123456", paycode.Options{}, paycode.Payment, paycode.Numeric, []string{"alipayplus"}, nil},
		{"alipay+ legacy", "2891234567890123456", paycode.Options{}, paycode.Payment, paycode.Numeric, []string{"alipay", "alipayplus"}, nil},
		{"wechat", "151234567890123456", paycode.Options{}, paycode.Payment, paycode.Numeric, []string{"wechat"}, nil},
		{"wechat's neighbour", "161234567890123456", paycode.Options{}, paycode.Unknown, paycode.Numeric, nil, fault(paycode.FaultUnknown)},
		{"unionpay bar code", "6212345678901234567", paycode.Options{}, paycode.Payment, paycode.Numeric, []string{"unionpay"}, nil},
		{"paypay", "900081818812345678901234", paycode.Options{}, paycode.Payment, paycode.Numeric, []string{"paypay"}, nil},
		{"rakuten pay", "9000011234567890", paycode.Options{}, paycode.Payment, paycode.Numeric, []string{"rakutenpay"}, nil},
		{"merpay bar code", "3158990012345678901", paycode.Options{}, paycode.Payment, paycode.Numeric, []string{"merpay"}, nil},
		{"smart code of an unknown wallet", "3158997712345678901", paycode.Options{}, paycode.Payment, paycode.Numeric, []string{"smartcode"}, nil},
		{"jko pay is not digits", "22J1a1111111111111", paycode.Options{}, paycode.Payment, paycode.Text, []string{"jkopay"}, nil},
		{"icash pay", "IC0123456789ABCDEF", paycode.Options{}, paycode.Payment, paycode.Text, []string{"icashpay"}, nil},
		{"icash pay is upper case", "ic0123456789abcdef", paycode.Options{}, paycode.Unknown, paycode.Text, nil, fault(paycode.FaultUnknown)},
		{"taiwan pay is mixed case", "96aBcDeFgHiJkLmNoPqRsT", paycode.Options{}, paycode.Payment, paycode.Text, []string{"taiwanpay", "twqr"}, nil},

		{"line pay, while it lived", "9000000000123456789", paycode.Options{On: 20250430}, paycode.Payment, paycode.Numeric, []string{"linepay"}, nil},
		{"line pay, since it ended", "9000000000123456789", paycode.Options{On: 20250501}, paycode.Unknown, paycode.Numeric, nil, fault(paycode.FaultUnknown)},
		{"line pay, before its codes", "9000000000123456789", paycode.Options{On: 20190731}, paycode.Unknown, paycode.Numeric, nil, fault(paycode.FaultUnknown)},
		{"line pay taiwan, at home", "771234567890123456", paycode.Options{Market: "TW"}, paycode.Payment, paycode.Numeric, []string{"linepay"}, nil},
		{"line pay taiwan, elsewhere", "771234567890123456", paycode.Options{Market: "JP"}, paycode.Unknown, paycode.Numeric, nil, fault(paycode.FaultUnknown)},

		{"nanaco", "7600123412341234", paycode.Options{}, paycode.Loyalty, paycode.NanacoNumber, nil, nil},
		{"bill", bill, paycode.Options{}, paycode.NotPayment, paycode.JPBill, nil, nil},
		{"bill, as the scanner tells it", "\x1d" + bill, paycode.Options{AIM: "]C1"}, paycode.NotPayment, paycode.JPBill, nil, nil},
		{"44 digits that are no bill", "28" + bill[2:], paycode.Options{}, paycode.Unknown, paycode.Numeric, nil, fault(paycode.FaultUnknown)},
		{"any other GS1 code", "0104912345678904", paycode.Options{AIM: "]C1"}, paycode.NotPayment, paycode.GS1128, nil, nil},
		{"wallet digits in a GS1 code", "281234567890123456", paycode.Options{AIM: "]C1"}, paycode.NotPayment, paycode.GS1128, nil, nil},
		{"goods", "4901777018686", paycode.Options{}, paycode.NotPayment, paycode.EAN13, nil, nil},
		{"goods, one digit wrong", "4901777018687", paycode.Options{}, paycode.Unknown, paycode.Numeric, nil, fault(paycode.FaultUnknown)},
		{"goods by the scanner's word", "4901777018687", paycode.Options{AIM: "]E0"}, paycode.NotPayment, paycode.EAN13, nil, nil},
		{"small goods", "49123456", paycode.Options{}, paycode.NotPayment, paycode.EAN8, nil, nil},
		{"small goods by the scanner's word", "49123457", paycode.Options{AIM: "]E4"}, paycode.NotPayment, paycode.EAN8, nil, nil},
		{"carrier", "/AB.+-12", paycode.Options{}, paycode.NotPayment, paycode.TWCarrier, nil, nil},
		{"no carrier", "/ab12345", paycode.Options{}, paycode.Unknown, paycode.Text, nil, fault(paycode.FaultNotCarrierNorPayment)},
		{"citizen's certificate", "AB12345678901234", paycode.Options{}, paycode.NotPayment, paycode.TWCitizen, nil, nil},
		{"donation code", "9527", paycode.Options{Market: "TW"}, paycode.NotPayment, paycode.TWDonation, nil, nil},
		{"four digits in Japan", "9527", paycode.Options{Market: "JP"}, paycode.Unknown, paycode.Numeric, nil, fault(paycode.FaultUnknown)},
		{"merchant's code", mpm("00", "01", "01", "11", "58", "JP", "59", "本舗"), paycode.Options{}, paycode.NotPayment, paycode.EMVCoMPM, nil, nil},
		{"UPI", "upi://pay?pa=a@b", paycode.Options{}, paycode.NotPayment, paycode.UPIURI, nil, nil},
		{"TWQR", "TWQRP://name/158/01/V1?D1=100", paycode.Options{}, paycode.NotPayment, paycode.TWQRURI, nil, nil},
		{"web address", "HTTPS://example.com/", paycode.Options{}, paycode.NotPayment, paycode.URL, nil, nil},
		{"another address", "wxp://f2f0abc", paycode.Options{}, paycode.NotPayment, paycode.URI, nil, nil},

		{"nothing", "", paycode.Options{}, paycode.Invalid, paycode.Text, nil, fault(paycode.FaultEmpty)},
		{"10 KB", strings.Repeat("1", 10<<10), paycode.Options{}, paycode.Invalid, paycode.Text, nil, fault(paycode.FaultTooLong)},
		{"a line end", "281234567890123456\n", paycode.Options{}, paycode.Invalid, paycode.Text, nil, fault(paycode.FaultControlByte)},
		{"a tab", "28123456\t7890123456", paycode.Options{}, paycode.Invalid, paycode.Text, nil, fault(paycode.FaultControlByte)},
		{"rubbish", "\xff\xfe\xfd", paycode.Options{}, paycode.Invalid, paycode.Text, nil, fault(paycode.FaultNotUTF8)},
		{"words", "ほげ", paycode.Options{}, paycode.Unknown, paycode.Text, nil, fault(paycode.FaultUnknown)},
		{"full-width digits are no digits", "２８１２３４５６７８９０１２３４５６", paycode.Options{}, paycode.Unknown, paycode.Text, nil, fault(paycode.FaultUnknown)},
		{"EMVCo under ]Q2", `\000026` + emv, paycode.Options{AIM: "]Q2"}, paycode.Payment, paycode.EMVCoCPM, []string{"unionpay"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := tt.options
			o.Table = paycode.DefaultTable()
			if o.On == 0 {
				o.On = 20261122
			}
			c := paycode.Classify(tt.text, o)
			if c.Kind != tt.kind || c.Format != tt.format || !slices.Equal(wallets(&c), tt.wallets) {
				t.Errorf("%s %s %q, want %s %s %q", c.Kind, c.Format, wallets(&c), tt.kind, tt.format, tt.wallets)
			}
			if !errors.Is(c.Err, tt.err) {
				t.Errorf("error %v, want %v", c.Err, tt.err)
			}
			checkPromises(t, &c)
		})
	}
}

// checkPromises holds a classification to what its type says.
func checkPromises(t interface{ Errorf(string, ...any) }, c *paycode.Classification) {
	if (c.Err != nil) != (c.Kind == paycode.Unknown || c.Kind == paycode.Invalid) {
		t.Errorf("%s with the error %v", c.Kind, c.Err)
	}
	if (c.Signed != nil) != (c.Kind == paycode.Payment && c.Format == paycode.Signed) {
		t.Errorf("%s %s with the signed code %v", c.Kind, c.Format, c.Signed != nil)
	}
	if len(c.Candidates) > 0 && c.Kind != paycode.Payment {
		t.Errorf("%s has candidates", c.Kind)
	}
	if (c.Reason() == payment.ReasonNone) != (c.Kind == paycode.Payment) {
		t.Errorf("%s for the reason %v", c.Kind, c.Reason())
	}
	if c.Fields == nil {
		t.Errorf("no fields")
	}
}

func TestOnlyHouseCodesWorkOffline(t *testing.T) {
	for text, want := range map[string]bool{
		houseCode(t): false, "281234567890123456": true, b64(emvHead, tlv("61", aidOne)): true,
		b64(emvHead, tlv("61", tlv("4f", raw("a0000000555555")))): true,
	} {
		if c := classify(text); c.OnlineOnly() != want {
			t.Errorf("%s: online only %v", c.Format, c.OnlineOnly())
		}
	}
}

// What checkout does with a signed code, by this package's names alone.
func TestSignedCode(t *testing.T) {
	text := houseCode(t)
	if !strings.HasPrefix(text, paycode.HousePrefix) || strings.Contains(text[1:], paycode.HousePrefix) {
		t.Error("the prefix is not in front, or not only there")
	}
	verify := (*paycode.SignedCode).Verify
	code := classify(text).Signed
	v, err := verify(code, wire.OneKey(signer(t, "issuer").Public()))
	if err != nil || v.Account != (paycode.Account{1}) || v.Counter != 7 {
		t.Fatalf("%+v, %v", v, err)
	}
	for name, want := range map[string]payment.Reason{"issuer": payment.ReasonNone, "another": payment.UnknownIssuer} {
		if _, err := code.Verify(wire.OneKey(signer(t, name).Public())); paycode.SignedReason(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// However long and whatever its first digits, a number that anyone could type or a bill is never a payment.
func TestNeverAPayment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := paycode.Options{
			Table: paycode.DefaultTable(), AIM: rapid.SampledFrom([]string{"", "]C0", "]C1", "]Q1"}).Draw(t, "aim"),
			Market: rapid.SampledFrom([]string{"", "JP", "TW", "CN", "TH"}).Draw(t, "market"),
		}
		text := rapid.OneOf(
			rapid.StringMatching(`[0-9]{44}`), rapid.StringMatching(`7600[0-9]{12}`), rapid.StringMatching(`[0-9]{1,7}`),
		).Draw(t, "text")
		if c := paycode.Classify(text, o); c.Kind == paycode.Payment {
			t.Fatalf("%s is a payment: %q", text, wallets(&c))
		}
	})
}

// A code is money: nothing that may be shown of one holds five characters of it in a row.
func TestNothingShowsACode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pan := rapid.StringMatching(`62[0-9]{14}`).Draw(t, "account number")
		digits := rapid.StringMatching(`(28|62|90|31|11)[0-9]{14,22}`).Draw(t, "digits")
		for secret, text := range map[string]string{
			pan: b64(emvHead, tlv("61", aidOne, tlv("5a", raw(pan)))), digits: digits,
			pan[:14]: b64(jpqrHead, tlv("61", tlv("4f", "OPERATOR"), tlv("57", pan[:14]))),
		} {
			c := classify(text)
			shown := slices.Clone(c.Warnings)
			for name, v := range c.Fields {
				if !strings.HasSuffix(name, ".aid") { // the same in every code
					shown = append(shown, v)
				}
			}
			if c.Err != nil {
				shown = append(shown, c.Err.Error())
			}
			for _, s := range shown {
				for i := range len(secret) - 4 {
					if strings.Contains(s, secret[i:i+5]) {
						t.Fatalf("%q shows %q", s, secret)
					}
				}
			}
		}
	})
}

// The text goes on as it was scanned.
func TestTextIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		if c := classify(text); c.Text != text {
			t.Fatalf("%q became %q", text, c.Text)
		}
	})
	o := paycode.Options{AIM: "]Q2"}
	for in, want := range map[string]string{
		`a\\b`: `a\b`, `\000026ab`: "ab", `a\\000026`: `a\000026`, `a\b`: `a\b`, `\00002`: `\00002`, `\`: `\`,
	} {
		if c := paycode.Classify(in, o); c.Text != want {
			t.Errorf("%q under ]Q2 is %q, want %q", in, c.Text, want)
		}
	}
}

func TestEveryFaultHasASentence(t *testing.T) {
	for name, text := range paycode.FaultTexts() {
		if f := (&paycode.Fault{Name: name, Tag: "61"}); text == "" || f.Error() != string(name)+":61 ("+text+")" {
			t.Errorf("%s: %q", name, f.Error())
		}
	}
	if errors.Is(fault(paycode.FaultBERTag), fault(paycode.FaultBERLength)) || !errors.Is(&paycode.Fault{Name: paycode.FaultBERTag, Tag: "61"}, fault(paycode.FaultBERTag)) {
		t.Error("faults are told apart by name, and a tag is extra")
	}
}
