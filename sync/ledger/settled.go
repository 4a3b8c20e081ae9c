package ledger

import (
	"fmt"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// HQ that was restored from a backup has the batches from their archive before it has their entries again, and
// these come in another order than the first time. What a batch says was decided then, and was paid out: it is
// posted as the batch says, and what stands against it now is put right from there, in the next batch.

// standing is what batches say of the payment of an entry.
type standing struct {
	settled bool // one holds it
	stands  bool // all in all it was paid out
	back    bool // one took it back, whatever was decided then
}

func (t *tx) standing(entry []byte) (s standing, err error) {
	var payments, sum, back int64
	_, err = t.get(`SELECT count(*) FILTER (WHERE kind = 'payment'), coalesce(sum(amount), 0), count(*) FILTER (WHERE back = 1)
		FROM batch_line WHERE entry = ? AND kind <> 'refund'`, []any{entry}, &payments, &sum, &back)
	return standing{payments > 0, sum > 0, back > 0}, err
}

// voidSettled says whether a batch holds the void of an entry: then it was obeyed, whatever speaks against it now.
func (t *tx) voidSettled(entry [wire.HashSize]byte) (bool, error) {
	var n int
	_, err := t.get("SELECT count(*) FROM batch_line WHERE entry = ? AND kind = 'void'", []any{entry[:]}, &n)
	return n > 0, err
}

// standAgain posts a payment that waits, or was decided on, as it stood when a batch settled it, so that a void which
// is settled too takes back what it took back then. Else the store would be asked for its money twice: by the batch,
// and by what let the payment wait.
func (t *tx) standAgain(p *paymentRow) error {
	if p.state == Posted {
		return nil
	}
	var exception int64
	if _, err := t.get("SELECT no FROM exception WHERE payment = ? ORDER BY no DESC LIMIT 1", []any{p.no}, &exception); err != nil {
		return err
	}
	if err := t.reverse(p, causeSuspense, p.entry, exception); err != nil {
		return err
	}
	return t.post(move{debit: WalletReceivable, credit: StorePayable, amount: p.amount, dimension: p.dimension,
		cause: causeSuspense, payment: p.no, entry: p.entry, exception: exception})
}

// takeOver makes a payment that a batch has settled the one that its code paid for. The other, which came first
// this time, waits in its place. It does nothing (false) when the batches have the other for the winner: all in all they
// did not pay this one; or they pay both, and it is this one that they took back before somebody decided so.
func (j *judge) takeOver(p *paymentRow, a *Approval, this standing) (bool, error) {
	if !this.stands {
		return false, nil
	}
	var other paymentRow
	x := newException{kind: SpentTwice, detail: fmt.Sprintf("the code paid for %s first, which was settled before HQ was restored", a.Payment)}
	var terminal, hash []byte
	var epoch, seq int64
	key := []any{a.Replay.Phone, int64(a.Replay.Counter)}
	found, err := j.get(`SELECT p.no, p.entry, p.dimension, p.amount, p.state, t.no, t.id, e.epoch, y.seq, y.hash
		FROM spent s JOIN payment p ON p.no = s.payment JOIN entry y ON y.no = p.entry JOIN branch b ON b.no = y.branch
		JOIN epoch e ON e.no = b.epoch JOIN terminal t ON t.no = e.terminal WHERE s.phone = ? AND s.counter = ?`, key,
		&other.no, &other.entry, &other.dimension, &other.amount, &other.state, &x.terminal, &terminal, &epoch, &seq, &hash)
	if err == nil && !found {
		err = fmt.Errorf("the code of payment %s was paid for by nothing", a.Payment)
	}
	if err != nil {
		return false, err
	}
	if that, err := j.standing(hash); err != nil || that.stands && this.back {
		return false, err
	}
	if _, err := j.exec("UPDATE spent SET payment = ? WHERE phone = ? AND counter = ?", append([]any{p.no}, key...)...); err != nil {
		return false, err
	}
	if other.state != Posted { // it waits already, or was taken back
		return true, nil
	}
	x.entry, x.payment, x.hash = other.entry, other.no, [wire.HashSize]byte(hash)
	x.name = wire.Name{Terminal: payment.ID(terminal), Epoch: uint64(epoch), Seq: uint64(seq)}
	no, err := j.open(&x)
	if err != nil {
		return false, err
	}
	return true, j.suspend(&other, no)
}
