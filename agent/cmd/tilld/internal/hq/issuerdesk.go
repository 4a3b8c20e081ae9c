package hq

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/operator"
	"tilld/sync/operator/issuer"
	"tilld/sync/wire"
)

// How often an issuer is spoken to about what lanes took offline.
const (
	presentEvery  = 2 * time.Second // payments that are posted meanwhile
	presentAtOnce = 100
	wordEvery     = 5 * time.Second // whom lanes must refuse: what a lane without HQ does not hear costs money
	settledEvery  = time.Minute
	slowIssuer    = time.Minute      // between tries, when it does not answer
	heardSlack    = 30 * time.Second // a lane's word that it has nothing left may be so old when it arrives
)

// issuerDesk tells one wallet's issuer what lanes took offline (ledger.Present), up to when all of that is there, and
// has its word about accounts and phones signed into the policy. Everything is said again until it is answered; what the
// issuer refuses is written down, counted, and passed: a person has to look.
type issuerDesk struct {
	office *Office
	wallet string
	client *issuer.Client
	log    *slog.Logger
	now    func() time.Time
	lacks  func() error // why nothing can be written; nil: it can

	brought   [2]uint64 // versions of trust bundle and policy that the issuer has, or refused; run's alone
	silent    atomic.Bool
	presented atomic.Uint64
}

func (n *Node) openIssuers() error {
	for i := range n.cfg.Operators {
		s := &n.cfg.Operators[i]
		client, err := s.OpenIssuer()
		if err != nil {
			return err
		}
		if client != nil {
			n.issuers = append(n.issuers, &issuerDesk{office: n.Office, wallet: s.Wallet, client: client, log: n.log.With("wallet", s.Wallet), now: n.now,
				lacks: n.room.lacks})
		}
	}
	return nil
}

