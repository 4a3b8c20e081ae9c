package ledger

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// ErrMoved reports that a history's cursor is not where the judgements begin: another worker was there. It
// changes nothing; read what is unjudged again.
var ErrMoved = errors.New("the entries were judged already")

// ErrRefused reports an entry that the books can't take as it was judged. It changes nothing, and the error
// names the entry; judged as Unpostable it is an exception and the work goes on behind it.
var ErrRefused = errors.New("the books refuse an entry")

// Judgement is what an examination of one entry found. Exactly one of the facts is set, or none when the entry
// moves no money.
type Judgement struct {
	Entry Held
	// Kind is why the entry can't be posted as it is; empty: nothing was found.
	Kind     Kind
	Detail   string // for the exception's owner; never a customer's code
	Approval *Approval
	Void     *Void
	Close    *Close
	Opened   *Opened
	// Carried is a payment through the customer's own phone.
	Carried *Carried
	// Authorised is an online approval, Reversed gives an attempt at one up, and Asked is the intent, which the books
	// do something with only when they were put back.
	Authorised *Authorised
	Reversed   *Online
	Asked      *Online
	Refund     *RefundWord
	NewKey     []byte // of a key change whose proof holds: a COSE_Key
	// Basket is a sale whose entry came with basket lines, under a policy that lets HQ export them. Figures says that an
	// approval is of such a policy: its sale is one of the sales figures, if it has lines.
	Basket  *Basket
	Figures Figures
	// Member attaches a loyalty programme's member to a sale. Points says that an approval is of a policy that has points
	// switched on.
	Member *Member
	Points bool
	// WithoutLeave: of a practice sale, under a policy that allows none. It is told, and the books do nothing with it.
	WithoutLeave bool
}

// Approval is a lane's approval in the terms of the ledger.
type Approval struct {
	Payment      payment.ID
	Sale         payment.ID
	Amount       payment.Money
	Wallet       string
	BusinessDate payment.Date
	Policy       uint64
	TakenAt      int64 // Unix ms by the lane's clock
	// Replay is the code's identity, set only when the code's signatures hold: a lane can't use up a code
	// that it does not have.
	Replay       *payment.ReplayKey
	Account      []byte // the account's pseudonym from the certificate; nil when the code does not hold
	AccountCap   int64  // the most that the policy lets the account spend in a day at one lane
	AccountSpent int64  // what the lane counted, with this payment
	AccountMost  uint64 // the most payments that it may make in a day at one lane; 0: any number
	AccountUsed  uint64 // what the lane counted, with this payment
	ShareUsed    int64  // of the lane's offline share, as the lane counted it, with this payment
	ShareCount   uint64
}

// Void takes back the approval at sequence Of of the same history.
type Void struct {
	Payment payment.ID
	Amount  payment.Money
	Wallet  string
	Of      uint64
	// Acked is the highest sequence that HQ had acknowledged when it was decided, as the lane says.
	Acked        uint64
	BusinessDate payment.Date // of the entry
}

// Close is a lane's day-close.
type Close struct {
	BusinessDate payment.Date
	FirstSeq     uint64
	Totals       []payment.DayTotal
}

// Opened is the beginning of an epoch.
type Opened struct {
	Parent uint64 // the epoch that it continues; 0: none
	After  uint64 // the last entry of that epoch in the journal that goes on here
}

// Verdict is what became of an entry that was not simply posted or recorded.
type Verdict struct {
	Name   wire.Name
	Branch int64
	Status wire.Status
	Kind   Kind
}

// Judge posts what was found, in one transaction: for each history the judgements must begin where its cursor
// stands and follow each other. It returns the exceptions among them.
func (s *Store) Judge(ctx context.Context, work []Judgement) ([]Verdict, error) {
	var verdicts []Verdict
	err := s.write(ctx, func(t *tx) error {
		verdicts = verdicts[:0]
		j := judge{tx: t, branches: map[int64]*branchState{}}
		for i := range work {
			v, err := j.entry(&work[i])
			if err != nil {
				return refusal(work[i].Entry.Name, err)
			}
			if v != nil {
				verdicts = append(verdicts, *v)
			}
			runtime.Gosched() // as in append
		}
		return j.moveCursors()
	})
	if err != nil {
		return nil, err
	}
	return verdicts, nil
}

