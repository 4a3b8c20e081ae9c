package ledgertest

import (
	"context"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/ledger"
	"tilld/sync/operator"
	"tilld/sync/settle"
	"tilld/sync/wire"
)

// Ledger is what the suite asks of a ledger.
type Ledger interface {
	settle.Store
	HQEpoch(context.Context) (uint64, error)
	Restored(context.Context) (uint64, error)
	AddTerminal(context.Context, ledger.Terminal, wire.PublicKey) error
	RevokeTerminal(ctx context.Context, id payment.ID, who, why string) error
	Keys(context.Context, payment.ID) ([]ledger.Key, error)
	Record(context.Context, []*ledger.Arrival, []*wire.Beat) (toArrivals, toBeats []ledger.Answer, err error)
	Places(ctx context.Context, terminal payment.ID, epoch uint64) ([]ledger.Place, error)
	Backlogs(ctx context.Context, after int64, limit int) ([]ledger.Backlog, error)
	Entries(ctx context.Context, branch int64, after uint64, limit int) ([]ledger.Held, error)
	Entry(context.Context, wire.Name) ([]ledger.Held, error)
	Judge(context.Context, []ledger.Judgement) ([]ledger.Verdict, error)
	Attempts() ledger.Attempts
	Present(ctx context.Context, wallet string, limit int) ([]ledger.Presenting, int64, error)
	ToldIssuer(ctx context.Context, p *ledger.Presenting, told ledger.ToldTo, said string) error
	PassPresented(ctx context.Context, wallet string, to int64) error
	ToldCounts(context.Context) (denied int, err error)
	SettledUntil(ctx context.Context, wallet string) (time.Time, error)
	Word(ctx context.Context, wallet string) ([]ledger.Named, error)
	SetWord(ctx context.Context, wallet string, version uint64, begin, end []ledger.Named) error
	Refunds() ledger.Refunds
	Resolve(ctx context.Context, ids []payment.ID, to ledger.Decision, who, why string) error
	Forget(ctx context.Context, before time.Time, limit int) (int, error)
	Check(ctx context.Context, since time.Time) (*ledger.Report, error)
	Lost(context.Context) ([]ledger.LostRange, error)
	Trial(context.Context) ([]ledger.Balance, error)
	Balances(context.Context, ledger.BalanceFilter) ([]ledger.Balance, error)
	Terminal(context.Context, payment.ID) (ledger.TerminalStatus, error)
	Terminals(ctx context.Context, after uint64, limit int) ([]ledger.TerminalStatus, error)
	Payment(context.Context, payment.ID) ([]ledger.Payment, error)
	Payments(ctx context.Context, f ledger.PaymentFilter, after uint64, limit int) ([]ledger.Payment, error)
	Exceptions(ctx context.Context, f ledger.ExceptionFilter, after uint64, limit int) ([]ledger.Exception, error)
	Exception(context.Context, payment.ID) (ledger.Exception, error)
	Batches(ctx context.Context, after uint64, limit int) ([]ledger.BatchRef, error)
	Batch(context.Context, payment.ID) (ledger.BatchRef, error)
	AddDocument(context.Context, ledger.Document) error
	NewestBefore(context.Context, ledger.DocumentKind, time.Time) (uint64, error)
	NextVersion(context.Context, ledger.DocumentKind) (uint64, error)
	Document(context.Context, ledger.DocumentKind, uint64) (ledger.Document, error)
	Documents(context.Context, ledger.DocumentKind) ([]ledger.Document, error)
	Newest(context.Context, ledger.DocumentKind) (uint64, error)
	Figures(ctx context.Context, want ledger.FigureFilter, after uint64, limit int) ([]ledger.Figure, error)
	Figure(ctx context.Context, pos uint64) (ledger.Figure, error)
	Lines(ctx context.Context, f *ledger.Figure) ([]payment.Article, error)
	Points(ctx context.Context, programme string, after uint64, limit int) ([]ledger.Point, error)
	Point(ctx context.Context, pos uint64) (ledger.Point, error)
	PointsOf(ctx context.Context, programme string, number []byte) (int64, error)
	Tenders(ctx context.Context, f *ledger.Figure) ([]payment.Tender, error)
	DateClosed(ctx context.Context, want ledger.FigureFilter) (bool, error)
	Accounts(ctx context.Context, after uint64, limit int) (list []ledger.AccountOf, next uint64, more bool, err error)
	Erase(ctx context.Context, account ledger.AccountOf, before payment.Date, e ledger.Erasure) (ledger.Erasure, error)
	EraseMember(ctx context.Context, programme string, number [ledger.PseudonymSize]byte, e ledger.Erasure) (ledger.Erasure, error)
	Erasures(ctx context.Context, limit int) ([]ledger.Erasure, error)
	AddToken(context.Context, ledger.Token) error
	Token(context.Context, [32]byte) (ledger.Token, error)
	Tokens(context.Context) ([]ledger.Token, error)
	RevokeToken(context.Context, payment.ID) error
}

