package uplink

import (
	"bytes"
	"fmt"

	"tilld/sync/wire"
)

// maxQuestions bounds the beats whose answers may still tell that HQ has lost something.
const maxQuestions = 32

// question is what a beat told HQ of an epoch: an answer to it that knows less was made by an HQ that had
// been told.
type question struct {
	epoch, acked uint64
	hqEpoch      uint64 // whose word acked was: a later one that knows less has said so by its number
	nonce        []byte
}

func (u *Uplink) asked(e Epoch, c challenge) {
	if u.questions = append(u.questions, question{e.Epoch, e.Acked, e.HQEpoch, c.nonce}); len(u.questions) > maxQuestions {
		u.questions = u.questions[1:]
	}
}

// weighLost notes whether HQ knows less of an epoch than it acknowledged. An answer that was taken says that
// it does not (any more).
func (u *Uplink) weighLost(a *wire.Ack, v Verdict) {
	_, known := u.lost[a.Epoch]
	switch {
	case v.Lost && !known && !a.Forked && u.answered(a):
		u.lost[a.Epoch] = struct{}{}
		u.cfg.Log.Error("HQ holds less than it acknowledged and has not said that it was restored from a backup",
			"epoch", fmt.Sprintf("%016x", a.Epoch), "acked", v.Acked, "held", a.Acked)
	case !v.Ignore && known:
		delete(u.lost, a.Epoch)
	default:
		return
	}
	u.note(func(s *Status) { s.Lost = len(u.lost) > 0 })
}

// answered says whether an answer was made for a beat that had said more than it knows.
func (u *Uplink) answered(a *wire.Ack) bool {
	for _, q := range u.questions {
		if q.epoch == a.Epoch && q.hqEpoch == a.HQEpoch && q.acked > a.Acked && bytes.Equal(q.nonce, a.Echo) {
			return true
		}
	}
	return false
}

// wordOf is the HQ epoch that a beat names: the one whose word its acked is. Were it the newest seen, an older
// epoch that a restored HQ has not been asked about yet would look as if this HQ had lost it.
func wordOf(s State, e Epoch) uint64 {
	if e.Acked == 0 {
		return s.HQEpoch
	}
	return e.HQEpoch
}