// refusal tells the entry's fault from the machine's.
func refusal(name wire.Name, err error) error {
	if isConstraint(err) {
		return fmt.Errorf("%w: %s: %w", ErrRefused, name, err)
	}
	return fmt.Errorf("posting %s: %w", name, err)
}

// judge is one transaction's work.
type judge struct {
	*tx
	branches map[int64]*branchState
}

// branchState is what the rules need to know of a history.
type branchState struct {
	no       int64
	epoch    int64
	parent   int64
	from     uint64
	judged   uint64
	began    uint64 // judged when the transaction began
	forkFrom uint64 // 0: not forked
	heldFrom uint64 // 0: not revoked
	terminal int64
	epochs   int    // of the terminal
	words    uint64 // see judgeshare.go
	policy   uint64 // the highest that an approval named
	run      run
	place    Dimension // entity, store, lane, terminal
}

func (j *judge) branch(no int64) (*branchState, error) {
	if b := j.branches[no]; b != nil {
		return b, nil
	}
	b := &branchState{no: no}
	var id []byte
	found, err := j.get(`SELECT b.epoch, coalesce(b.parent, 0), b.from_seq, b.judged, coalesce(e.fork_from, 0), coalesce(e.held_from, 0),
		`+words+`, b.policy, b.run_from, b.run_currency, b.run_minor, b.run_count, b.run_to,
		t.no, (SELECT count(*) FROM epoch x WHERE x.terminal = t.no), t.entity, t.store, t.lane, t.id FROM branch b JOIN epoch e ON e.no = b.epoch JOIN terminal t ON t.no = e.terminal WHERE b.no = ?`,
		[]any{no}, &b.epoch, &b.parent, &b.from, &b.judged, &b.forkFrom, &b.heldFrom,
		&b.words, &b.policy, &b.run.from, &b.run.currency, &b.run.minor, &b.run.count, &b.run.to, &b.terminal, &b.epochs,
		&b.place.Entity, &b.place.Store, &b.place.Lane, &id)
	if err == nil && !found {
		err = fmt.Errorf("no history %d", no)
	}
	if err != nil {
		return nil, err
	}
	b.place.Terminal, b.began = payment.ID(id), b.judged
	b.dropStaleRun()
	j.branches[no] = b
	return b, nil
}

func (j *judge) moveCursors() error {
	for _, b := range j.branches {
		n, err := j.exec(`UPDATE branch SET judged = ?, run_from = ?, run_currency = ?, run_minor = ?, run_count = ?, run_to = ?, policy = ?
			WHERE no = ? AND judged = ?`, int64(b.judged), int64(b.run.from), string(b.run.currency), b.run.minor, int64(b.run.count),
			int64(b.judged), int64(b.policy), b.no, int64(b.began))
		if err != nil {
			return err
		}
		if n != 1 {
			return ErrMoved
		}
	}
	return nil
}

// entry judges one entry. What it finds comes first, then what the ledger knows: a fork, a revocation.
func (j *judge) entry(w *Judgement) (*Verdict, error) {
	b, err := j.branch(w.Entry.Branch)
	if err != nil {
		return nil, err
	}
	if w.Entry.Name.Seq != b.judged+1 {
		return nil, ErrMoved
	}
	b.judged++
	var kind Kind
	switch {
	case w.Approval != nil:
		kind, err = j.approval(b, w)
	case w.Carried != nil:
		kind, err = j.carried(b, w)
	case w.Authorised != nil:
		kind, err = j.authorised(b, w)
	case w.Reversed != nil:
		kind, err = j.reversed(b, w)
	case w.Asked != nil:
		err = j.intended(b, w)
	case w.Refund != nil:
		kind, err = j.refundWord(b, w)
	case w.Void != nil:
		kind, err = j.void(b, w)
	case w.Close != nil:
		kind, err = j.close(b, w)
	case w.Opened != nil:
		kind, err = j.opened(b, w)
	case w.Member != nil:
		err = j.member(b, w)
	case w.Basket != nil:
		err = j.basket(b, w)
	case w.NewKey != nil:
		kind, err = j.keyChange(b, w)
	case w.Kind != "":
		kind = w.Kind
		_, err = j.except(b, w, kind, 0)
	}
	b.endRun(w)
	if err != nil || kind == "" {
		return nil, err
	}
	return &Verdict{Name: w.Entry.Name, Branch: b.no, Status: kind.Status(), Kind: kind}, nil
}

