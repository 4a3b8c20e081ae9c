package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/house"
	"tilld/sync/house/housetest"
)

// carryStage is a stage whose customers' phones reach the house wallet's issuer by a network of their own, over HTTP. The
// issuer knows the chain by what HQ signed and nothing else.
type carryStage struct {
	*stage
	bench    *housetest.Bench
	phones   *httptest.Server
	customer *housetest.Customer
}

func newCarryStage(t *testing.T, lanes int) *carryStage {
	t.Helper()
	s := &stage{TB: t, profile: "generic", dir: t.TempDir(), ids: payment.NewIDs(time.Now, rand.Reader)}
	var office atomic.Pointer[http.Handler] // HQ begins before its issuer, which knows it by the papers that are carried to it
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := office.Load(); h != nil {
			(*h).ServeHTTP(w, r)
			return
		}
		http.Error(w, "not open yet", http.StatusServiceUnavailable)
	}))
	t.Cleanup(gateway.Close)
	s.more = fmt.Sprintf("[[operator]]\nkind = \"acquirer\"\nwallet = \"house\"\nurl = %q\ncredentials_file = %q\nprefix = \"/operator/v1\"\nissuer = true\n"+
		"timeout = \"4s\"\n[operator.terms]\nquery_after = \"1s\"\nquery_every = \"2s\"\ngive_up = \"30s\"\nabsent_is_final = \"1m\"\npartial_refund = true\n",
		gateway.URL, s.file("house.token", "token-of-the-office\n"))
	s.setUp(lanes, func(d *policy.Document) { d.Features = []string{policy.Carried} })
	answer := s.joinAnswer(s.lanes[0].name)
	c := &carryStage{stage: s}
	root, err := answer.Bundle()
	s.must(err)
	c.bench = housetest.New(t, func(cfg *house.Config) {
		cfg.Root, cfg.Chain, cfg.Signer, cfg.Now = root.Root(), answer.Chain, s.issuer, time.Now
	})
	books := c.bench.Issuer.OperatorHandler("token-of-the-office")
	office.Store(&books)
	s.until("HQ has brought the issuer what it signed", func() bool { trust, doc := c.bench.Issuer.PaperVersions(); return trust > 0 && doc > 0 })
	c.phones = httptest.NewServer(c.bench.Issuer.PhoneHandler())
	t.Cleanup(c.phones.Close)
	c.customer = c.bench.Customer("hanako")
	for range 2 {
		_, err := c.customer.TopUp(20_000)
		s.must(err)
	}
	return c
}

// joinAnswer reads what HQ answered a lane that joined.
func (s *stage) joinAnswer(lane string) *policy.JoinAnswer {
	s.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, lane+".request"))
	s.must(err)
	request, err := policy.ParseJoinRequest(raw)
	s.must(err)
	key, err := request.PublicKey()
	s.must(err)
	raw, err = os.ReadFile(filepath.Join(s.dir, lane+".answer"))
	s.must(err)
	answer, err := policy.ParseJoinAnswer(raw, request.Terminal, key.KID())
	s.must(err)
	return answer
}

// carriedSale is a sale as the POS sees it.
type carriedSale struct {
	saleView
	Offer *struct {
		Text  string    `json:"text"`
		Until time.Time `json:"until"`
	} `json:"offer"`
}

// offer has a lane show a sale, and gives the text of it.
func (c *carryStage) offer(l *laneProcess, id string) string {
	c.Helper()
	var sale carriedSale
	c.until(l.name+" shows the sale", func() bool {
		return c.call(l, "POST", "/v1/sales/"+id+"/offer", nil, &sale) == http.StatusOK && sale.Offer != nil
	})
	return sale.Offer.Text
}

// pay is the customer's phone: it reads the screen, signs what it shows its owner, and asks the issuer over its own network.
func (c *carryStage) pay(offer string) string {
	c.Helper()
	o, err := signed.ParseOffer(offer)
	c.must(err)
	proof := c.customer.Sign(house.ForApproval, house.ApprovalDetails(o)...)
	body, err := json.Marshal(map[string]any{"offer": offer, "proof": map[string]any{"challenge": string(proof.Challenge), "signature": proof.Signature}})
	c.must(err)
	req, err := http.NewRequest("POST", c.phones.URL+"/phone/v1/approvals", bytes.NewReader(body))
	c.must(err)
	req.Header.Set("Authorization", "Bearer "+string(c.customer.Session))
	res, err := http.DefaultClient.Do(req)
	c.must(err)
	defer res.Body.Close()
	var out struct{ Approval, Error, Message string }
	c.must(json.NewDecoder(res.Body).Decode(&out))
	if res.StatusCode != http.StatusOK {
		c.Fatalf("the issuer says %d %s: %s", res.StatusCode, out.Error, out.Message)
	}
	return out.Approval
}