// Bench is one test's ledger with a chain around it.
type Bench struct {
	*testing.T
	Ledger
	Chain *ingesttest.Chain
	Ctx   context.Context
	Again func() Ledger // makes another empty ledger
}

// Must fails the test on an error.
func (b *Bench) Must(err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

// Lane makes a lane and enrols it.
func (b *Bench) Lane(store, name string) *ingesttest.Lane {
	b.Helper()
	l := b.Chain.Lane(store, name)
	b.Enrol(l)
	return l
}

// Enrol adds the lane's terminal to the ledger.
func (b *Bench) Enrol(l *ingesttest.Lane) {
	b.Helper()
	b.Must(b.AddTerminal(b.Ctx, TerminalOf(l), l.Key.Public()))
}

// TerminalOf is the lane's enrolment.
func TerminalOf(l *ingesttest.Lane) ledger.Terminal {
	return ledger.Terminal{ID: l.ID, Entity: l.Entity, Store: l.Store, Lane: l.Name}
}

// Send records the lane's entries from first to last and returns the answer.
func (b *Bench) Send(l *ingesttest.Lane, first, last uint64) ledger.Answer {
	b.Helper()
	return b.Store(l.Batch(first, last))
}

// SendAll records everything behind a sequence and wants it stored.
func (b *Bench) SendAll(l *ingesttest.Lane, after uint64) {
	b.Helper()
	for _, batch := range l.Batches(after, 1000) {
		if ans := b.Store(batch); ans.Outcome != ledger.Created && ans.Outcome != ledger.Conflict {
			b.Fatalf("entries %d to %d: %s", batch.First, batch.Last(), ans.Outcome)
		}
	}
}

// Store records a batch, verified, and returns the answer.
func (b *Bench) Store(batch *wire.Batch) ledger.Answer {
	b.Helper()
	ans, _, err := b.Record(b.Ctx, []*ledger.Arrival{b.Arrival(batch)}, nil)
	b.Must(err)
	return ans[0]
}

// Arrival verifies a batch as ingest does.
func (b *Bench) Arrival(batch *wire.Batch) *ledger.Arrival {
	b.Helper()
	keys, err := b.Keys(b.Ctx, batch.Terminal)
	b.Must(err)
	for _, k := range keys {
		hashes, err := batch.Verify(wire.OneKey(k.Key))
		if err != nil {
			continue
		}
		a := &ledger.Arrival{Batch: batch, Hashes: hashes, Key: k.N}
		for _, p := range batch.Payloads {
			e, err := wire.DecodeEntry(p)
			if err != nil {
				a.Kinds = append(a.Kinds, 0)
				continue
			}
			a.Kinds = append(a.Kinds, e.Kind)
			if f, ok := e.Fact.(*payment.KeyChanged); ok {
				a.NewKey, err = wire.CheckKeyChange(f, e.Name())
				b.Must(err)
			}
		}
		return a
	}
	b.Fatalf("entries %d to %d of %s: no key fits", batch.First, batch.Last(), batch.Terminal)
	return nil
}

// JudgeAll judges what is not judged, as an examination that believes every claim would.
func (b *Bench) JudgeAll() []ledger.Verdict {
	b.Helper()
	var all []ledger.Verdict
	for {
		logs, err := b.Backlogs(b.Ctx, 0, 100)
		b.Must(err)
		if len(logs) == 0 {
			return all
		}
		for _, log := range logs {
			held, err := b.Entries(b.Ctx, log.Branch, log.Judged, 1000)
			b.Must(err)
			var work []ledger.Judgement
			for _, h := range held {
				work = append(work, b.Believe(h))
			}
			verdicts, err := b.Judge(b.Ctx, work)
			b.Must(err)
			all = append(all, verdicts...)
		}
	}
}

// Believe is the judgement of an entry whose claims are taken as they are.
func (b *Bench) Believe(h ledger.Held) ledger.Judgement {
	b.Helper()
	j := ledger.Judgement{Entry: h}
	e, err := wire.DecodeEntry(h.Payload)
	if err != nil {
		j.Kind = ledger.SetAside
		return j
	}
	if e.Training {
		return j
	}
	j.Figures, j.Points = ledger.FiguresWithAccounts, true
	switch f := e.Fact.(type) {
	case *payment.Approved:
		body, err := wire.DecodeBody(h.Body)
		b.Must(err)
		j.Approval = &ledger.Approval{Payment: *e.Payment, Sale: *e.Sale, Amount: f.Amount, Wallet: f.Wallet, BusinessDate: e.BusinessDate,
			Policy: e.Policy, TakenAt: e.Wall, Replay: &f.Replay, Account: body.Account, AccountCap: f.Limits.AccountDay,
			AccountSpent: f.Limits.AccountSpent, ShareUsed: f.Limits.ShareUsed, ShareCount: f.Limits.CountUsed}
		if f.AccountCount != nil {
			j.Approval.AccountMost, j.Approval.AccountUsed = f.AccountCount.Most, f.AccountCount.Used
		}
	case *payment.Member:
		j.Member = &ledger.Member{Sale: *e.Sale, Programme: f.Programme, Number: f.Number, Eligible: f.Eligible, Points: f.Eligible / 100}
		if e.Payment != nil {
			j.Member.Payment = *e.Payment
		}
	case *payment.SaleOpened:
		if b, err := wire.DecodeBody(h.Body); err == nil && len(b.Lines) > 0 {
			j.Basket = &ledger.Basket{Sale: *e.Sale}
		}
	case *payment.Authorised:
		j.Authorised = &ledger.Authorised{Online: online(e, f.Ref, f.Amount, f.Wallet, f.At), Transaction: f.Transaction, BusinessDate: e.BusinessDate,
			Policy: e.Policy, TakenAt: e.Wall}
	case *payment.Carried:
		j.Carried = &ledger.Carried{Payment: *e.Payment, Amount: f.Amount, Wallet: f.Wallet, BusinessDate: e.BusinessDate, Policy: e.Policy, TakenAt: e.Wall}
		if e.Sale != nil {
			j.Carried.Sale = *e.Sale
		}
	case *payment.Reversed:
		o := online(e, f.Ref, f.Amount, f.Wallet, 0)
		j.Reversed = &o
	case *payment.Asked:
		o := online(e, f.Ref, f.Amount, f.Wallet, f.NotAfter)
		j.Asked = &o
	case *payment.RefundAsked:
		j.Refund = refundWord(e, f.Ref, f.Amount, f.Wallet)
	case *payment.Refunded:
		j.Refund = refundWord(e, f.Ref, f.Amount, f.Wallet)
	case *payment.RefundDeclined:
		j.Refund = refundWord(e, f.Ref, f.Amount, f.Wallet)
	case *payment.Voided:
		j.Void = &ledger.Void{Payment: *e.Payment, Amount: f.Amount, Wallet: f.Wallet, Of: f.Of, Acked: f.Acked, BusinessDate: e.BusinessDate}
	case *payment.DayClosed:
		j.Close = &ledger.Close{BusinessDate: e.BusinessDate, FirstSeq: f.FirstSeq, Totals: f.Totals}
	case *payment.EpochOpened:
		j.Opened = &ledger.Opened{Parent: f.ParentEpoch, After: f.ParentSeq}
	case *payment.KeyChanged:
		j.NewKey = f.NewKey
	}
	return j
}

func online(e *wire.Entry, ref string, amount payment.Money, wallet string, until int64) ledger.Online {
	o := ledger.Online{Ref: operator.Ref(ref), Payment: *e.Payment, Sale: *e.Sale, Amount: amount, Wallet: wallet}
	if until > 0 {
		o.Until = time.UnixMilli(until)
	}
	return o
}

// Balance wants the books in order and returns what Check found.
func (b *Bench) Balance() *ledger.Report {
	b.Helper()
	r, err := b.Check(b.Ctx, time.Time{})
	b.Must(err)
	for _, f := range r.Faults {
		b.Error(f)
	}
	return r
}

// Net is what an account stands at, over everything.
func (b *Bench) Net(a ledger.Account) int64 {
	b.Helper()
	rows, err := b.Trial(b.Ctx)
	b.Must(err)
	var sum int64
	for _, row := range rows {
		if row.Account == a {
			sum += row.Net()
		}
	}
	return sum
}

// WantNet fails the test when an account does not stand at a sum.
func (b *Bench) WantNet(a ledger.Account, want int64) {
	b.Helper()
	if got := b.Net(a); got != want {
		b.Errorf("account %d stands at %d, want %d", a, got, want)
	}
}

// WantState fails the test when a payment is not in a state.
func (b *Bench) WantState(s ingesttest.Sold, want ledger.State) {
	b.Helper()
	list, err := b.Payment(b.Ctx, s.Payment)
	b.Must(err)
	if list[0].State != want {
		b.Errorf("payment at %d is %s, want %s", s.Seq, list[0].State, want)
	}
}

// OpenExceptions lists the open exceptions.
func (b *Bench) OpenExceptions() []ledger.Exception {
	b.Helper()
	list, err := b.Exceptions(b.Ctx, ledger.ExceptionFilter{State: "open"}, 0, 1000)
	b.Must(err)
	return list
}
