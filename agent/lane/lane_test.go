package lane

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/journal"
	"tilld/agent/paycode/signed"
	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/drivers/scanner"
	"tilld/sync/wire"
)

func TestASale(t *testing.T) {
	r := newRig(t, nil)
	r.sale(1200)
	if v := r.lane.View(); v.Phase != checkout.Open || v.Cleared {
		t.Fatalf("after opening: %+v", v)
	}
	p := r.phone(1)
	code := p.code()
	v := r.scan(code)
	if v.Phase != checkout.Paid || v.Answer.Outcome != payment.Paid || v.Answer.Wallet != "house" || v.UsedSum != 1200 {
		t.Fatalf("after the scan: %+v", v)
	}
	if v = r.scan(code); v.Answer.Kind != checkout.Again || v.Answer.Outcome != payment.Paid {
		t.Errorf("the same code again: %+v", v.Answer)
	}
	r.ok(r.lane.Next(t.Context()))
	sale, list, err := r.lane.Sale(t.Context(), v.Sale.ID)
	r.ok(err)
	if sale.State != journal.SaleCompleted || len(list) != 1 || list[0].Amount.Minor != 1200 {
		t.Errorf("the sale: %+v, %+v", sale, list)
	}
	r.sale(300)
	if v = r.scan(code); v.Phase != checkout.Open || v.Notice != NoticeUsed {
		t.Errorf("the last customer's code for the next sale: %v, notice %q", v.Phase, v.Notice)
	}
	if v = r.scan(p.code()); v.Phase != checkout.Paid || v.UsedSum != 1500 || v.UsedCount != 2 {
		t.Errorf("the second sale: %+v", v)
	}
}

func TestRefusalsTellWhy(t *testing.T) {
	r := newRig(t, func(d *policy.Document) { d.Wallets = []string{"house", "paypay"} })
	p, other := r.phone(1), r.phone(2)
	old := p.code()
	r.pass(5 * time.Minute)
	bad := []byte(p.code())
	bad[len(bad)-1] ^= 1
	r.sale(9000)
	for _, tt := range []struct {
		name, text string
		want       payment.Reason
	}{
		{"old", old, payment.CodeExpired},
		{"a wallet that must be asked", "900081818800001111222233", payment.OnlineOnly},
		{"over the cap", other.code(), payment.OverPaymentCap},
	} {
		if v := r.scan(tt.text); v.Phase != checkout.Refused || v.Answer.Reason != tt.want {
			t.Errorf("%s: %v %v, want %v", tt.name, v.Phase, v.Answer.Reason, tt.want)
		}
	}
	if v := r.scan(string(bad)); v.Phase == checkout.Paid {
		t.Error("a damaged code paid")
	}
	_, err := r.lane.CancelSale(t.Context(), payment.ID{})
	r.ok(err)
	if v := r.lane.View(); !v.Cleared || v.Phase != checkout.Cancelled {
		t.Errorf("after cancelling: %+v", v.Phase)
	}
}

func TestGoodsAreForThePOS(t *testing.T) {
	r := newRig(t, nil)
	before := r.lane.LastEvent()
	r.scan("4901234567894")
	list, err := r.lane.EventsAfter(t.Context(), before)
	r.ok(err)
	if len(list) != 1 || list[0].Kind != ScanPassed || list[0].Text != "4901234567894" || list[0].AIM != "]Q1" {
		t.Errorf("events %+v", list)
	}
	if v := r.lane.View(); v.Notice != "" {
		t.Errorf("notice %q with no sale open", v.Notice)
	}
}

func TestIdempotencyKeys(t *testing.T) {
	r := newRig(t, nil)
	key, one, two := sha256.Sum256([]byte("key")), sha256.Sum256([]byte("one")), sha256.Sum256([]byte("two"))
	n := NewSale{Sale: newSale(500), Request: key[:], Digest: one[:], FromPOS: true}
	first, created, err := r.lane.OpenSale(t.Context(), n)
	if err != nil || !created {
		t.Fatalf("%v, created %v", err, created)
	}
	again, created, err := r.lane.OpenSale(t.Context(), n)
	if err != nil || created || again.ID != first.ID {
		t.Errorf("the same again: %v, created %v, %s", err, created, again.ID)
	}
	n.Digest = two[:]
	if _, _, err = r.lane.OpenSale(t.Context(), n); payment.CodeOf(err) != payment.Conflict {
		t.Errorf("another request under the same key: %v", err)
	}
	if _, _, err = r.lane.OpenSale(t.Context(), NewSale{Sale: newSale(1)}); payment.CodeOf(err) != payment.Conflict {
		t.Errorf("a second open sale: %v", err)
	}
	r.restart()
	again, created, err = r.lane.OpenSale(t.Context(), NewSale{Sale: newSale(500), Request: key[:], Digest: one[:]})
	if err != nil || created || again.ID != first.ID || again.State != journal.SaleCancelled {
		t.Errorf("after a restart: %v, created %v, %+v", err, created, again)
	}
}

