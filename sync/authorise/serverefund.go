package authorise

import (
	"context"
	"errors"

	"tilld/agent/payment"
	"tilld/sync/operator"
	"tilld/sync/wire"
)

// refund carries out a lane's wish to give money back, or says what became of it.
func (s *Server) refund(ctx context.Context, who *Terminal, ask *wire.Ask) ([]byte, error) {
	q := RefundRequest{Ref: operator.Ref(ask.Ref), Payment: ask.Payment, Terminal: ask.Terminal, Store: who.Store, Lane: who.Lane,
		Wallet: ask.Wallet, Amount: ask.Amount, Reference: ask.Reference}
	var r Refunding
	var err error
	if who.Revoked {
		r, err = s.desk.DeclineRefund(ctx, q, operator.TerminalRevoked)
	} else {
		r, err = s.desk.Refund(ctx, q)
	}
	switch {
	case errors.Is(err, ErrOther), errors.Is(err, operator.ErrRef):
		return nil, &refusal{err}
	case err != nil:
		return nil, err
	}
	return s.answerRefund(&r, ask.Challenge)
}

// TellRefund sends what became of a refund to the lane that asked, unasked: the desk's RefundChanged. What the lane has to
// wait for is not told twice.
func (s *Server) TellRefund(r Refunding) {
	if !r.State.Over() {
		return
	}
	b, err := s.answerRefund(&r, nil)
	if err != nil {
		s.Log.Error("an answer to a lane is not made", "ref", string(r.Ref), "error", err.Error())
		return
	}
	s.send(wire.DownTopic(r.Terminal), b)
}

// answerRefund is HQ's word about a refund, framed.
func (s *Server) answerRefund(r *Refunding, echo []byte) ([]byte, error) {
	ans := wire.Answer{
		Version: wire.MessageVersion, HQEpoch: s.HQEpoch, Time: s.Now().UnixMilli(), Terminal: r.Terminal, Ref: string(r.Ref), Payment: r.Payment,
		Amount: r.Amount, Outcome: r.State.Outcome(), Transaction: r.Transaction, Echo: echo, Wallet: r.Wallet,
	}
	if ans.Outcome == payment.NotPaid {
		ans.Why = r.Why.String()
	}
	return s.sealed(wire.TypAnswer, &ans)
}
