package posapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/payment"
)

// LinkView is whether something can be reached.
type LinkView struct {
	State string    `json:"state" doc:"Of the scanner: start, ok, lost (unplugged), busy (another program has it) or denied. Of head office: online or offline."`
	Since time.Time `json:"since"`
}

// LaneView is how the lane is doing.
type LaneView struct {
	Store        string           `json:"store"`
	Lane         string           `json:"lane"`
	Terminal     payment.ID       `json:"terminal"`
	BusinessDate string           `json:"business_date,omitempty" format:"date" doc:"The one that is open; absent: none yet."`
	Currency     payment.Currency `json:"currency,omitempty" doc:"What the store sells in; absent: there is no policy yet."`
	State        string           `json:"state" enum:"ready,open,stopped" doc:"ready: for a sale; open: a sale waits for a code, or for its wallet; stopped: the journal can't be written, or its disk is full, and no sale can begin."`
	Sale         payment.ID       `json:"sale,omitzero" doc:"The one that waits for a code, or for its wallet."`
	Scanner      LinkView         `json:"scanner"`
	HQ           LinkView         `json:"hq"`
	Works        string           `json:"works" enum:"full,small,restart,none" doc:"What is taken without head office: all within the caps, small amounts, small amounts after a restart, nothing."`
	Reason       payment.Reason   `json:"reason,omitzero" doc:"Why nothing is taken."`
	Online       *OnlineView      `json:"online,omitempty" doc:"Absent: this lane asks no wallet's operator."`
	Unsent       uint64           `json:"unsent" doc:"Journal entries that head office has not got."`
	Uncompleted  uint64           `json:"uncompleted" doc:"Sales that are paid and that the POS has not completed, training sales among them."`
}

// OnlineView is whether wallets' operators can be asked.
type OnlineView struct {
	Answered bool     `json:"answered" doc:"Head office answers: operators' codes are taken."`
	Silent   []string `json:"silent" nullable:"false" doc:"Wallets whose operator does not answer head office now."`
}

type laneOutput struct{ Body LaneView }

func (a *API) addLane(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "get-lane", Method: http.MethodGet, Path: "/v1/lane", Tags: []string{"lane"},
		Summary: "See how the lane is doing",
	}, a.getLane)
}

func (a *API) getLane(context.Context, *struct{}) (*laneOutput, error) {
	s := a.lane.Status()
	v := LaneView{
		Store: s.Store, Lane: s.Lane, Terminal: s.Terminal, BusinessDate: s.Date.String(), Currency: s.Currency, State: "ready", Sale: s.Sale,
		Scanner: LinkView{s.Scanner, s.ScannerSince.UTC()}, HQ: LinkView{"offline", s.OnlineSince.UTC()},
		Works: s.Tier.String(), Reason: s.Blocked, Unsent: s.Unsent, Uncompleted: s.Uncompleted,
	}
	if s.Asks {
		v.Online = &OnlineView{Answered: s.Answered, Silent: append([]string{}, s.Silent...)}
	}
	if s.Online {
		v.HQ.State = "online"
	}
	if !s.Sale.IsZero() {
		v.State = "open"
	}
	if s.Stopped != payment.ReasonNone {
		v.State, v.Works, v.Reason = "stopped", "none", s.Stopped
	}
	return &laneOutput{v}, nil
}
