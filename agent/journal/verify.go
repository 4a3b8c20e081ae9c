package journal

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// VerifyAll walks rows in the order of writing and holds every envelope against its signature, the chain,
// the columns that repeat it and its body. It needs nothing but public keys, reads nothing else and changes
// nothing. The error is a *Fault that names the first bad row, or the iterator's own.
func VerifyAll(list iter.Seq2[Row, error], trust Trust) (Report, error) {
	v := verifier{trust: trust}
	v.report.Terminal = trust.Terminal
	for row, err := range list {
		if err != nil {
			return v.report, err
		}
		if part, err := v.row(&row); err != nil {
			return v.report, &Fault{Pos: row.Pos, Epoch: row.Epoch, Seq: row.Seq, Part: part, Err: err}
		}
	}
	return v.report, nil
}

// verifier is a walk over a journal: what the next row has to continue.
type verifier struct {
	trust  Trust
	report Report
	pos    int64
	active wire.PublicKey   // signs the next row; zero: any trusted key
	found  []wire.PublicKey // that key changes brought in
}

// row verifies one row and says which part of it does not hold.
func (v *verifier) row(r *Row) (part string, err error) {
	m, err := v.open(r)
	if err != nil {
		return "signature", err
	}
	e, err := wire.DecodeEntry(m.Payload)
	aside := errors.Is(err, wire.ErrSetAside)
	if err != nil && !aside {
		return "envelope", err
	}
	if part, err := v.chain(r, e, m); err != nil {
		return part, err
	}
	if aside {
		v.report.SetAside++
	} else if part, err := v.content(r, e, m); err != nil {
		return part, err
	}
	v.step(r, m, aside)
	return "", nil
}

// order holds the position, which counts entries over all epochs: what was pruned between two rows leaves a
// gap of just its length.
func (v *verifier) order(r *Row) error {
	if v.trust.Loose && v.pos == 0 {
		return nil
	}
	last, _ := v.lastOf(r.Epoch)
	if want := v.pos + int64(r.Seq-last); r.Pos != want {
		return fmt.Errorf("position %d is not %d", r.Pos, want)
	}
	return nil
}

// lastOf is the last row of the epoch that was seen; 0 for an epoch that begins.
func (v *verifier) lastOf(epoch uint64) (seq uint64, hash []byte) {
	if n := len(v.report.Epochs); n > 0 && v.report.Epochs[n-1].Epoch == epoch {
		last := v.report.Epochs[n-1]
		return last.Last, last.Head
	}
	return 0, nil
}

// open verifies the signature by the key that has to have made it. Where the front of an epoch was pruned,
// key changes may have gone with it: then it is any key that is known.
func (v *verifier) open(r *Row) (*wire.Message, error) {
	if seq, _ := v.lastOf(r.Epoch); v.active.IsZero() || (seq == 0 && r.Seq > 1) {
		return wire.Open(r.Envelope, wire.TypEntry, trusted(slices.Concat(v.found, v.trust.Keys)))
	}
	return wire.Open(r.Envelope, wire.TypEntry, wire.OneKey(v.active))
}

// trusted finds keys of a list.
func trusted(list []wire.PublicKey) wire.Keys {
	return func(id wire.KID) []wire.PublicKey {
		var fit []wire.PublicKey
		for _, k := range list {
			if k.KID() == id {
				fit = append(fit, k)
			}
		}
		return fit
	}
}

// chain holds the row's place: terminal, epoch, sequence and both hashes.
func (v *verifier) chain(r *Row, e *wire.Entry, m *wire.Message) (part string, err error) {
	if v.report.Terminal.IsZero() {
		v.report.Terminal = e.Terminal
	}
	hash := m.Hash()
	switch {
	case e.Terminal != v.report.Terminal:
		return "terminal", fmt.Errorf("%w: %s", ErrOtherTerminal, e.Terminal)
	case e.Epoch != r.Epoch:
		return "epoch", errDiffers
	case e.Seq != r.Seq:
		return "seq", errDiffers
	case !bytes.Equal(e.Prev, r.Prev):
		return "prev", errDiffers
	case !bytes.Equal(hash[:], r.Hash):
		return "hash", errHashWrong
	}
	seq, prev := v.before(r)
	if e.Seq != seq+1 || !bytes.Equal(e.Prev, prev) {
		return "chain", fmt.Errorf("%w, %d", errGap, seq)
	}
	if err := v.order(r); err != nil {
		return "order", err
	}
	return "", nil
}

