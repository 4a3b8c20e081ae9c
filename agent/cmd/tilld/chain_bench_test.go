package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"tilld/agent/cmd/tilld/internal/hq"
	"tilld/agent/cmd/tilld/internal/lane"
	"tilld/agent/journal"
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/wire"
)

// benchNumber is how much of something a benchmark takes, unless the variable sets another number.
func benchNumber(b *testing.B, variable string, otherwise int) int {
	b.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("%s=%q", variable, text)
	}
	return n
}

// benchChain is a chain without limits, made in process before HQ runs.
type benchChain struct {
	b      testing.TB
	root   string
	lanes  string // where the lanes' data is
	office *hq.Office
	issuer *wire.Signer
	doc    *policy.Document
	seal   *wire.Confidant
	zone   *time.Location
	more   string // of HQ's file, before its sections
	asks   string // its [[operator]] sections
}

func newBenchChain(b testing.TB, change ...func(*policy.Document)) *benchChain {
	b.Helper()
	c := &benchChain{b: b, root: b.TempDir(), issuer: newIssuer(b)}
	c.lanes = c.root
	if other := os.Getenv("TILLD_LANES_DIR"); other != "" {
		dir, err := os.MkdirTemp(other, "tilld-lanes")
		c.must(err)
		b.Cleanup(func() { c.must(os.RemoveAll(dir)) })
		c.lanes = dir
	}
	ctx := b.Context()
	c.must(hq.Init(ctx, c.data(), "kita", "JPY", "Asia/Tokyo", time.Now))
	var err error
	c.office, err = hq.OpenOffice(ctx, c.data(), time.Now)
	c.must(err)
	c.must(c.office.AddIssuer(ctx, c.issuer.Public(), "house"))
	c.doc, _, err = c.office.Policy(ctx)
	c.must(err)
	c.doc.Version++
	c.doc.Caps = policy.Caps{Payment: 50_000, AccountDay: 1_000_000_000_000, Unbound: 50_000, Small: 50_000}
	c.doc.Default = policy.StoreDefault{Cap: 1_000_000_000_000, Lanes: 1, Sum: 1_000_000_000_000, Count: 1_000_000}
	for _, f := range change {
		f(c.doc)
	}
	c.must(c.office.SignPolicy(ctx, c.doc))
	trust, _, err := c.office.Trust(ctx)
	c.must(err)
	c.seal = trust.Seal(time.Now())
	c.zone, err = time.LoadLocation("Asia/Tokyo")
	c.must(err)
	return c
}

func (c *benchChain) must(err error) {
	c.b.Helper()
	if err != nil {
		c.b.Fatal(err)
	}
}

func (c *benchChain) data() string { return filepath.Join(c.root, "hq") }

// hqFile is the configuration of an HQ that runs as a process.
func (c *benchChain) hqFile(broker, api string) string {
	return fmt.Sprintf("data = %q\n%s[embedded_broker]\nlisten = %q\n[serve]\naddress = %q\n[settle]\nzone = \"Asia/Tokyo\"\n[log]\nlevel = \"warn\"\n%s",
		c.data(), c.more, broker, api, c.asks)
}

