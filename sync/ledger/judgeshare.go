package ledger

import (
	"fmt"
	"math"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// A lane says in every approval how much of its offline share is used, with that payment: what it approved, did not
// take back, and holds no acknowledgement of. HQ recounts it, from below, by this rule:
//
//	Whatever an arrival brings was written before HQ held any of it, so no acknowledgement of any of it can have
//	reached the lane before the last of it was written. An approval therefore counts at least itself and the
//	approvals before it in the same arrival and history, less the voids among them.
//
// The journal takes a payment off its exposure in two places only: with an acknowledgement that names the payment's
// own entry or a later one, by its hash, and with a void. So an honest lane states this much or more, whatever was late,
// lost or repeated on the road: an acknowledgement that did not come leaves more to be counted, an older epoch's
// payments are counted on top, a key change and another history each begin another arrival or none, and a lane that
// was restarted reads what it wrote. One currency is counted at a time, as lanes do; entries that this release can't
// read begin the count anew.
//
// A ledger that was restored from a backup may have acknowledged, in the life that is gone, what it is sent once more
// now. Nothing is held against an epoch of a lane until beats have said that the lane rests on the word of this life,
// and then only what was written behind them: taking that word has put everything back on the lane's exposure that this
// life does not hold. A lane that lies and never names this life stays unchecked after a restore.
//
// A beat speaks for one journal. A terminal whose disk was copied has two, and the other may have heard of nothing yet. So
// a beat counts only
//
//   - with a head, and one that HQ holds: without, it is about an epoch that its journal has left, and in which the copy
//     may go on; with another, it is about another history;
//   - behind a beat of this life that ended earlier: a journal that heard this life's word and wrote on has entries that no
//     copy made before has. At the first such beat the two may still be the same to the last entry.
//
// With three journals of one epoch a story is left in which one is held to another's word: the second beat is of a copy
// that has only just heard, and of which the third was copied behind its very last entry.
//
// An arrival is a boundary that a lane chooses: one that lies and drains its outbox one entry at a time shows HQ
// nothing that differs from selling live. As with the code that was spent twice, what is a function of the entries' set
// is so for the entries of lanes that keep the rule: of those none is ever held back.

// run is the part of an arrival that was judged.
type run struct {
	from     uint64 // its first sequence
	currency payment.Currency
	minor    int64
	count    uint64
	to       uint64 // where judged stood when the run was stored
}

// dropStaleRun begins the count anew where the history was judged by a program that knows of no runs: what is stored
// may belong to an arrival that is over. That the one under way began earlier only makes the bound lower.
func (b *branchState) dropStaleRun() {
	if b.run.to != b.judged {
		b.run = run{from: b.judged + 1}
	}
}

// afterWord is how many entries behind a beat may still have been decided by what the lane counted before it took
// HQ's word: the one that was being decided, and what is written with it.
const afterWord = 8

// words is the first sequence of a history that was written with the word of this life of the ledger: 1 in the first
// life, none before the lane has said so in a later one. That one row means no earlier life holds only while hq_epoch
// keeps every life's row: pruning it, or starting a ledger anew for lanes that rest on another's word, would break it.
const words = `CASE WHEN (SELECT count(*) FROM hq_epoch) = 1 THEN 1
	WHEN e.word_in = (SELECT max(epoch) FROM hq_epoch) THEN e.word_from ELSE 9223372036854775807 END`

// heard notes that a journal which writes the epoch rests on the word of this life of the ledger, once for each epoch
// and life. It comes before told, so that a beat does not follow itself.
func (t *tx) heard(e *epochRow, b *wire.Beat) error {
	if e.no == 0 || b.HQEpoch == e.wordIn || b.Last > math.MaxInt64-afterWord-1 {
		return nil
	}
	hq, err := t.hqEpoch()
	if err != nil || b.HQEpoch != hq {
		return err
	}
	if held, err := t.holdsHead(e, b); err != nil || !held {
		return err
	}
	from := int64(b.Last + 1 + afterWord)
	_, err = t.exec("UPDATE epoch SET word_in = ?2, word_from = ?3 WHERE no = ?1 AND told_in = ?2 AND told_from < ?3", e.no, int64(hq), from)
	return err
}

// holdsHead says whether a history has the very entry that a beat names as the last one of the epoch it writes.
func (t *tx) holdsHead(e *epochRow, b *wire.Beat) (held bool, err error) {
	if len(b.Head) == 0 || b.Last == 0 {
		return false, nil
	}
	for _, h := range e.branches {
		if b.Last > h.head {
			continue
		}
		if held, err = t.holds(h, b.Last, b.Head); held || err != nil {
			return held, err
		}
	}
	return false, nil
}

// share adds an approval to the run, and says when the lane stated less than that.
func (j *judge) share(b *branchState, w *Judgement) (short string) {
	a, r := w.Approval, &b.run
	if r.currency != a.Amount.Currency {
		*r = run{from: w.Entry.Name.Seq, currency: a.Amount.Currency}
	}
	r.minor, r.count = r.minor+a.Amount.Minor, r.count+1
	if w.Entry.Name.Seq < b.words || (a.ShareUsed >= r.minor && a.ShareCount >= r.count) {
		return ""
	}
	return fmt.Sprintf("the lane had at least %d payments of %d out that HQ could not have acknowledged, with this one, and said %d of %d",
		r.count, r.minor, a.ShareCount, a.ShareUsed)
}

// unshare takes a void off the run.
func (b *branchState) unshare(of uint64, amount int64) {
	if of >= b.run.from && of >= b.from && b.run.count > 0 {
		b.run.minor, b.run.count = b.run.minor-amount, b.run.count-1
	}
}

// endRun begins the count anew behind the last entry of an arrival, and behind an entry of which nobody knows what it
// did to the lane's.
func (b *branchState) endRun(w *Judgement) {
	if len(w.Entry.Signature) > 0 || w.Kind == SetAside || w.Kind == Unpostable {
		b.run = run{from: w.Entry.Name.Seq + 1}
	}
}