// shows holds a text to a lane's scanner until one of its pages shows something.
func (c *carryStage) shows(l *laneProcess, text, page, want string) {
	c.Helper()
	again := time.Now()
	c.until(l.name+" shows "+want, func() bool {
		if text != "" && !time.Now().Before(again) {
			c.must(l.scanner.Send(text))
			again = time.Now().Add(600 * time.Millisecond)
		}
		return strings.Contains(c.screen(l, page), want)
	})
}

// screen is what a page's live view shows now.
func (c *carryStage) screen(l *laneProcess, page string) string {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+l.pages+page, nil)
	c.must(err)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	var all []byte
	for buf := make([]byte, 4096); !bytes.Contains(all, []byte("\n\n")); {
		n, err := res.Body.Read(buf)
		if all = append(all, buf[:n]...); err != nil {
			return ""
		}
	}
	return string(all)
}

// paid wants a sale to be paid, and completes it.
func (c *carryStage) paid(l *laneProcess, id string, amount int64) {
	c.Helper()
	var sale carriedSale
	if code := c.call(l, "POST", "/v1/sales/"+id+"/complete", nil, &sale); code != http.StatusOK || len(sale.Payments) != 1 || sale.Payments[0].Amount.Minor != amount {
		c.Fatalf("%s: %d %+v", l.name, code, sale)
	}
}

// TestCarriedStory: HQ is cut off, an amount is over the cap, the sale goes on the customer's screen, the phone pays it at the
// issuer over HTTP, its approval is scanned, and the lane shows PAID. Another lane's approval pays nothing here, nor does the
// same one twice, over a kill too. When the line is back HQ settles each once, and the issuer hears what was taken.
func TestCarriedStory(t *testing.T) {
	c := newCarryStage(t, 2)
	one, two := c.lanes[0], c.lanes[1]
	for _, l := range c.lanes { // HQ vouches for a till when it hears of it first
		c.online(l)
		sale := c.open(l, 100)
		c.offer(l, sale.ID)
		c.call(l, "POST", "/v1/sales/"+sale.ID+"/cancel", nil, nil)
	}
	c.line.Cut()

	sale := c.open(one, 8_400)
	c.shows(one, c.phone().code(), "/live", `id="carry"`) // over the cap: what can be done instead
	offer := c.offer(one, sale.ID)
	c.shows(one, "", "/customer/live", `<svg class="qr"`)
	approval := c.pay(offer)

	other := c.open(two, 8_400)
	elsewhere := c.pay(c.offer(two, other.ID))
	c.shows(one, elsewhere, "/live", "This approval is for another lane")
	c.shows(one, approval, "/live", `data-state="paid"`)
	c.shows(one, "", "/customer/live", `data-state="paid"`)
	c.paid(one, sale.ID, 8_400)

	next := c.open(one, 8_400)
	c.shows(one, approval, "/live", "This code has paid already, for another sale: ask for a fresh one")
	one.kill()
	one.begin()
	c.ready(one)
	c.call(one, "POST", "/v1/sales/"+next.ID+"/cancel", nil, nil)
	next = c.open(one, 8_400)
	c.shows(one, approval, "/live", "This approval has paid already")
	var open carriedSale
	if code := c.call(one, "GET", "/v1/sales/"+next.ID, nil, &open); code != http.StatusOK || open.State != "open" {
		t.Errorf("paid by an approval that was used: %d %+v", code, open)
	}
	c.call(one, "POST", "/v1/sales/"+next.ID+"/cancel", nil, nil)
	c.shows(two, elsewhere, "/live", `data-state="paid"`)
	c.paid(two, other.ID, 8_400)

	gone := c.open(one, 700) // paid at the issuer, and cancelled at the lane
	late := c.pay(c.offer(one, gone.ID))
	c.call(one, "POST", "/v1/sales/"+gone.ID+"/cancel", nil, nil)
	c.shows(one, late, "/live", "the wallet gives the money back by itself")

	c.line.Restore()
	c.drained()
	c.settledOnce(2, 16_800)
	c.until("HQ has told the issuer what was taken", func() bool {
		list, err := c.bench.Issuer.Approvals(t.Context(), 0, 10)
		c.must(err)
		states := map[house.ApprovalState]int{}
		for _, r := range list {
			states[r.State]++
		}
		return len(list) == 3 && states[house.ApprovalCompleted] == 2 && states[house.ApprovalGiven] == 1
	})
	v, err := c.bench.Issuer.Account(t.Context(), c.customer.Session)
	if err != nil || v.Balance != payment.Of(40_000-2*8_400-700, "JPY") { // the hour in which a lane could take it is not over
		t.Errorf("balance %v, %v", v.Balance, err)
	}
}