func newIssuer(b testing.TB) *wire.Signer {
	b.Helper()
	s, err := newP256()
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// benchLane is a lane of the chain, enrolled, with a store of its own.
type benchLane struct {
	*benchChain
	dir   string
	store string
	id    lane.Identity
	ids   *payment.IDs
	terms policy.LaneTerms
	used  policy.Used
	sold  int
}

func (c *benchChain) lane(n int) *benchLane {
	c.b.Helper()
	l := &benchLane{
		benchChain: c, dir: filepath.Join(c.lanes, fmt.Sprintf("lane%d", n)), store: fmt.Sprintf("S%03d", n), ids: payment.NewIDs(time.Now, rand.Reader),
	}
	request, id, err := lane.Init(l.dir, "bench", time.Now())
	c.must(err)
	answer, _, err := c.office.AddTerminal(c.b.Context(), request, hq.Place{Store: l.store, Lane: "L1", Entity: "kita-foods"})
	c.must(err)
	_, err = lane.Join(l.dir, answer)
	c.must(err)
	l.id, l.terms = id, c.doc.Terms(l.store, "L1")
	return l
}

func (l *benchLane) open(dir string) *journal.Journal {
	l.b.Helper()
	j, err := journal.Open(l.b.Context(), journal.Config{
		Dir: dir, Terminal: l.id.Terminal, Store: l.store, Lane: "L1", Software: "bench", Signer: l.id.Signer, Random: rand.Reader, Now: l.moment,
	})
	l.must(err)
	return j
}

func (l *benchLane) moment() journal.Moment {
	now := time.Now()
	return journal.Moment{Date: payment.BusinessDate(now, l.zone, 4*time.Hour), Wall: now, Boot: time.Hour, HQKnown: true, HQAge: time.Second, Zone: "Asia/Tokyo"}
}

// fill writes n sales into the journal, the first behind the opening of the day, and returns the last sequence.
func (l *benchLane) fill(j *journal.Journal, n int) (last uint64) {
	l.b.Helper()
	var drafts []journal.Draft
	if l.sold == 0 {
		drafts = append(drafts, journal.Draft{Fact: &payment.DayOpened{}, Moment: l.moment(), Policy: l.doc.Version})
	}
	for i := range n {
		drafts = append(drafts, l.sale()...)
		if len(drafts) >= 300 || i == n-1 {
			list, err := j.Append(l.b.Context(), drafts...)
			l.must(err)
			last, drafts = list[len(list)-1].Entry.Seq, nil
		}
	}
	return last
}

// sale is a sale's three entries, with a customer, a certificate and a code of its own, so that no check of a
// certificate serves twice.
func (l *benchLane) sale() []journal.Draft {
	l.b.Helper()
	amount := int64(100 + l.sold%900)
	l.sold++
	account, code, replay := l.pay()
	issuer := l.issuer.Public().KID()
	sale, err := l.ids.Next()
	l.must(err)
	pay, err := l.ids.Next()
	l.must(err)
	money, m, version := payment.Of(amount, "JPY"), l.moment(), l.doc.Version
	limits := l.terms.Limits(policy.TierFull, true, 50_000, amount, l.used)
	l.used.Sum, l.used.Count = l.used.Sum+amount, l.used.Count+1
	return []journal.Draft{
		{Fact: &payment.SaleOpened{Reference: fmt.Sprintf("R-%d", l.sold), Total: money, Due: money, Eligible: payment.Eligible{Wallet: amount}}, Sale: &sale, Moment: m, Policy: version},
		{
			Fact: &payment.Approved{Amount: money, Wallet: "house", CodeHash: account, HashKey: 1, Replay: replay, Issuer: issuer[:], Limits: limits},
			Sale: &sale, Payment: &pay, Moment: m, Policy: version, Body: &payment.Body{Cashier: "c1", Account: account}, Evidence: []byte(code), SealTo: l.seal,
		},
		{Fact: &payment.SaleCompleted{}, Sale: &sale, Moment: m, Policy: version},
	}
}

// pay is a new customer's code.
func (l *benchLane) pay() (account []byte, code string, replay payment.ReplayKey) {
	l.b.Helper()
	key := newIssuer(l.b)
	var who signed.Account
	_, err := rand.Read(who[:])
	l.must(err)
	cert, err := signed.Certify(l.issuer, signed.Claims{Account: who, Phone: key.Public(), Cap: payment.Of(50_000, "JPY"), NotBefore: time.Now().Add(-time.Hour), Hours: 24})
	l.must(err)
	code, err = signed.Sign(key, cert, signed.CodeClaims{Counter: 1, Time: time.Now(), Store: l.store})
	l.must(err)
	parsed, err := signed.Parse(code)
	l.must(err)
	return who[:], code, parsed.ReplayKey()
}
