package paypay_test

import (
	"testing"

	"tilld/sync/operator"
	"tilld/sync/operator/emulate"
	"tilld/sync/operator/operatortest"
	"tilld/sync/operator/paypay"
)

const key, secret = "a_key_of_a_test", "c2VjcmV0IG9mIGEgdGVzdA=="

func TestSuite(t *testing.T) {
	cred := paypay.Credentials{Key: operator.SecretOf(key), Secret: operator.SecretOf(secret)}
	operatortest.Test(t, operatortest.Setup{
		Wallet: emulate.PayPay, Party: emulate.Party{ID: key, Secret: operator.SecretOf(secret)}, Currency: "JPY",
		Shop: operator.Shop{Merchant: "246", Store: "7", Terminal: "3"},
		Open: func(t testing.TB, reach operator.Reach, good bool) operator.Operator {
			t.Helper()
			cred := cred
			if !good {
				cred.Secret = operator.SecretOf("of another shop")
			}
			c, err := paypay.New(paypay.Config{Reach: reach}, cred)
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		Secrets: []string{key, secret}, Hidden: []any{cred, &cred},
		Why:           map[operator.Why]operator.Why{operator.CodeUsed: operator.CodeInvalid},
		NamesCurrency: true, RefundNames: true, CancelsPaid: true, Guards: true,
	})
}
