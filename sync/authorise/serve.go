package authorise

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/operator"
	"tilld/sync/wire"
)

// serve does what a message asks for and returns the framed answer. A refusal says that it is no lane's word; another
// error, that HQ can't keep attempts now. In either case nobody was told anything that is not written down.
func (s *Server) serve(ctx context.Context, id payment.ID, payload []byte) ([]byte, error) {
	who, err := s.Who(ctx, id)
	if errors.Is(err, ErrStranger) {
		return nil, &refusal{err}
	}
	if err != nil {
		return nil, err
	}
	sealed, err := wire.UnframeSigned(payload)
	if err != nil {
		return nil, &refusal{err}
	}
	typ, err := wire.Peek(sealed)
	if err != nil {
		return nil, &refusal{err}
	}
	if typ == wire.TypProbe {
		return s.pong(id, who.Keys, sealed)
	}
	ask, err := openAsk(id, who.Keys, sealed)
	if err != nil {
		return nil, &refusal{err}
	}
	if ask.Want == wire.WantRefund {
		return s.refund(ctx, &who, ask)
	}
	return s.authorise(ctx, &who, ask)
}

func (s *Server) authorise(ctx context.Context, who *Terminal, ask *wire.Ask) ([]byte, error) {
	a, err := s.act(ctx, who, ask)
	switch {
	case errors.Is(err, ErrNone): // it may be on its way still
		a = Attempt{Ref: operator.Ref(ask.Ref), Terminal: ask.Terminal, Payment: ask.Payment, Amount: ask.Amount, State: Doubtful}
	case errors.Is(err, ErrCompleted): // the answer says that it is paid
	case errors.Is(err, ErrOther), errors.Is(err, operator.ErrRef):
		return nil, &refusal{err}
	case err != nil:
		return nil, err
	}
	return s.answer(&a, ask.Challenge)
}

func openAsk(id payment.ID, keys wire.Keys, sealed []byte) (*wire.Ask, error) {
	m, err := wire.Open(sealed, wire.TypAsk, keys)
	if err != nil {
		return nil, err
	}
	var ask wire.Ask
	if err := wire.UnmarshalKnown(m.Payload, &ask); err != nil {
		return nil, err
	}
	if err := ask.Validate(); err != nil {
		return nil, err
	}
	if ask.Terminal != id {
		return nil, fmt.Errorf("%w: of terminal %s in the place of %s", wire.ErrAsk, ask.Terminal, id)
	}
	return &ask, nil
}

func (s *Server) act(ctx context.Context, who *Terminal, ask *wire.Ask) (Attempt, error) {
	r := Request{Ref: operator.Ref(ask.Ref), Payment: ask.Payment, Sale: ask.Sale, Terminal: ask.Terminal, Store: who.Store, Lane: who.Lane,
		Wallet: ask.Wallet, Amount: ask.Amount, Reference: ask.Reference, NotAfter: time.UnixMilli(ask.NotAfter)}
	if ask.Want == wire.WantReverse {
		return s.desk.Reverse(ctx, r)
	}
	if len(ask.Code) == 0 {
		return s.desk.Status(ctx, r)
	}
	// What is asked again has been looked at, and the answer to it is what became of it.
	if a, err := s.desk.Status(ctx, r); !errors.Is(err, ErrNone) {
		return a, err
	}
	if who.Revoked {
		return s.desk.Decline(ctx, r, operator.TerminalRevoked)
	}
	var ok bool
	if r.Shop, ok = s.Shop(ask.Wallet, who); !ok {
		return s.desk.Decline(ctx, r, operator.NotEnabled)
	}
	code, err := s.openCode(ask)
	if err != nil {
		return s.desk.Decline(ctx, r, operator.CodeUnreadable)
	}
	r.Code = operator.Code(code)
	return s.desk.Ask(ctx, r)
}

func (s *Server) openCode(ask *wire.Ask) ([]byte, error) {
	key := s.Unseal(wire.KID(ask.SealKey))
	if key == nil {
		return nil, wire.ErrConfide
	}
	return key.OpenCode(ask.Terminal, ask.Ref, ask.Code)
}

// pong answers a probe. A terminal that was revoked hears one too: HQ is there, and the acknowledgements say the rest.
func (s *Server) pong(id payment.ID, keys wire.Keys, sealed []byte) ([]byte, error) {
	m, err := wire.Open(sealed, wire.TypProbe, keys)
	if err != nil {
		return nil, &refusal{err}
	}
	var probe wire.Probe
	if err := wire.UnmarshalKnown(m.Payload, &probe); err != nil {
		return nil, &refusal{err}
	}
	if err := probe.Validate(); err != nil {
		return nil, &refusal{err}
	}
	if probe.Terminal != id {
		return nil, &refusal{fmt.Errorf("%w: of terminal %s in the place of %s", wire.ErrProbe, probe.Terminal, id)}
	}
	down := s.desk.Down()
	pong := wire.Pong{Version: wire.MessageVersion, HQEpoch: s.HQEpoch, Time: s.Now().UnixMilli(), Terminal: id, Echo: probe.Challenge,
		Down: down[:min(len(down), wire.MaxDown)]}
	return s.sealed(wire.TypPong, &pong)
}

// answer is HQ's word about an attempt, framed.
func (s *Server) answer(a *Attempt, echo []byte) ([]byte, error) {
	ans := wire.Answer{
		Version: wire.MessageVersion, HQEpoch: s.HQEpoch, Time: s.Now().UnixMilli(), Terminal: a.Terminal, Ref: string(a.Ref), Payment: a.Payment,
		Amount: a.Amount, Outcome: a.State.Outcome(), Transaction: a.Transaction, Echo: echo,
	}
	if ans.Outcome == payment.NotPaid {
		ans.Why = a.Why.String()
	}
	return s.sealed(wire.TypAnswer, &ans)
}

func (s *Server) sealed(typ wire.Typ, v any) ([]byte, error) {
	b, err := wire.Seal(s.Signer(), typ, v)
	if err != nil {
		return nil, fmt.Errorf("signing an answer: %w", err)
	}
	return wire.FrameSigned(b), nil
}