func TestRestartShowsWhatWasPaid(t *testing.T) {
	r := newRig(t, nil)
	r.sale(700)
	p := r.phone(1)
	code := p.code()
	paid := r.scan(code).Answer.Payment
	r.restart()
	v := r.lane.View()
	if v.Phase != checkout.Paid || v.Cleared || v.Answer.Payment != paid || v.Answer.Amount.Minor != 700 {
		t.Fatalf("after a restart: %+v", v)
	}
	r.ok(r.lane.Next(t.Context()))
	r.sale(100)
	if v = r.scan(code); v.Phase != checkout.Refused || v.Answer.Reason != payment.CodeUsed {
		t.Errorf("the old code after a restart: %v %v", v.Phase, v.Answer.Reason)
	}
	if v.UsedSum != 700 {
		t.Errorf("exposure %d after a restart, want 700", v.UsedSum)
	}
}

func TestShareIsSetBackByHQAlone(t *testing.T) {
	r := newRig(t, func(d *policy.Document) {
		d.Default = policy.StoreDefault{Cap: 3000, Lanes: 1, Sum: 3000, Count: 10}
	})
	for range 3 {
		r.sale(1000)
		if v := r.scan(r.phone(1).code()); v.Phase != checkout.Paid {
			t.Fatalf("%v", v.Answer.Reason)
		}
		r.ok(r.lane.Next(t.Context()))
	}
	r.sale(1)
	if v := r.scan(r.phone(2).code()); v.Answer.Reason != payment.OverShareSum {
		t.Fatalf("over the share: %v", v.Answer.Reason)
	}
	r.restart()
	r.pass(time.Minute)
	r.sale(1)
	if v := r.scan(r.phone(2).code()); v.Answer.Reason != payment.OverShareSum {
		t.Fatalf("over the share after a restart: %v", v.Answer.Reason)
	}
	at, err := r.journal.State(t.Context())
	r.ok(err)
	ack := &wire.Ack{Version: 1, HQEpoch: 5, Terminal: r.id, Epoch: at.Current.Epoch, Acked: at.Current.Last, Head: at.Current.Head}
	_, err = r.journal.Acknowledge(t.Context(), ack, nil)
	r.ok(err)
	r.lane.Acked(t.Context(), ack)
	if v := r.scan(r.phone(2).code()); v.Phase != checkout.Paid {
		t.Errorf("after HQ's word: %v", v.Answer.Reason)
	}
}

func TestOfflineRightRunsOut(t *testing.T) {
	r := newRig(t, nil)
	pay := func(amount int64) payment.Reason {
		t.Helper()
		r.sale(amount)
		v := r.scan(r.phone(1).code())
		if v.Phase != checkout.Paid {
			_, err := r.lane.CancelSale(t.Context(), payment.ID{})
			r.ok(err)
		}
		return v.Answer.Reason
	}
	r.pass(4*time.Hour + time.Minute)
	if got := pay(3000); got != payment.OverPaymentCap {
		t.Errorf("3000 after four hours: %v", got)
	}
	if got := pay(1500); got != payment.ReasonNone {
		t.Errorf("1500 after four hours: %v", got)
	}
	r.pass(20 * time.Hour)
	if got := pay(100); got != payment.OfflineTooLong {
		t.Errorf("100 after a day: %v", got)
	}
	r.contact()
	if got := pay(100); got != payment.ReasonNone {
		t.Errorf("100 after HQ spoke: %v", got)
	}
}

func TestTheDayRollsByItself(t *testing.T) {
	r := newRig(t, nil)
	r.sale(800)
	r.scan(r.phone(1).code())
	r.ok(r.lane.Next(t.Context()))
	r.pass(24 * time.Hour)
	r.contact()
	r.sale(200)
	days, err := r.journal.Days(t.Context(), 0)
	r.ok(err)
	if len(days) != 2 || days[0].Open() || !days[1].Open() || len(days[0].Totals) != 1 || days[0].Totals[0].Sum != 800 {
		t.Errorf("days %+v", days)
	}
}

