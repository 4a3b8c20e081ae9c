package demo

import (
	"fmt"
	"strings"

	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/cmd/tilld/internal/operators"
)

// The demo's configuration is files, as on any till and at any HQ, and is read from them. They are written anew at each
// start, for ports and paths may be others by then.
const (
	hqFile    = "hq.toml"
	shopsFile = "shops.csv"
	byDemo    = "# Written by tilld demo at each start.\n"
)

func laneFile(i int) string { return laneName(i) + ".toml" }

// hqConfig writes HQ's file and the table of shops, and reads them as `tilld hq -c` does.
func (d *Demo) hqConfig() (*config.HQ, error) {
	if err := files.Write(d.path(shopsFile), []byte(d.shops())); err != nil {
		return nil, err
	}
	o := &d.opts
	text := byDemo + fmt.Sprintf("data = %q\nshops = %q\n\n[embedded_broker]\nlisten = %q\n\n[settle]\nzone = %q\ncut = \"05:00\"\n\n[serve]\naddress = %q\n",
		d.path("hq"), d.path(shopsFile), o.addr(brokerPort), d.market.zone, o.addr(hqPort))
	text += d.issuerSection()
	for _, w := range d.market.wallets {
		text += d.section(w)
	}
	if err := files.Write(d.path(hqFile), []byte(text)); err != nil {
		return nil, err
	}
	return config.ReadHQ(d.path(hqFile))
}

// shops is what operators call the demo's store.
func (d *Demo) shops() string {
	text := "wallet,store,lane,merchant,shop_store,shop_terminal\n"
	for _, w := range d.market.wallets {
		text += fmt.Sprintf("%s,%s,,%s,1001,\n", w.name, store, merchant)
		for i := range lanes {
			text += fmt.Sprintf("%s,%s,%s,%s,1001,%d\n", w.name, store, laneName(i), merchant, i+1)
		}
	}
	return text
}

// section is a wallet's [[operator]].
func (d *Demo) section(w walletOf) string {
	var b strings.Builder
	set := func(key, value string) { fmt.Fprintf(&b, "%s = %q\n", key, value) }
	b.WriteString("\n[[operator]]\n")
	set("kind", w.kind)
	set("wallet", string(w.name))
	set("url", "http://"+d.opts.addr(operatorPort))
	file := string(w.name) + credentialExt
	if w.kind == operators.KindWeChat || w.kind == operators.KindAlipay {
		file = shopKey
	}
	set("credentials_file", d.credential(file))
	switch w.kind {
	case operators.KindLINEPay:
		set("device_type", "POS")
	case operators.KindWeChat:
		set("merchant", merchant)
		set("app", "wx8888888888888888")
		set("serial", shopSerial)
		set("category", "5411")
		fmt.Fprintf(&b, "platform_keys = { %q = %q }\n", platformName, d.credential(platformPEM))
	case operators.KindAlipay:
		set("operator_key", d.credential(platformPEM))
		set("client", clientID)
		b.WriteString("key_version = 1\n")
		set("category", "5411")
		set("name", d.market.entity)
		set("notify_url", "https://hq.example/alipay")
	case operators.KindAcquirer:
		// The contract is short, so that one sees what becomes of an attempt within half a minute.
		set("timeout", "10s")
		set("refund_for", "90d")
		set("prefix", w.acquired.Prefix)
		b.WriteString("[operator.terms]\nquery_after = \"1s\"\nquery_every = \"2s\"\ngive_up = \"60s\"\nabsent_is_final = \"20s\"\npartial_refund = true\n")
	}
	return b.String()
}

// laneConfig writes a lane's file, and reads it as `tilld lane -c` does. Both roads to HQ lead over lines that can be cut.
func (d *Demo) laneConfig(i int) (*config.Lane, error) {
	o := &d.opts
	text := byDemo + fmt.Sprintf("data = %q\nlanguage = \"en\"\n\n[scanner]\npath = %q\nprofile = \"generic\"\nlocks = %q\n\n[broker]\naddresses = [%q]\n\n[hq]\nurl = %q\n\n[listen]\npages = %q\npos = %q\n",
		d.path(laneName(i)), d.path(laneName(i)+"-scanner"), o.Dir, "mqtt://"+d.lines[0].Addr(), "http://"+d.lines[1].Addr(),
		o.addr(lanePort*(i+1)), o.addr(lanePort*(i+1)+1))
	if err := files.Write(d.path(laneFile(i)), []byte(text)); err != nil {
		return nil, err
	}
	return config.ReadLane(d.path(laneFile(i)))
}
