package uplink

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

const (
	firstAgain  = time.Second      // a question without an answer is put again
	secondAgain = 2 * time.Second  // and again
	everyAgain  = 4 * time.Second  // and so on
	openAgain   = 3 * time.Second  // what HQ itself did not know is asked anew
	oldAgain    = 30 * time.Second // when the attempt is as old as:
	oldAfter    = 10 * time.Minute
	reverseFor  = 10 * time.Minute
	maxAsks     = 8 // questions about one attempt whose answers are known for it
)

// asking is an attempt that HQ is asked about.
type asking struct {
	Attempt
	want      wire.Want
	sealed    []byte    // the customer's code; nil: HQ has heard of the attempt, or it is too late
	kid       []byte    // of the key that it is sealed to
	codeUntil time.Time // by our clock
	began     time.Time
	due       time.Time
	tries     int       // of the question that has no answer yet
	asks      []asked   // the last few, oldest first
	taken     int64     // HQ's time of the newest answer that was taken
	answered  time.Time // when the newest question was put that has an answer
}

// asked is a question of ours.
type asked struct {
	nonce []byte
	sent  time.Time
	want  wire.Want
	seen  [payment.Unknown + 1]bool // the outcomes that answers to it have brought
}

// over says that it is asked no more.
func (s *asking) over(now time.Time) bool {
	return s.want == wire.WantReverse && now.Sub(s.began) >= reverseFor
}

// question finds the question that an answer echoes.
func (s *asking) question(echo []byte) *asked {
	for i := range s.asks {
		if bytes.Equal(s.asks[i].nonce, echo) {
			return &s.asks[i]
		}
	}
	return nil
}

func (a *Asker) find(ref string) *asking {
	for _, s := range a.open {
		if s.Ref == ref {
			return s
		}
	}
	return nil
}

// begin asks about an attempt from now on. What is given up is not charged any more.
func (a *Asker) begin(s *asking) {
	if err := s.ask(a.cfg.Terminal, make([]byte, wire.NonceSize)).Validate(); err != nil {
		a.cfg.Log.Error("an attempt can't be asked about", "ref", s.Ref, "error", err)
		return
	}
	if was := a.find(s.Ref); was != nil {
		if was.want == wire.WantReverse {
			return
		}
		s.asks, s.taken, s.answered = was.asks, was.taken, was.answered
		if s.taken != 0 { // HQ has heard of it
			s.sealed, s.kid = nil, nil
		}
		a.end(s.Ref)
	}
	if !a.room(s) {
		a.note(func(st *AskerStatus) { st.Refused++ })
		a.cfg.Log.Error("too many attempts are asked about", "ref", s.Ref)
		return
	}
	s.began = a.cfg.Now()
	s.due = s.began
	a.open = append(a.open, s)
	a.note(func(st *AskerStatus) { st.Open = len(a.open) })
}

// room makes room for an attempt. A customer who stands there goes before the oldest that HQ has heard of.
func (a *Asker) room(s *asking) bool {
	if len(a.open) < maxOpen {
		return true
	}
	if s.want != wire.WantCharge || s.sealed == nil {
		return false
	}
	for _, old := range a.open {
		if old.sealed == nil && old.want != wire.WantRefund {
			a.cfg.Log.Warn("an attempt is not asked about any more, for want of room", "ref", old.Ref)
			a.end(old.Ref)
			return true
		}
	}
	return false
}

func (a *Asker) end(ref string) {
	a.open = slices.DeleteFunc(a.open, func(s *asking) bool { return s.Ref == ref })
	a.note(func(st *AskerStatus) { st.Open = len(a.open) })
}

// ask is the question, with the code as long as it lives.
func (s *asking) ask(terminal payment.ID, nonce []byte) *wire.Ask {
	q := &wire.Ask{
		Version: wire.MessageVersion, Terminal: terminal, Ref: s.Ref, Want: s.want, Payment: s.Payment, Sale: s.Sale, Wallet: s.Wallet,
		Amount: s.Amount, Reference: s.Reference, NotAfter: s.NotAfter, Challenge: nonce, SealKey: []byte{}, Code: []byte{}, Policy: s.Policy,
	}
	if s.sealed != nil {
		q.SealKey, q.Code = s.kid, s.sealed
	}
	return q
}