// except opens an exception about the entry.
func (j *judge) except(b *branchState, w *Judgement, kind Kind, paymentNo int64) (int64, error) {
	return j.open(&newException{kind: kind, terminal: b.terminal, entry: w.Entry.No, payment: paymentNo,
		hash: w.Entry.Hash, name: w.Entry.Name, detail: w.Detail})
}

// opened notes which epoch this one continues, and tells when two continue the same one, or when that one goes
// on behind where this one left it: then the journal was copied or put back.
func (j *judge) opened(b *branchState, w *Judgement) (Kind, error) {
	if w.Opened.Parent == 0 {
		return j.rooted(b, w)
	}
	parent := int64(w.Opened.Parent)
	if _, err := j.exec("UPDATE epoch SET parent = ? WHERE no = ?", parent, b.epoch); err != nil {
		return "", err
	}
	var n int
	_, err := j.get("SELECT count(*) FROM epoch WHERE terminal = ? AND parent = ?", []any{b.terminal, parent}, &n)
	if err != nil {
		return "", err
	}
	var held uint64
	_, err = j.get("SELECT coalesce(max(b.head), 0) FROM branch b JOIN epoch e ON e.no = b.epoch WHERE e.terminal = ? AND e.epoch = ? AND e.fork_from IS NULL",
		[]any{b.terminal, parent}, &held) // of a fork there is an alarm already
	switch {
	case err != nil:
		return "", err
	case n > 1:
		w.Detail = fmt.Sprintf("%d epochs continue the epoch %016x", n, w.Opened.Parent)
	case held > w.Opened.After:
		w.Detail = fmt.Sprintf("the epoch %016x goes on behind entry %d, where this one left it: the journal was copied, or an older copy put back",
			w.Opened.Parent, w.Opened.After)
	default:
		return "", nil
	}
	_, err = j.except(b, w, EpochSibling, 0)
	return EpochSibling, err
}

// rooted tells of an epoch that continues none, when the terminal has another such: its journal was lost and begun
// anew, or somebody with its key writes a second one and would rather not say where it came from.
func (j *judge) rooted(b *branchState, w *Judgement) (Kind, error) {
	if _, err := j.exec("UPDATE epoch SET root = 1 WHERE no = ?", b.epoch); err != nil {
		return "", err
	}
	var n int
	_, err := j.get(`SELECT count(*) FROM epoch e WHERE e.terminal = ?1 AND e.no <> ?2 AND (e.root = 1 OR e.parent IS NULL
		AND EXISTS (SELECT 1 FROM branch b WHERE b.epoch = e.no AND b.judged >= 1))`, []any{b.terminal, b.epoch}, &n)
	if err != nil || n == 0 {
		return "", err
	}
	w.Detail = "the terminal has begun a journal from nothing once more: it was lost, or there are two"
	_, err = j.except(b, w, EpochSibling, 0)
	return EpochSibling, err
}

// keyChange tells of a new key that Record did not take.
func (j *judge) keyChange(b *branchState, w *Judgement) (Kind, error) {
	var n int
	_, err := j.get("SELECT count(*) FROM terminal_key WHERE terminal = ? AND key = ?", []any{b.terminal, w.NewKey}, &n)
	if err != nil || n > 0 {
		return "", err
	}
	w.Detail = "the new key is another terminal's"
	_, err = j.except(b, w, KeyRefused, 0)
	return KeyRefused, err
}