// before is what the row has to continue: its sequence and hash.
func (v *verifier) before(r *Row) (seq uint64, hash []byte) {
	if seq, hash := v.lastOf(r.Epoch); seq != 0 {
		return seq, hash
	}
	if v.trust.Loose {
		return r.Seq - 1, r.Prev
	}
	if v.trust.Start != nil {
		return v.trust.Start(r.Epoch)
	}
	return 0, nil
}

// content holds the columns and the body against the entry.
func (v *verifier) content(r *Row, e *wire.Entry, m *wire.Message) (part string, err error) {
	switch {
	case e.Kind != r.Kind:
		return "kind", errDiffers
	case idOrZero(e.Sale) != r.Sale:
		return "sale", errDiffers
	case idOrZero(e.Payment) != r.Payment:
		return "payment", errDiffers
	case e.BusinessDate != r.BusinessDate:
		return "business_date", errDiffers
	case e.Wall != r.Wall:
		return "wall", errDiffers
	}
	if err := checkRowBody(r, e); err != nil {
		return "body", err
	}
	return v.fact(e, m)
}

func checkRowBody(r *Row, e *wire.Entry) error {
	switch named := len(e.BodyHash) > 0; {
	case named && !r.HasBody:
		return errBodyGone
	case !named && r.HasBody:
		return errBodyNone
	case r.Body == nil:
		return nil
	}
	return wire.CheckBody(r.Body, e.BodyHash)
}

// fact follows what decides about other entries: where epochs begin, and which key signs.
func (v *verifier) fact(e *wire.Entry, m *wire.Message) (part string, err error) {
	opened, ok := e.Fact.(*payment.EpochOpened)
	if ok != (e.Seq == 1) {
		return "kind", errFirst
	}
	if ok {
		return v.epochOpened(opened, e, m)
	}
	if f, ok := e.Fact.(*payment.KeyChanged); ok {
		next, err := wire.CheckKeyChange(f, e.Name())
		if err != nil {
			return "key", err
		}
		v.active, v.found = next, append(v.found, next)
		v.signs(m.Key, e.Epoch, e.Seq)
		v.signs(next, e.Epoch, e.Seq+1)
		return "", nil
	}
	v.active = m.Key
	return "", nil
}

func (v *verifier) epochOpened(f *payment.EpochOpened, e *wire.Entry, m *wire.Message) (part string, err error) {
	if !bytes.Equal(f.PublicKey, m.Key.Bytes()) {
		return "key", errKeyNamed
	}
	v.active = m.Key
	n := len(v.report.Epochs)
	if n == 0 {
		return "", nil
	}
	last := v.report.Epochs[n-1]
	if f.ParentEpoch != last.Epoch || f.ParentSeq != last.Last || !bytes.Equal(f.ParentHead, last.Head) {
		return "parent", errParentGone
	}
	return "", nil
}

// step counts the row and makes it what the next one continues.
func (v *verifier) step(r *Row, m *wire.Message, aside bool) {
	if aside {
		v.active = m.Key
	}
	v.signs(v.active, r.Epoch, r.Seq) // of a change of key the new one, which is noted already
	v.pos = r.Pos
	v.report.Entries++
	if r.HasBody {
		v.report.Bodies++
		if r.Body == nil {
			v.report.Erased++
		}
	}
	hash := m.Hash()
	if n := len(v.report.Epochs); n == 0 || v.report.Epochs[n-1].Epoch != r.Epoch {
		v.report.Epochs = append(v.report.Epochs, EpochRange{Epoch: r.Epoch, First: r.Seq})
	}
	last := &v.report.Epochs[len(v.report.Epochs)-1]
	last.Last, last.Head = r.Seq, hash[:]
}

// signs notes a key from the first entry on that it signs.
func (v *verifier) signs(key wire.PublicKey, epoch, first uint64) {
	if n := len(v.report.Keys); n == 0 || !bytes.Equal(v.report.Keys[n-1].Key.Bytes(), key.Bytes()) {
		v.report.Keys = append(v.report.Keys, KeyUse{key, epoch, first})
	}
}

func idOrZero(id *payment.ID) payment.ID {
	if id == nil {
		return payment.ID{}
	}
	return *id
}
