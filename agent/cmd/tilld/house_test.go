package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/house"
	"tilld/sync/wire"
)

// houseStage is a stage with `tilld issuer`, whom HQ asks about signed codes, and which hears of what lanes took offline.
type houseStage struct {
	*stage
	role    *process
	conf    string
	phones  string // addresses
	gateway string
	token   string
	spool   string
	own     *http.Client
}

func newHouseStage(t *testing.T) *houseStage {
	t.Helper()
	h := &houseStage{stage: &stage{TB: t, profile: "generic", dir: t.TempDir(), ids: payment.NewIDs(time.Now, rand.Reader)},
		own: &http.Client{Timeout: 10 * time.Second}}
	data := filepath.Join(h.dir, "issuer")
	h.spool, h.phones, h.gateway = filepath.Join(h.dir, "spool"), freeAddr(t), freeAddr(t)
	h.cli("issuer", "init", "--data", data)
	b, err := os.ReadFile(filepath.Join(data, "gateway.token"))
	h.must(err)
	h.token = strings.TrimSpace(string(b))
	h.conf = h.file("issuer.toml", fmt.Sprintf("data = %q\n[phones]\naddress = %q\n[gateway]\naddress = %q\n[messages]\nkind = \"spool\"\nspool = %q\n"+
		"[chain]\nname = \"kita\"\nroot = %q\n[limits]\ncooling = \"1s\"\n[log]\nlevel = \"warn\"\n", data, h.phones, h.gateway, h.spool,
		filepath.Join(h.dir, "hq", "root.pub")))
	h.more = fmt.Sprintf("[[operator]]\nkind = \"acquirer\"\nwallet = \"house\"\nurl = %q\ncredentials_file = %q\nprefix = \"/operator/v1\"\nissuer = true\n"+
		"timeout = \"4s\"\n[operator.terms]\nquery_after = \"1s\"\nquery_every = \"2s\"\ngive_up = \"30s\"\nabsent_is_final = \"1m\"\npartial_refund = true\n",
		"http://"+h.gateway, h.file("house.token", h.token+"\n"))
	h.setUp(1, func(d *policy.Document) {
		d.Features = []string{policy.HouseOnline}
		h.cli("hq", "issuer", "add", "--data", filepath.Join(h.dir, "hq"), "--wallet", "house", filepath.Join(data, "issuer.pem"))
		h.role = h.start("issuer", "-c", h.conf)
		h.healthy("http://" + h.gateway)
	})
	return h
}

// post asks the issuer, and wants 200.
func (h *houseStage) post(address, path, bearer string, in, out any) {
	h.Helper()
	if code := h.try("POST", address, path, bearer, in, out); code != http.StatusOK {
		h.Fatalf("%s: %d %v\n%s", path, code, out, tail(h.role.log.String()))
	}
}

func (h *houseStage) try(method, address, path, bearer string, in, out any) int {
	h.Helper()
	raw, err := json.Marshal(in)
	h.must(err)
	if method == http.MethodGet {
		raw = nil
	}
	req, err := http.NewRequest(method, "http://"+address+path, bytes.NewReader(raw))
	h.must(err)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := h.own.Do(req)
	h.must(err)
	defer func() { _ = res.Body.Close() }()
	h.must(json.NewDecoder(res.Body).Decode(out))
	return res.StatusCode
}

// member is a customer with an account.
type member struct {
	h       *houseStage
	login   string
	key     *wire.Signer
	session string
	cert    []byte
	counter uint64
}

const memberPassword = "seven bridges over the river"

// member enrols a customer by the phones' address, confirms by the mail in the spool, and signs in.
func (h *houseStage) member(login string) *member {
	h.Helper()
	m := &member{h: h, login: login}
	var err error
	m.key, err = newP256()
	h.must(err)
	contact := login + "@example.jp"
	var none map[string]any
	h.post(h.phones, "/phone/v1/accounts", "", map[string]any{"login": login, "contact": contact, "password": memberPassword,
		"key": m.key.Public().Compressed(), "proof": m.proof(house.ForEnrol, login, contact)}, &none)
	h.post(h.phones, "/phone/v1/accounts/confirm", "", map[string]string{"ticket": h.ticket()}, &none)
	m.signIn()
	return m
}