func TestVoid(t *testing.T) {
	r := newRig(t, nil)
	r.sale(640)
	paid := r.scan(r.phone(1).code()).Answer.Payment
	r.ok(r.lane.Void(t.Context(), paid, "Abe"))
	if v := r.lane.View(); v.Phase != checkout.Voided || !v.Cleared || v.UsedSum != 0 {
		t.Errorf("after the void: %v, cleared %v, used %d", v.Phase, v.Cleared, v.UsedSum)
	}
	if err := r.lane.Void(t.Context(), paid, "Abe"); err == nil {
		t.Error("voided twice")
	}
	if err := r.lane.Void(t.Context(), payment.ID{9}, "Abe"); payment.CodeOf(err) != payment.NotFound {
		t.Errorf("a void of nothing: %v", err)
	}
}

func TestForkBeginsAnEpochAndSellsOn(t *testing.T) {
	r := newRig(t, nil)
	r.sale(100)
	r.scan(r.phone(1).code())
	r.ok(r.lane.Next(t.Context()))
	at, err := r.journal.State(t.Context())
	r.ok(err)
	r.ok(r.lane.Forked(t.Context(), at.Current.Epoch))
	r.ok(r.lane.Forked(t.Context(), at.Current.Epoch)) // told again: nothing more
	now, err := r.journal.State(t.Context())
	r.ok(err)
	if len(now.Epochs) != 2 || now.Current.Epoch == at.Current.Epoch {
		t.Fatalf("epochs %+v", now.Epochs)
	}
	r.sale(100)
	if v := r.scan(r.phone(2).code()); v.Phase != checkout.Paid {
		t.Errorf("in the new epoch: %v", v.Answer.Reason)
	}
}

func TestPolicyNeverGoesBack(t *testing.T) {
	r := newRig(t, nil)
	old, err := r.doc.Sign(r.policy)
	r.ok(err)
	r.doc.Version, r.doc.Caps = 2, policy.Caps{Payment: 100, AccountDay: 1000, Unbound: 100, Small: 100}
	r.doc.Tiers.RestartPayment = 100
	next, err := r.doc.Sign(r.policy)
	r.ok(err)
	r.ok(r.lane.Policy(t.Context(), next))
	r.sale(500)
	if v := r.scan(r.phone(1).code()); v.Answer.Reason != payment.OverPaymentCap || v.Policy != 2 {
		t.Errorf("under the new policy: %v, version %d", v.Answer.Reason, v.Policy)
	}
	if err := r.lane.Policy(t.Context(), old); err == nil {
		t.Error("an older policy was taken")
	}
	if got := r.lane.Bundle().PolicyVersion(); got != 2 {
		t.Errorf("version %d", got)
	}
}

func TestScannerStates(t *testing.T) {
	r := newRig(t, nil)
	ctx := t.Context()
	r.lane.Scanned(ctx, scanner.Returned{At: r.time(), Device: "/dev/x"})
	if got := r.lane.View().Scanner; got.State != ScannerOK {
		t.Errorf("plugged in: %+v", got)
	}
	r.lane.Scanned(ctx, scanner.Lost{At: r.time(), Device: "/dev/x"})
	if got := r.lane.View().Scanner; got.State != ScannerLost {
		t.Errorf("unplugged: %+v", got)
	}
}

func TestNoCodeInTheJournalsFiles(t *testing.T) {
	r := bare(t)
	r.second = t.TempDir()
	r.begin(nil)
	var codes []string
	show := func(code string) View {
		codes = append(codes, code)
		return r.scan(code)
	}
	p := r.phone(1)
	r.sale(100)
	if v := show(p.code()); v.Phase != checkout.Paid {
		t.Fatalf("%v %v", v.Phase, v.Answer.Reason)
	}
	r.ok(r.lane.Next(t.Context()))
	r.sale(100)
	if v := show(codes[0]); v.Phase == checkout.Paid {
		t.Fatal("paid twice")
	}
	old := p.code()
	r.pass(5 * time.Minute)
	if v := show(old); v.Phase != checkout.Refused {
		t.Fatalf("an old code: %v", v.Phase)
	}
	seen := r.noCodes(codes)
	for _, name := range []string{journal.DatabaseFile, journal.DatabaseFile + "-wal", journal.SecondFile} {
		if seen[name] == 0 {
			t.Errorf("%s was not looked at, or is empty: %v", name, seen)
		}
	}
	r.stop()
	if seen = r.noCodes(codes); seen[journal.DatabaseFile] < 4096 {
		t.Errorf("the journal when the lane has ended: %v", seen)
	}
}

