package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
	wallets "tilld/sync/operator"
	"tilld/sync/operator/acquirer"
	"tilld/sync/operator/emulate"
)

// benchWallet is an online wallet of the benchmarks, whose operator answers at once.
const benchWallet = "merpay"

// benchOperator is that operator, over HTTP, and what HQ's files say of it.
type benchOperator struct {
	b      testing.TB
	server *emulate.Server
	url    string
}

func newBenchOperator(b testing.TB) *benchOperator {
	b.Helper()
	server, err := emulate.New(emulate.Config{Wallets: map[emulate.Wallet]emulate.Party{benchWallet: {
		ID: benchWallet, Secret: wallets.SecretOf("sesame"), Acquired: emulate.Acquired{AID: "A000000065039202", PAN: "31589900"},
	}}})
	if err != nil {
		b.Fatal(err)
	}
	web := httptest.NewServer(server)
	b.Cleanup(web.Close)
	b.Cleanup(server.Close)
	if err := server.SetCustomer(benchWallet, emulate.Customer{Name: "Aoki", Balance: payment.Of(1_000_000_000, "JPY")}); err != nil {
		b.Fatal(err)
	}
	return &benchOperator{b: b, server: server, url: web.URL}
}

// chain is a benchChain whose HQ asks the operator for payments of store S000.
func (o *benchOperator) chain() *benchChain {
	o.b.Helper()
	c := newBenchChain(o.b, func(d *policy.Document) {
		d.Features, d.Wallets, d.Market = []string{policy.Online}, []string{"house", benchWallet}, "JP"
	})
	put := func(name, text string) string {
		path := filepath.Join(c.root, name)
		c.must(os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	c.more = fmt.Sprintf("shops = %q\n", put("shops.csv", "wallet,store,lane,merchant,shop_store,shop_terminal\n"+benchWallet+",S000,,M1,1001,\n"))
	c.asks = fmt.Sprintf("[[operator]]\nkind = \"acquirer\"\nwallet = %q\nurl = %q\ncredentials_file = %q\ntimeout = \"10s\"\nprefix = \"/acquirer/v1\"\n"+
		"[operator.terms]\nquery_after = \"1s\"\nquery_every = \"1s\"\ngive_up = \"60s\"\nabsent_is_final = \"60s\"\n", benchWallet, o.url, put("token", "sesame\n"))
	return c
}

// code has the customer's phone show the next one.
func (o *benchOperator) code() wallets.Code {
	o.b.Helper()
	code, err := o.server.Show(benchWallet, "Aoki")
	if err != nil {
		o.b.Fatal(err)
	}
	return code
}

// connector is HQ's own way to ask the operator, with nothing around it.
func (o *benchOperator) connector() wallets.Operator {
	o.b.Helper()
	c, err := acquirer.New(acquirer.Config{
		Reach: wallets.Reach{BaseURL: o.url, Timeout: 10 * time.Second}, Prefix: "/acquirer/v1", Wallet: benchWallet,
		Terms: wallets.Rules{Timeout: 10 * time.Second, QueryAfter: time.Second, QueryEvery: time.Second, GiveUp: time.Minute, AbsentIsFinal: time.Minute},
	}, acquirer.Credentials{Token: wallets.SecretOf("sesame")})
	if err != nil {
		o.b.Fatal(err)
	}
	return c
}