// ticket is the last one that was mailed.
func (h *houseStage) ticket() (ticket string) {
	h.Helper()
	h.until("a ticket is in the spool", func() bool {
		list, err := filepath.Glob(filepath.Join(h.spool, "*-confirm_ticket-*.eml"))
		if err != nil || len(list) == 0 {
			return false
		}
		b, err := os.ReadFile(list[len(list)-1])
		h.must(err)
		m, err := mail.ReadMessage(bytes.NewReader(b))
		h.must(err)
		text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		h.must(err)
		ticket = regexp.MustCompile(`[A-Za-z0-9_-]{43}`).FindString(string(text))
		return ticket != ""
	})
	return ticket
}

func (m *member) proof(p house.Purpose, details ...string) map[string]any {
	m.h.Helper()
	var c struct {
		Challenge string `json:"challenge"`
	}
	m.h.post(m.h.phones, "/phone/v1/challenge", "", struct{}{}, &c)
	sig, err := m.key.Sign(house.Statement(p, house.Secret(c.Challenge), details...))
	m.h.must(err)
	return map[string]any{"challenge": c.Challenge, "signature": sig}
}

func (m *member) signIn() {
	m.h.Helper()
	var s struct {
		Session string `json:"session"`
	}
	m.h.post(m.h.phones, "/phone/v1/sessions", "", map[string]any{"login": m.login, "password": memberPassword, "proof": m.proof(house.ForSignIn, m.login)}, &s)
	m.session = s.Session
}

func (m *member) certify() {
	m.h.Helper()
	var c struct {
		Certificate []byte `json:"certificate"`
	}
	m.h.post(m.h.phones, "/phone/v1/certificate", m.session, map[string]any{"proof": m.proof(house.ForCertificate)}, &c)
	m.cert = c.Certificate
}

// code is a fresh code for the store.
func (m *member) code() string {
	m.h.Helper()
	m.counter++
	text, err := signed.Sign(m.key, m.cert, signed.CodeClaims{Counter: m.counter, Time: time.Now(), Store: "S001"})
	m.h.must(err)
	return m.h.shown.note(text)
}

// balance is what the customer's phone shows.
func (m *member) balance() int64 {
	m.h.Helper()
	var a struct {
		Balance payment.Money `json:"balance"`
	}
	if code := m.h.try("GET", m.h.phones, "/phone/v1/account", m.session, nil, &a); code != http.StatusOK {
		m.h.Fatalf("account: %d", code)
	}
	return a.Balance.Minor
}

// show opens a sale and holds a fresh code to the scanner until the journal has an entry of a kind that has not been
// there so often.
func (h *houseStage) show(l *laneProcess, m *member, amount int64, until func(saleView) bool) saleView {
	h.Helper()
	sale := h.open(l, amount)
	code, again := m.code(), time.Now()
	h.until(fmt.Sprintf("%s: the sale of %d goes on", l.name, amount), func() bool {
		if !time.Now().Before(again) {
			h.must(l.scanner.Send(code))
			again = time.Now().Add(time.Second)
		}
		return h.call(l, "GET", "/v1/sales/"+sale.ID, nil, &sale) == http.StatusOK && until(sale)
	})
	return sale
}

// reach waits until the lane knows whether HQ answers (1) or not (0): a sale that is opened makes it ask.
func (h *houseStage) reach(l *laneProcess, want float64) {
	h.Helper()
	h.until(fmt.Sprintf("%s knows that HQ's answering is %v", l.name, want), func() bool {
		if h.metric(l, "tilld_lane_hq_answers") == want {
			return true
		}
		sale := h.open(l, 1)
		defer h.call(l, "POST", "/v1/sales/"+sale.ID+"/cancel", nil, nil)
		for range 40 {
			if h.metric(l, "tilld_lane_hq_answers") == want {
				return true
			}
		}
		return false
	})
}

func isPaid(s saleView) bool { return s.State == "paid" }

// entries counts a kind in the lane's journal.
func (h *houseStage) entries(l *laneProcess, kind, with string) int {
	h.Helper()
	return strings.Count(h.cli("journal", "list", "--kind", kind, filepath.Join(l.dir, "journal.db")), with)
}