// noCodes looks for codes, as text and as bytes, in all files of the lane as they lie on its disks; it says how long
// each was.
func (r *rig) noCodes(codes []string) map[string]int {
	r.t.Helper()
	sizes := map[string]int{}
	for _, dir := range []string{r.dir, r.second} {
		list, err := os.ReadDir(dir)
		r.ok(err)
		for _, f := range list {
			b, err := os.ReadFile(filepath.Join(dir, f.Name()))
			r.ok(err)
			sizes[f.Name()] = len(b)
			for i, code := range codes {
				raw := binary(r.t, code)
				for what, part := range map[string][]byte{
					"text": []byte(code[10:40]), "bytes": raw[20:40], "last bytes": raw[len(raw)-32:],
					"bytes in hexadecimal": []byte(hex.EncodeToString(raw[20:40])),
				} {
					if bytes.Contains(b, part) {
						r.t.Errorf("%s holds the %s of code %d", f.Name(), what, i)
					}
				}
			}
		}
	}
	return sizes
}

// binary is what a code's text stands for: base45 of RFC 9285 behind the house prefix.
func binary(t testing.TB, code string) (raw []byte) {
	t.Helper()
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
	for rest := strings.TrimPrefix(code, signed.Prefix); rest != ""; {
		n, group := 0, rest[:min(3, len(rest))]
		for i := len(group) - 1; i >= 0; i-- {
			n = n*45 + strings.IndexByte(alphabet, group[i])
		}
		if len(group) == 3 {
			raw = append(raw, byte(n>>8))
		}
		raw, rest = append(raw, byte(n)), rest[len(group):]
	}
	parsed, err := signed.Parse(code)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(raw, parsed.Certificate.Bytes()) {
		t.Fatalf("the bytes of this test are not the code's: %x", raw)
	}
	return raw
}

func TestChangesAreHeard(t *testing.T) {
	r := newRig(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ch := r.lane.Changes(ctx)
	r.sale(100)
	<-ch
}

// TestScanNotesEnd: "scan again" stands beside a sale that waits for a code, never beside PAID, nor when the screen
// is free; and what was said of a bad read is over when a code was judged.
func TestScanNotesEnd(t *testing.T) {
	r := newRig(t, nil)
	p := r.phone(1)
	note := func(when string, e scanner.Event, want Notice) {
		t.Helper()
		r.lane.Scanned(t.Context(), e)
		if v := r.lane.View(); v.Notice != want {
			t.Errorf("%s: %q, want %q", when, v.Notice, want)
		}
	}
	two := scanner.BadRead{At: r.time(), Reason: scanner.ReasonTwoCodes}
	bad := scanner.BadRead{At: r.time(), Reason: scanner.ReasonCut}
	second := scanner.Blanked{Symbol: scanner.Symbol{Text: r.phone(2).code(), AIM: "]Q1", At: r.time()}}
	note("no sale", two, "")
	r.sale(1200)
	note("two codes", two, NoticeTwoCodes)
	if v := r.scan(p.code()); v.Phase != checkout.Paid || v.Notice != "" {
		t.Errorf("beside PAID: %v, %q", v.Phase, v.Notice)
	}
	note("a second code hard upon the one that paid", second, "")
	note("a bad read beside PAID", bad, "")
	r.ok(r.lane.Next(t.Context()))
	r.sale(9000)
	note("bad read", bad, NoticeBadRead)
	if v := r.scan(p.code()); v.Phase != checkout.Refused || v.Notice != "" {
		t.Errorf("beside NOT PAID: %v, %q", v.Phase, v.Notice)
	}
	note("a second code hard upon the refused one", second, NoticeTwoCodes)
	_, err := r.lane.CancelSale(t.Context(), payment.ID{})
	r.ok(err)
	if v := r.lane.View(); v.Notice != "" {
		t.Errorf("on a free screen: %q", v.Notice)
	}
}
