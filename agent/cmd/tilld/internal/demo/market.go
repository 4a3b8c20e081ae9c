package demo

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tilld/agent/cmd/tilld/internal/operators"
	"tilld/agent/paycode"
	"tilld/agent/payment"
	"tilld/sync/operator/emulate"
)

// market is a country that the demo's chain sells in: its money, and the wallets that its customers carry.
type market struct {
	name     string // as paycode.Row.Market
	chain    string
	entity   string
	currency payment.Currency
	zone     string
	scale    int64 // what the amounts below are times, in minor units of the currency
	wallets  []walletOf
}

// walletOf is an online wallet, and how HQ reaches its operator.
type walletOf struct {
	name     emulate.Wallet
	kind     string // of the [[operator]] section
	acquired emulate.Acquired
}

var (
	merpay   = walletOf{"merpay", operators.KindAcquirer, emulate.Acquired{Prefix: "/merpay/v1", AID: "A000000065039202", PAN: "31589900"}}
	unionPay = walletOf{"unionpay", operators.KindAcquirer, emulate.Acquired{Prefix: "/unionpay/v1", AID: "A000000333010102", PAN: "62"}}
	payPay   = walletOf{name: emulate.PayPay, kind: operators.KindPayPay}
	linePay  = walletOf{name: emulate.LINEPay, kind: operators.KindLINEPay}
	aliPay   = walletOf{name: emulate.Alipay, kind: operators.KindAlipay}
	weChat   = walletOf{name: emulate.WeChat, kind: operators.KindWeChat}
)

// markets are those that the demo knows, the usual one first. LINE Pay's code payment ended in Japan in April 2025 and goes
// on in Taiwan, PayPay and Merpay are Japan's: so each has the connectors that its money and its date allow.
var markets = []market{
	{"JP", "kita", "kita-foods", "JPY", "Asia/Tokyo", 1, []walletOf{payPay, merpay, unionPay, aliPay, weChat}},
	{"TW", "minami", "minami-foods", "TWD", "Asia/Taipei", 20, []walletOf{linePay, unionPay, aliPay, weChat}},
}

// ErrMarket is a country that the demo does not know, or not in this directory.
var ErrMarket = errors.New("another market")

// Markets names them, the usual one first.
func Markets() (names []string) {
	for i := range markets {
		names = append(names, markets[i].name)
	}
	return names
}

func marketOf(name string) (*market, error) {
	i := slices.IndexFunc(markets, func(m market) bool { return strings.EqualFold(m.name, name) })
	if i < 0 {
		return nil, fmt.Errorf("%w: %q: the demo knows %s", ErrMarket, name, strings.Join(Markets(), ", "))
	}
	return &markets[i], nil
}

// takes are the wallets of the policy, the house wallet first.
func (m *market) takes() []string {
	list := []string{paycode.HouseWallet}
	for _, w := range m.wallets {
		list = append(list, string(w.name))
	}
	return list
}

func (m *market) money(units int64) payment.Money { return payment.Of(units*m.scale, m.currency) }