// pay has a customer pay, and the lane free again.
func (h *houseStage) pay(l *laneProcess, m *member, amount int64) saleView {
	h.Helper()
	sale := h.show(l, m, amount, isPaid)
	h.call(l, "POST", "/v1/sales/"+sale.ID+"/complete", nil, nil)
	return sale
}

// TestHouseStory: the issuer as a program of its own. A customer without money is topped up with cash, pays online, then
// with the line cut, then over an issuer that falls silent in the middle; what was taken offline is presented, each once.
// A stopped account is refused at once, and HQ's next policy says so to lanes that are cut off; a lifted one is let off.
func TestHouseStory(t *testing.T) {
	h := newHouseStage(t)
	l := h.lanes[0]
	m := h.member("hanako")
	h.until("the cooling-off is over", func() bool { m.certify(); return true })
	var credit struct {
		State string `json:"state"`
	}
	cash := map[string]any{"reference": "CASH1", "code": m.code(), "amount": 10_000, "currency": "JPY", "store": "S001", "terminal": "L1"}
	for range 2 { // the answer may be lost
		h.post(h.gateway, "/operator/v1/topups", h.token, cash, &credit)
	}
	if credit.State != "credited" || m.balance() != 10_000 {
		t.Fatalf("%s, balance %d", credit.State, m.balance())
	}
	m.certify()
	h.reach(l, 1)

	h.pay(l, m, 700)
	if n := h.entries(l, "authorised", " house, attempt "); n != 1 || m.balance() != 9_300 {
		t.Fatalf("%d were authorised, balance %d", n, m.balance())
	}

	h.line.Cut()
	h.reach(l, 0)
	h.pay(l, m, 400)
	if n := h.entries(l, "approved", " house"); n != 1 || m.balance() != 9_300 {
		t.Fatalf("%d were approved offline, balance %d", n, m.balance())
	}
	h.line.Restore()
	h.online(l)
	h.until("the issuer was told", func() bool { return m.balance() == 8_900 })
	h.reach(l, 1)

	h.role.freeze()
	h.pay(l, m, 200)
	if n := h.entries(l, "reversed", " house, attempt "); n != 1 {
		t.Fatalf("%d attempts were given up", n)
	}
	h.role.thaw()
	h.drained()
	h.until("the issuer was told", func() bool { return m.balance() == 8_700 })

	h.cli("issuer", "stop", "hanako", "-c", h.conf, "--why", "lost the phone")
	sale := h.show(l, m, 300, func(saleView) bool {
		return h.entries(l, "declined", "account_stopped")+h.entries(l, "refused", "account_revoked") > 0
	})
	h.call(l, "POST", "/v1/sales/"+sale.ID+"/cancel", nil, nil)
	revoked := func() bool {
		doc, err := policy.ParseTOML("policy", []byte(h.cli("hq", "policy", "show", "--data", filepath.Join(h.dir, "hq"))))
		h.must(err)
		return len(doc.Revoked.Accounts) == 1
	}
	h.until("the policy refuses the account", revoked)
	stop := regexp.MustCompile(`(?m)^(\d+) hanako: by_hand`).FindStringSubmatch(h.cli("issuer", "stops", "-c", h.conf))
	if stop == nil {
		t.Fatal("the stop is not listed")
	}
	h.cli("issuer", "lift", "-c", h.conf, stop[1], "--why", "found it")
	h.until("the policy lets the account off", func() bool { return !revoked() })

	var held struct{ Trust, Policy uint64 }
	h.until("the issuer has what HQ signed last", func() bool {
		h.post(h.gateway, "/operator/v1/papers", h.token, struct{}{}, &held)
		return held.Trust >= 2 && held.Policy >= 4 // the first of each, two issuers, the test's, and who is refused and not
	})

	h.drained()
	if out := h.cli("issuer", "audit", "-c", h.conf); !strings.Contains(out, "the books add up") || !regexp.MustCompile(`(?m)^lost +0 JPY$`).MatchString(out) ||
		!regexp.MustCompile(`(?m)^spent +1300 JPY$`).MatchString(out) {
		t.Errorf("%s", out)
	}
	h.settledOnce(3, 700+400+200)
	for _, p := range []*process{h.role, h.hq} {
		for _, code := range h.shown.codes {
			if strings.Contains(p.log.String(), code) {
				t.Error("a customer's code is in a log")
			}
		}
	}
}
