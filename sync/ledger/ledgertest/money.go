package ledgertest

import (
	"errors"
	"slices"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/wire"
)

// wantVerdict wants one verdict about an entry.
func (b *Bench) wantVerdict(got []ledger.Verdict, seq uint64, kind ledger.Kind) {
	b.Helper()
	if len(got) != 1 || got[0].Name.Seq != seq || got[0].Kind != kind || got[0].Status != kind.Status() {
		b.Fatalf("verdicts %+v, want %s at %d", got, kind, seq)
	}
}

func testPost(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	s := l.Sell(p, 300)
	l.Sell(p, 50)
	b.Chain.Now = b.Chain.Now.Add(3 * time.Hour) // the line was down
	b.SendAll(l, 0)
	if v := b.JudgeAll(); len(v) != 0 {
		b.Fatalf("verdicts %+v", v)
	}
	b.WantNet(ledger.WalletReceivable, 350)
	b.WantNet(ledger.StorePayable, 350)
	got, err := b.Payment(b.Ctx, s.Payment)
	b.Must(err)
	want := ledger.Dimension{Entity: "kita-s1", Store: "s1", Lane: "1", Terminal: l.ID, Wallet: ingesttest.Wallet,
		BusinessDate: ingesttest.Today, Currency: "JPY"}
	if len(got) != 1 || got[0].Dimension != want || got[0].Amount != 300 || got[0].State != ledger.Posted || got[0].Sale != s.Sale ||
		got[0].Entry != (wire.Name{Terminal: l.ID, Epoch: l.Epoch, Seq: s.Seq}) || string(got[0].EntryHash[:]) != string(l.Hash(s.Seq)) {
		b.Errorf("payment %+v", got)
	}
	if late := got[0].ReceivedAt.Sub(got[0].TakenAt); late < 3*time.Hour || late > 4*time.Hour || got[0].ReceivedAt.After(b.Chain.Now) {
		b.Errorf("taken at %v, received at %v, now it is %v", got[0].TakenAt, got[0].ReceivedAt, b.Chain.Now)
	}
	rows, err := b.Balances(b.Ctx, ledger.BalanceFilter{Account: ledger.StorePayable, Store: "s1", BusinessDate: ingesttest.Today})
	if err != nil || len(rows) != 1 || rows[0].Dimension != want || rows[0].Credits != 350 || rows[0].Debits != 0 {
		b.Errorf("balances %+v, %v", rows, err)
	}
	r := b.Balance()
	if len(r.Days) != 1 || r.Days[0].Approved.Count != 2 || r.Days[0].Posted.Sum != 350 || len(r.Waiting) != 0 {
		b.Errorf("report %+v", r)
	}
}

// testJudgeOnce: a worker that comes too late, or out of turn, changes nothing.
func testJudgeOnce(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	for range 4 {
		l.Sell(p, 100)
	}
	b.SendAll(l, 0)
	logs, err := b.Backlogs(b.Ctx, 0, 1)
	b.Must(err)
	held, err := b.Entries(b.Ctx, logs[0].Branch, 0, 100)
	b.Must(err)
	var work []ledger.Judgement
	for _, h := range held {
		work = append(work, b.Believe(h))
	}
	if _, err := b.Judge(b.Ctx, work[1:]); !errors.Is(err, ledger.ErrMoved) {
		b.Errorf("behind the cursor's next: %v", err)
	}
	if _, err := b.Judge(b.Ctx, []ledger.Judgement{work[0], work[2]}); !errors.Is(err, ledger.ErrMoved) {
		b.Errorf("with one left out: %v", err)
	}
	b.WantNet(ledger.WalletReceivable, 0)
	_, err = b.Judge(b.Ctx, work[:4])
	b.Must(err)
	if _, err := b.Judge(b.Ctx, work); !errors.Is(err, ledger.ErrMoved) {
		b.Errorf("again: %v", err)
	}
	if r := b.Balance(); !slices.Equal(r.Waiting, []ledger.Range{{Terminal: l.ID, Epoch: l.Epoch, From: 5, To: 6}}) {
		b.Errorf("waiting %+v", r.Waiting)
	}
	_, err = b.Judge(b.Ctx, work[4:])
	b.Must(err)
	b.WantNet(ledger.WalletReceivable, 400)
	b.Balance()
}

