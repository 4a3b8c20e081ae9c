package linepay_test

import (
	"testing"

	"tilld/sync/operator"
	"tilld/sync/operator/emulate"
	"tilld/sync/operator/linepay"
	"tilld/sync/operator/operatortest"
)

const channel, secret = "1234509876", "a channel secret of a test"

func TestSuite(t *testing.T) {
	cred := linepay.Credentials{ChannelID: operator.SecretOf(channel), ChannelSecret: operator.SecretOf(secret)}
	operatortest.Test(t, operatortest.Setup{
		Wallet: emulate.LINEPay, Party: emulate.Party{ID: channel, Secret: operator.SecretOf(secret)}, Currency: "TWD",
		Shop: operator.Shop{Merchant: channel, Store: "7", Terminal: "3"},
		Open: func(t testing.TB, reach operator.Reach, good bool) operator.Operator {
			t.Helper()
			cred := cred
			if !good {
				cred.ChannelSecret = operator.SecretOf("of another shop")
			}
			c, err := linepay.New(linepay.Config{Reach: reach, DeviceType: "POS"}, cred)
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		Secrets: []string{secret}, Hidden: []any{cred, &cred},
		Why: map[operator.Why]operator.Why{operator.CodeUsed: operator.CodeInvalid, operator.CodeExpired: operator.CodeInvalid},
	})
}
