package hqapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/payment"
	"tilld/sync/ledger"
	"tilld/sync/settle"
)

// EpochView is how far HQ is with one epoch of a terminal's journal.
type EpochView struct {
	Epoch   settle.Epoch `json:"epoch" doc:"16 hexadecimal digits."`
	Known   uint64       `json:"known_seq" doc:"Highest sequence that the terminal has signed for."`
	Held    uint64       `json:"held_seq" doc:"HQ holds every entry up to here."`
	Judged  uint64       `json:"judged_seq" doc:"Every entry up to here is posted or in an exception."`
	Missing *GapView     `json:"missing,omitempty" doc:"Entries that HQ does not hold."`
	Forked  bool         `json:"forked" doc:"HQ holds two histories of this epoch."`
	Lost    *LostView    `json:"lost,omitempty" doc:"Entries that HQ had acknowledged and does not hold: its books were put back to an older state."`
}

// GapView is a range of sequences, both ends included.
type GapView struct {
	From uint64 `json:"from_seq"`
	To   uint64 `json:"to_seq"`
}

// LostView is a range of sequences that HQ had acknowledged, both ends included. From is above to when HQ's books
// are merely older than the terminal knows.
type LostView struct {
	GapView
	Restored bool `json:"restored" doc:"HQ was declared restored since: the terminal sends them again."`
}

// TerminalView is how far HQ is with a terminal.
type TerminalView struct {
	ID         payment.ID   `json:"id"`
	Entity     string       `json:"entity" doc:"Legal entity that is paid."`
	Store      string       `json:"store"`
	Lane       string       `json:"lane"`
	AddedAt    string       `json:"added_at" format:"date-time"`
	RevokedAt  string       `json:"revoked_at" doc:"Empty: not revoked."`
	RevokedBy  string       `json:"revoked_by"`
	RevokedWhy string       `json:"revoked_why"`
	LastSeen   string       `json:"last_seen" doc:"Its newest beat, by HQ's clock; empty: never heard."`
	SkewMS     int64        `json:"skew_ms" doc:"Lead of its clock over HQ's then, in milliseconds, the way there included."`
	Software   string       `json:"software"`
	Policy     uint64       `json:"policy" doc:"Version that it said it holds."`
	LastClosed payment.Date `json:"last_closed" doc:"Last business date that it closed; empty: none."`
	Behind     uint64       `json:"behind" doc:"Entries that HQ knows of and does not hold, over all epochs."`
	Waiting    uint64       `json:"waiting" doc:"Entries that HQ holds and has not posted yet."`
	Exceptions int          `json:"open_exceptions"`
	Twice      bool         `json:"alive_twice" doc:"Two journals of this terminal are alive: its data directory was copied."`
	Epochs     []EpochView  `json:"epochs" nullable:"false" doc:"The latest last."`
}

func viewTerminal(t *ledger.TerminalStatus) TerminalView {
	v := TerminalView{
		ID: t.ID, Entity: t.Entity, Store: t.Store, Lane: t.Lane, AddedAt: stamp(t.AddedAt), RevokedAt: stamp(t.RevokedAt),
		RevokedBy: t.RevokedBy, RevokedWhy: t.RevokedWhy, LastSeen: stamp(t.LastSeen), SkewMS: t.Skew.Milliseconds(),
		Software: t.Software, Policy: t.Policy, LastClosed: t.LastClosed, Exceptions: t.Exceptions, Twice: t.Twice, Epochs: []EpochView{},
	}
	for _, e := range t.Epochs {
		view := EpochView{Epoch: e.Epoch, Known: e.Known, Held: e.Held, Judged: e.Judged, Forked: e.Forked}
		if e.Known > e.Held {
			v.Behind += e.Known - e.Held
			view.Missing = &GapView{From: e.Held + 1, To: e.Known}
		}
		if e.Lost > 0 {
			view.Lost = &LostView{GapView{From: e.Held + 1, To: e.Lost}, e.Restored}
		}
		if e.Held > e.Judged {
			v.Waiting += e.Held - e.Judged
		}
		v.Epochs = append(v.Epochs, view)
	}
	return v
}

func (a *API) addTerminals(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-terminals", Method: http.MethodGet, Path: "/v1/terminals", Tags: []string{"terminals"},
		Summary:     "List terminals",
		Description: "In the order in which they were enrolled: when each was last heard, how far behind HQ is with it, and what is missing.",
		Security:    needs(ScopeRead), Errors: listErrors,
	}, a.listTerminals)
}

type terminalsOutput struct{ Body *page[TerminalView] }

func (a *API) listTerminals(ctx context.Context, in *PageInput) (*terminalsOutput, error) {
	c, err := a.place(ctx, listTerminals, in.After, func(ctx context.Context, c cursor) (bool, error) {
		t, err := a.books.Terminal(ctx, c.id)
		return t.Pos == c.pos, err
	})
	if err != nil {
		return nil, a.failed(ctx, "list terminals", err)
	}
	rows, err := a.books.Terminals(ctx, c.pos, in.Limit+1)
	if err != nil {
		return nil, a.failed(ctx, "list terminals", err)
	}
	at := func(t *ledger.TerminalStatus) cursor { return cursor{pos: t.Pos, id: t.ID} }
	return &terminalsOutput{pageOf(c, in.Limit, rows, at, viewTerminal)}, nil
}