func testTraining(b *Bench) {
	l := b.Lane("s1", "1")
	l.SellWith(b.Chain.Phone(), 300, ingesttest.Change{Training: true})
	l.CloseDay()
	b.SendAll(l, 0)
	if v := b.JudgeAll(); len(v) != 0 {
		b.Errorf("verdicts %+v", v)
	}
	b.WantNet(ledger.WalletReceivable, 0)
	b.Balance()
}

func testSetAside(b *Bench) {
	l := b.Lane("s1", "1")
	seq := l.AddUnknown()
	b.SendAll(l, 0)
	v := b.JudgeAll()
	b.wantVerdict(v, seq, ledger.SetAside)
	list := b.OpenExceptions()
	if len(list) != 1 || list[0].Entry.Seq != seq || !list[0].Payment.IsZero() || list[0].Owner != ledger.OwnerOperations {
		b.Errorf("exceptions %+v", list)
	}
	b.Must(b.Resolve(b.Ctx, []payment.ID{list[0].ID}, ledger.Noted, "ops", "next release"))
	b.Balance()
}

// testSpentTwice: whichever lane is heard first gets the money, and the sum is the same.
func testSpentTwice(b *Bench) {
	p := b.Chain.Phone()
	code := p.Code("", "")
	one, two := b.Lane("s1", "1"), b.Lane("s1", "2")
	first := one.SellWith(p, 300, ingesttest.Change{Code: code})
	second := two.SellWith(p, 500, ingesttest.Change{Code: code})
	third := two.SellWith(p, 500, ingesttest.Change{Code: code})
	b.SendAll(two, 0)
	v := b.JudgeAll()
	b.wantVerdict(v, third.Seq, ledger.SpentTwice)
	b.SendAll(one, 0)
	b.wantVerdict(b.JudgeAll(), first.Seq, ledger.SpentTwice)
	b.WantState(second, ledger.Posted)
	b.WantState(first, ledger.Suspended)
	b.WantNet(ledger.WalletReceivable, 500)
	b.WantNet(ledger.SuspenseClaims, 800)
	list := b.OpenExceptions()
	if len(list) != 2 || list[0].Owner != ledger.OwnerDisputes || list[1].Payment != first.Payment || list[1].Amount.Minor != 300 {
		b.Errorf("exceptions %+v", list)
	}
	b.Balance()
}

func testPaymentRepeated(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	s := l.Sell(p, 100)
	again := l.SellWith(p, 200, ingesttest.Change{Payment: s.Payment})
	b.SendAll(l, 0)
	b.wantVerdict(b.JudgeAll(), again.Seq, ledger.PaymentRepeated)
	got, err := b.Payment(b.Ctx, s.Payment)
	b.Must(err)
	if len(got) != 2 || got[0].State != ledger.Posted || got[1].State != ledger.Suspended || got[1].Amount != 200 || len(got[1].Exceptions) != 1 {
		b.Errorf("payments %+v", got)
	}
	b.Balance()
}

// testAccountDay: the ledger adds up for itself what an account spent at a lane, and how often.
func testAccountDay(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	sold := []ingesttest.Sold{l.Sell(p, 20_000), l.Sell(p, 20_000), l.Sell(p, 9_000)}
	l.Void(sold[1])
	sold = append(sold, l.Sell(p, 21_000)) // 50,000 with what was voided taken off: the certificate's cap
	lying := l.SellWith(p, 1, ingesttest.Change{Fact: func(f *payment.Approved) { f.Limits.AccountSpent = 1 }})
	often := l.SellWith(p, 1, ingesttest.Change{Fact: func(f *payment.Approved) { f.AccountCount.Used = 4 }}) // the fifth that stands
	l.OpenDay(ingesttest.Today + 1)
	fresh := l.Sell(p, 30_000)
	b.SendAll(l, 0)
	verdicts := b.JudgeAll()
	half := len(verdicts) / 2
	b.wantVerdict(verdicts[:half], lying.Seq, ledger.OverAccount)
	b.wantVerdict(verdicts[half:], often.Seq, ledger.OverAccount)
	b.WantState(sold[3], ledger.Posted)
	b.WantState(fresh, ledger.Posted)
	b.WantState(sold[1], ledger.Voided)
	b.Balance()
}

