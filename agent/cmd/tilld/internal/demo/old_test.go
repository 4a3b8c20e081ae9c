package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/lane"
	"tilld/agent/policy"
)

// age makes a demo's directory one of a release before online payments: its policy without them, and none of the files that
// came with them.
func (b *begun) age() {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	d := b.demo
	o, err := hq.OpenOffice(b.Context(), d.path("hq"), time.Now)
	must(err)
	doc, _, err := o.Policy(b.Context())
	must(err)
	doc.Version, doc.Issued = doc.Version+1, policy.StampOf(time.Now())
	doc.Wallets, doc.Features = []string{"house", "paypay", "linepay", "merpay"}, []string{policy.Training}
	must(o.SignPolicy(b.Context(), doc))
	must(o.Close())
	for _, name := range []string{credentialDir, operatorDir, hqFile, shopsFile, laneFile(0), laneFile(1)} {
		must(os.RemoveAll(d.path(name)))
	}
	text, err := json.Marshal(map[string]string{"pin": d.notes.PIN, "token": d.notes.Token})
	must(err)
	must(files.Write(d.path(notesFile), text))
}

// post posts a form to a page.
func (b *begun) post(address, path string, form url.Values) {
	b.Helper()
	resp, err := http.PostForm("http://"+address+path, form)
	if err != nil {
		b.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		b.Fatalf("%s %v: %s", path, form, resp.Status)
	}
}

// TestOldDemo: a demo of an earlier release continues, with its PIN and token, and takes online payments from then on; what
// somebody changes in its policy afterwards stays.
func TestOldDemo(t *testing.T) {
	opts := Options{Dir: t.TempDir(), Port: freePorts(t)}
	b := start(t, opts)
	pin, token := b.demo.notes.PIN, b.demo.notes.Token
	b.end()
	b.age()

	b = start(t, opts)
	if b.demo.notes.PIN != pin || b.demo.notes.Token != token {
		t.Errorf("PIN and token were %s, %s and are %s, %s", pin, token, b.demo.notes.PIN, b.demo.notes.Token)
	}
	b.until("the lane reaches HQ", func() bool {
		v := b.demo.nodes[0].Lane().View()
		return v.Reach.Up && v.Asks && v.Scanner.State == lane.ScannerOK
	})
	phone, pos := b.demo.page.Addr().String(), b.demo.nodes[0].POSAddr()
	resp, err := http.Post("http://"+pos+"/v1/sales", "application/json", strings.NewReader(`{"total":{"minor":840,"currency":"JPY"},"reference":"R-1"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("a sale: %s", resp.Status)
	}
	b.post(phone, "/phone/choose", url.Values{"phone": {"merpay"}, "place": {""}})
	again := time.Now()
	b.until("HQ is asked", func() bool { // a scanner may have gone to sleep, or come back, meanwhile
		if !time.Now().Before(again) {
			b.post(phone, "/phone/hold", url.Values{"lane": {"L1"}})
			again = time.Now().Add(2 * time.Second)
		}
		return b.demo.nodes[0].Lane().View().Phase != checkout.Open
	})
	b.until("it is paid: "+fmt.Sprintf("%+v", b.demo.nodes[0].Lane().View().Answer), func() bool { n, sum := b.settled(); return n == 1 && sum == 840 })
	if list := b.demo.played.server.Charges("merpay", 10); len(list) != 1 || list[0].Net != 840 {
		t.Errorf("the operator's book: %+v", list)
	}
	if err := b.demo.changePolicy(t.Context(), func(d *policy.Document) { d.Wallets = []string{"house", "merpay"} }); err != nil {
		t.Fatal(err)
	}
	b.end()

	b = start(t, opts)
	doc, err := b.demo.policyNow(t.Context())
	if err != nil || !slices.Equal(doc.Wallets, []string{"house", "merpay"}) {
		t.Errorf("what was changed since is %v, %v", doc.Wallets, err)
	}
	if c, err := b.demo.played.server.Customer("merpay", payer); err != nil || c.Balance.Minor != pocket-840 {
		t.Errorf("the operator has forgotten: %+v, %v", c, err)
	}
}