// run works until ctx ends, and returns its error.
func (d *issuerDesk) run(ctx context.Context) error {
	var word, settled time.Duration
	pause := presentEvery
	begun := false
	for began := time.Now(); ; { // the process's own clock: spans, no dates
		at := time.Since(began)
		var until time.Time
		var err error
		if !begun { // from now on HQ keeps the evidence of what the issuer is still to be told
			err = d.office.Books.PassPresented(ctx, d.wallet, 0)
			begun = err == nil
		}
		if err == nil && at >= settled { // before, not after: what is posted meanwhile is not presented yet
			until, err = d.settledUntil(ctx)
		}
		if err == nil {
			err = d.present(ctx)
		}
		if err == nil && at >= word {
			word = at + wordEvery
			if err = d.word(ctx); err == nil {
				err = d.papers(ctx)
			}
		}
		if err == nil && at >= settled {
			settled = at + settledEvery
			err = d.settled(ctx, until)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if d.note(err) {
			word, settled = at, at // at once when it is there again
			pause = min(slowIssuer, 2*pause)
		} else {
			pause = presentEvery
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// note says once that the issuer is away, and that it is back.
func (d *issuerDesk) note(err error) (failed bool) {
	was := d.silent.Swap(err != nil)
	switch {
	case err != nil && !was:
		d.log.Warn("the issuer can't be told what lanes took offline; it is tried again", "error", err.Error())
	case err == nil && was:
		d.log.Info("the issuer is told again what lanes took offline")
	}
	return err != nil
}

// present tells the issuer of all that is posted by now.
func (d *issuerDesk) present(ctx context.Context) error {
	for {
		if err := d.lacks(); err != nil {
			return err
		}
		list, to, err := d.office.Books.Present(ctx, d.wallet, presentAtOnce)
		if err != nil {
			return err
		}
		for i := range list {
			if err := d.tell(ctx, &list[i]); err != nil {
				return err
			}
		}
		if err := d.pass(ctx, to); err != nil {
			return err
		}
		if len(list) < presentAtOnce {
			done, err := d.done(ctx, to)
			if err != nil || done {
				return err
			}
		}
	}
}

func (d *issuerDesk) pass(ctx context.Context, to int64) error {
	if to == 0 {
		return nil
	}
	return d.office.Books.PassPresented(ctx, d.wallet, to)
}

// done says whether the cursor has come to the last posting: then the next look would end where it began.
func (d *issuerDesk) done(ctx context.Context, at int64) (bool, error) {
	list, to, err := d.office.Books.Present(ctx, d.wallet, 1)
	return len(list) == 0 && to == at, err
}

// tell tells the issuer of one payment, and writes down what it said.
func (d *issuerDesk) tell(ctx context.Context, p *ledger.Presenting) error {
	told, said, err := d.say(ctx, p)
	if errors.Is(err, issuer.ErrRefused) {
		told, said, err = ledger.Denied, err.Error(), nil
		d.log.Error("the issuer refuses a payment that HQ upheld", "payment", p.Payment.String(), "error", said)
	}
	if err != nil {
		return err
	}
	d.presented.Add(1)
	return d.office.Books.ToldIssuer(ctx, p, told, said)
}

func (d *issuerDesk) say(ctx context.Context, p *ledger.Presenting) (ledger.ToldTo, string, error) {
	if p.State != ledger.Posted {
		err := d.client.Withdraw(ctx, p.Payment)
		if errors.Is(err, issuer.ErrRefused) && p.Told == "" { // as these books have it, too
			return ledger.Withdrawn, "it never heard of it", nil
		}
		return ledger.Withdrawn, string(p.State), err
	}
	code, err := d.code(p)
	if err != nil {
		return ledger.Denied, err.Error(), nil
	}
	c, err := d.client.Present(ctx, issuer.Offline{Payment: p.Payment, Code: operator.Code(code), Amount: p.Amount.Minor, Currency: p.Amount.Currency,
		Store: p.Store, Lane: p.Lane})
	return ledger.Presented, c.String(), err
}

// errNoEvidence reports a payment whose code is gone.
var errNoEvidence = errors.New("HQ holds no code of it any more")

// code opens the evidence of a payment.
func (d *issuerDesk) code(p *ledger.Presenting) ([]byte, error) {
	if len(p.Body) == 0 {
		return nil, errNoEvidence
	}
	body, err := wire.DecodeBody(p.Body)
	if err != nil {
		return nil, err
	}
	kid, err := wire.ParseKID(body.SealKey)
	if err != nil {
		return nil, err
	}
	key := d.office.Keys.Seal[kid]
	if key == nil {
		return nil, errNoEvidence
	}
	return key.Open(p.Entry, body.Evidence)
}

// settledUntil is up to when all is posted by now.
func (d *issuerDesk) settledUntil(ctx context.Context) (until time.Time, err error) {
	until, err = d.office.Books.SettledUntil(ctx, d.wallet)
	if err != nil || until.IsZero() {
		return until, err
	}
	until = until.Add(-heardSlack)
	if now := d.now().Add(-heardSlack); until.After(now) {
		until = now
	}
	return until, nil
}

// settled says up to when all is there. An issuer may hear an earlier time than before: its word never goes back. Zero:
// nothing can be said.
func (d *issuerDesk) settled(ctx context.Context, until time.Time) error {
	if until.IsZero() {
		return nil
	}
	return d.client.Settled(ctx, until)
}

// word has whom the issuer names refused by every lane, by the next policy.
func (d *issuerDesk) word(ctx context.Context) error {
	w, err := d.client.Word(ctx)
	if err != nil {
		return err
	}
	version, err := d.office.ObeyWord(ctx, d.wallet, w)
	if payment.CodeOf(err) == payment.Conflict { // somebody signed a policy meanwhile
		d.log.Warn("the issuer's word waits: another policy was signed", "error", err.Error())
		return nil
	}
	if err == nil && version != 0 {
		d.log.Info("a policy with the issuer's word was signed", "policy", version, "accounts", len(w.Accounts), "phones", len(w.Phones), "spending_stopped", w.Spending)
	}
	return err
}

// papers brings what HQ signed since the issuer had it last.
func (d *issuerDesk) papers(ctx context.Context) error {
	var newest [2]uint64
	var err error
	for i, kind := range []ledger.DocumentKind{ledger.TrustDocument, ledger.PolicyDocument} {
		if newest[i], err = d.office.Books.Newest(ctx, kind); err != nil {
			return err
		}
	}
	if newest == d.brought {
		return nil
	}
	_, trust, err := d.office.Trust(ctx)
	if err != nil {
		return err
	}
	_, doc, err := d.office.Policy(ctx)
	if err != nil {
		return err
	}
	err = d.client.Papers(ctx, trust, doc)
	if errors.Is(err, issuer.ErrRefused) {
		d.log.Debug("the issuer takes no offers of this chain", "error", err.Error())
		err = nil
	}
	if err == nil {
		d.brought = newest
	}
	return err
}