// testAccountOfAnotherWallet: a pseudonym is its issuer's own. That another issuer has the same one must not hold a
// payment back, nor may a payment that one takes back make room for the other.
func testAccountOfAnotherWallet(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone() // its certificate's cap is 50,000
	sums, counts := map[string]int64{}, map[string]uint64{}
	sell := func(wallet string, amount int64) ingesttest.Sold {
		sums[wallet], counts[wallet] = sums[wallet]+amount, counts[wallet]+1
		return l.SellWith(p, amount, ingesttest.Change{Fact: func(f *payment.Approved) {
			f.Wallet, f.Limits.AccountSpent, f.AccountCount.Used = wallet, sums[wallet], counts[wallet]
		}})
	}
	first := sell(ingesttest.Wallet, 30_000)
	posted := []ingesttest.Sold{sell("other", 30_000)}
	l.Void(first)
	sums[ingesttest.Wallet], counts[ingesttest.Wallet] = 0, 0
	posted = append(posted, sell(ingesttest.Wallet, 45_000))
	over := sell("other", 30_000)
	b.SendAll(l, 0)
	b.wantVerdict(b.JudgeAll(), over.Seq, ledger.OverAccount)
	l.Acked()
	l.NewEpoch(payment.CauseFork)
	posted = append(posted, sell(ingesttest.Wallet, 5_000)) // of 110,000 over both epochs and wallets
	b.SendAll(l, 0)
	b.JudgeAll()
	for _, s := range posted {
		b.WantState(s, ledger.Posted)
	}
	b.WantState(first, ledger.Voided)
	b.WantState(over, ledger.Suspended)
	b.Balance()
}

// testAccountEpochs: a lane can't give an account its caps anew by beginning epochs.
func testAccountEpochs(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	var sold []ingesttest.Sold
	for i := range 4 {
		if i > 0 {
			l.NewEpoch(payment.CauseFork)
		}
		sold = append(sold, l.Sell(p, 30_000), l.Sell(p, 20_000)) // the certificate's cap, says the lane each time
		b.SendAll(l, 0)
		b.JudgeAll()
		l.Acked()
	}
	for i, s := range sold {
		want := ledger.Posted
		if i >= 4 {
			want = ledger.Suspended
		}
		b.WantState(s, want)
	}
	for _, x := range b.OpenExceptions() {
		if x.Kind != ledger.OverAccount {
			b.Errorf("exception %+v", x)
		}
	}
	b.Balance()
}

// testPolicyGoesBack: which policy a lane obeyed is its own word, but within a journal it never goes back.
func testPolicyGoesBack(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	var sold []ingesttest.Sold
	for _, version := range []uint64{1, 3, 2, 3, 1, 4} {
		l.Policy = version
		sold = append(sold, l.Sell(p, 10))
	}
	b.SendAll(l, 0)
	b.JudgeAll()
	for i, want := range []ledger.State{ledger.Posted, ledger.Posted, ledger.Suspended, ledger.Posted, ledger.Suspended, ledger.Posted} {
		b.WantState(sold[i], want)
	}
	for _, x := range b.OpenExceptions() {
		if x.Kind != ledger.PolicyUnknown {
			b.Errorf("exception %+v", x)
		}
	}
	l.NewEpoch(payment.CauseRestore) // of an older disk, perhaps
	l.Policy = 2
	s := l.Sell(p, 10)
	b.SendAll(l, 0)
	b.JudgeAll()
	b.WantState(s, ledger.Posted)
	b.Balance()
}

// testRefused: an entry that the schema can't take refuses the transaction, and is named.
func testRefused(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	l.Sell(p, 100)
	bad := l.Sell(p, 100)
	b.SendAll(l, 0)
	logs, err := b.Backlogs(b.Ctx, 0, 1)
	b.Must(err)
	held, err := b.Entries(b.Ctx, logs[0].Branch, 0, 100)
	b.Must(err)
	var work []ledger.Judgement
	for _, h := range held {
		work = append(work, b.Believe(h))
	}
	work[bad.Seq-1].Approval.Amount.Minor = -5
	if _, err := b.Judge(b.Ctx, work); !errors.Is(err, ledger.ErrRefused) {
		b.Fatalf("a negative amount: %v", err)
	}
	b.WantNet(ledger.WalletReceivable, 0)
	work[bad.Seq-1] = ledger.Judgement{Entry: held[bad.Seq-1], Kind: ledger.Unpostable, Detail: "negative"}
	v, err := b.Judge(b.Ctx, work)
	b.Must(err)
	b.wantVerdict(v, bad.Seq, ledger.Unpostable)
	b.WantNet(ledger.WalletReceivable, 100)
}