// ask puts a question on the link, and on the second road when the link is not there or has brought no answer. It
// returns whether the link had a place for it.
func (a *Asker) ask(ctx context.Context, s *asking, now time.Time, jammed bool) bool {
	if s.sealed != nil && (!now.Before(s.codeUntil) || a.cfg.HQNow().UnixMilli() >= s.NotAfter) {
		s.sealed, s.kid = nil, nil
	}
	q := asked{nonce: a.nonce(), sent: now, want: s.want}
	if s.asks = append(s.asks, q); len(s.asks) > maxAsks {
		s.asks = s.asks[1:]
	}
	s.tries++
	switch {
	case s.tries == 1:
		s.due = now.Add(firstAgain)
	case s.tries == 2:
		s.due = now.Add(secondAgain)
		a.reach.begin(now) // it may be that HQ is not there
	case now.Sub(s.began) < oldAfter:
		s.due = now.Add(a.jittered(everyAgain))
	default:
		s.due = now.Add(a.jittered(oldAgain))
	}
	payload, err := a.signed(wire.TypAsk, s.ask(a.cfg.Terminal, q.nonce))
	if err != nil {
		return true
	}
	placed := !jammed && a.send(ctx, payload)
	if (!placed || s.tries > 1) && !a.onRoad[s.Ref] && a.call(ctx, payload, askFor, func() { delete(a.onRoad, s.Ref) }) {
		a.onRoad[s.Ref] = true
	}
	return placed
}

// answer takes HQ's word about an attempt. What comes late, twice, or was overtaken changes nothing.
func (a *Asker) answer(ctx context.Context, sealed []byte) {
	var ans wire.Answer
	if err := open(sealed, wire.TypAnswer, a.cfg.HQKeys(), &ans); err != nil {
		a.refuse("answer", err)
		return
	}
	if err := ans.Validate(); err != nil {
		a.refuse("answer", err)
		return
	}
	if !a.ours("answer", ans.Terminal, ans.HQEpoch) {
		return
	}
	s := a.find(ans.Ref)
	if s == nil { // it is over, or another program's
		return
	}
	if ans.Payment != s.Payment || ans.Amount != s.Amount {
		a.refuse("answer", fmt.Errorf("attempt %s: of payment %s, %s", ans.Ref, ans.Payment, ans.Amount))
		return
	}
	now, q := a.cfg.Now(), s.question(ans.Echo)
	if q != nil {
		a.heard(q.sent, now)
	}
	if !s.counts(&ans, q) {
		return
	}
	a.take(ctx, s, &ans, q, now)
}

// counts says whether an answer is news.
func (s *asking) counts(ans *wire.Answer, q *asked) bool {
	if q == nil { // unasked, or to a question that is forgotten: what is not newer was overtaken, or is sent again by somebody
		return ans.Time > s.taken && !(s.want == wire.WantReverse && ans.Outcome == payment.Paid)
	}
	if q.seen[ans.Outcome] || ans.Time < s.taken && q.sent.Before(s.answered) {
		return false
	}
	// That it was paid says nothing before HQ has heard that it is to be taken back.
	return s.want != wire.WantReverse || q.want == wire.WantReverse || ans.Outcome != payment.Paid
}

func (a *Asker) take(ctx context.Context, s *asking, ans *wire.Answer, q *asked, now time.Time) {
	s.sealed, s.kid = nil, nil
	s.taken = max(s.taken, ans.Time)
	if q != nil {
		q.seen[ans.Outcome] = true
		if q.sent.After(s.answered) {
			s.answered = q.sent
		}
	}
	switch ans.Outcome {
	case payment.Paid, payment.NotPaid:
		a.end(s.Ref)
	case payment.Pending, payment.Unknown:
		wait := openAgain
		if now.Sub(s.began) >= oldAfter {
			wait = oldAgain
		}
		s.tries, s.due = 0, now.Add(a.jittered(wait))
	}
	a.cfg.OnAnswer(ctx, *ans)
}