func testVoid(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	s := l.Sell(p, 300)
	kept := l.Sell(p, 50)
	seq := l.Void(s)
	b.SendAll(l, 0)
	if v := b.JudgeAll(); len(v) != 0 {
		b.Fatalf("verdicts %+v", v)
	}
	b.WantState(s, ledger.Voided)
	b.WantState(kept, ledger.Posted)
	b.WantNet(ledger.WalletReceivable, 50)
	got, err := b.Payment(b.Ctx, s.Payment)
	if err != nil || got[0].Void == nil || got[0].Void.Seq != seq {
		b.Errorf("payment %+v, %v", got, err)
	}
	if r := b.Balance(); r.Days[0].Voided.Sum != 300 || r.Days[0].Approved.Sum != 350 {
		b.Errorf("report %+v", r.Days)
	}
}

// testVoidWherever: a void takes back what is posted of its payment, wherever that stands by then.
func testVoidWherever(b *Bench) {
	for _, tt := range []struct {
		name   string
		decide ledger.Decision
		kind   ledger.Kind
	}{
		{"in suspense", "", ledger.SpentTwice},
		{"released", ledger.Receivable, ledger.SpentTwice},
		{"lost, the store was paid", ledger.LossTaken, ledger.SpentTwice},
		{"lost, the store bears it", ledger.LossTaken, ledger.OverCap},
	} {
		l := b.Lane("s1", "1")
		p := b.Chain.Phone()
		s := l.Sell(p, 300)
		sold := l.Last()
		seq := l.Void(s)
		b.Send(l, 1, sold)
		b.judgeAs(map[uint64]ledger.Kind{s.Seq: tt.kind})
		open := b.OpenExceptions()
		if tt.decide != "" {
			b.Must(b.Resolve(b.Ctx, []payment.ID{open[len(open)-1].ID}, tt.decide, "finance", "because"))
		}
		b.Send(l, seq, seq)
		if v := b.JudgeAll(); len(v) != 0 {
			b.Errorf("%s: verdicts %+v", tt.name, v)
		}
		b.WantState(s, ledger.Voided)
		if tt.decide == "" {
			x, err := b.Exception(b.Ctx, open[len(open)-1].ID)
			if err != nil || x.Decision != ledger.DecidedVoid || x.ResolvedBy != l.ID.String() {
				b.Errorf("%s: exception %+v, %v", tt.name, x, err)
			}
		}
		for _, row := range ledger.Chart() {
			b.WantNet(row.Account, 0)
		}
		b.Balance()
		if b.Failed() {
			b.Fatal(tt.name)
		}
	}
}

// judgeAs judges what is not judged, with a finding about some entries.
func (b *Bench) judgeAs(findings map[uint64]ledger.Kind) []ledger.Verdict {
	b.Helper()
	var all []ledger.Verdict
	logs, err := b.Backlogs(b.Ctx, 0, 100)
	b.Must(err)
	for _, log := range logs {
		held, err := b.Entries(b.Ctx, log.Branch, log.Judged, 1000)
		b.Must(err)
		var work []ledger.Judgement
		for _, h := range held {
			j := b.Believe(h)
			j.Kind = findings[h.Name.Seq]
			work = append(work, j)
		}
		v, err := b.Judge(b.Ctx, work)
		b.Must(err)
		all = append(all, v...)
	}
	return all
}

func testVoidUnmatched(b *Bench) {
	l := b.Lane("s1", "1")
	p := b.Chain.Phone()
	s := l.Sell(p, 300)
	wrong := s
	wrong.Payment = b.Chain.ID()
	other, less, early := l.Void(wrong), s, s
	less.Amount = 200
	amount := l.Void(less)
	early.Seq = 1
	nothing := l.Void(early)
	good := l.Void(s)
	again := l.Void(s)
	b.SendAll(l, 0)
	got := map[uint64]ledger.Kind{}
	for _, v := range b.JudgeAll() {
		got[v.Name.Seq] = v.Kind
	}
	want := map[uint64]ledger.Kind{other: ledger.VoidUnmatched, amount: ledger.VoidUnmatched, nothing: ledger.VoidUnmatched, again: ledger.VoidRepeated}
	for seq, kind := range want {
		if got[seq] != kind {
			b.Errorf("void at %d: %q, want %q", seq, got[seq], kind)
		}
	}
	if len(got) != len(want) || got[good] != "" {
		b.Errorf("verdicts %v", got)
	}
	b.WantState(s, ledger.Voided)
	b.WantNet(ledger.WalletReceivable, 0)
	b.Balance()
}
