package posapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tilld/agent/httpapi"
	"tilld/agent/payment"
)

// gapEvent tells a reader that it has missed events.
const gapEvent = "stream.gap"

// EventView is the data of an event.
type EventView struct {
	Event     string         `json:"event" enum:"sale.opened,sale.paid,sale.cancelled,sale.completed,sale.parked,sale.offered,code.refused,payment.pending,payment.unknown,payment.voided,payment.refunded,refund.asked,refund.declined,member.noted,scan.passed,stream.gap"`
	Sale      payment.ID     `json:"sale,omitzero"`
	Reference string         `json:"reference,omitempty"`
	Payment   payment.ID     `json:"payment,omitzero"`
	Refund    string         `json:"refund,omitempty" doc:"With refund.asked, payment.refunded and refund.declined: the refund's ref."`
	Amount    *MoneyView     `json:"amount,omitempty"`
	Wallet    string         `json:"wallet,omitempty"`
	Reason    payment.Reason `json:"reason,omitzero" doc:"With code.refused, refund.declined, and with sale.cancelled of a parked sale: why."`
	Fresh     *bool          `json:"fresh_code_may_pay,omitempty" doc:"With code.refused: the same customer may be taken with a fresh code."`
	Training  bool           `json:"training,omitempty" doc:"Of the sale: it is practice, nothing is charged and no goods are owed."`
	Text      *string        `json:"text,omitempty" doc:"With scan.passed: what was scanned and is no payment code."`
	AIM       string         `json:"aim,omitempty" doc:"With scan.passed: the symbology, such as ]E0, if the scanner says it."`
	Programme string         `json:"programme,omitempty" doc:"With member.noted: the loyalty programme; head office counts the points of this sale, so the shop's own program must not."`
}

func viewEvent(e *Event) EventView {
	v := EventView{
		Event: e.Kind, Sale: e.Sale, Reference: e.Reference, Payment: e.Payment, Refund: e.Refund, Wallet: e.Wallet, Reason: e.Reason, Training: e.Training, AIM: e.AIM, Programme: e.Programme,
	}
	if e.Amount != (payment.Money{}) {
		m := viewMoney(e.Amount)
		v.Amount = &m
	}
	if e.Reason != payment.ReasonNone && e.Refund == "" {
		fresh := e.Reason.Transient()
		v.Fresh = &fresh
	}
	if e.Text != "" {
		v.Text = &e.Text
	}
	return v
}

func (a *API) addEvents(api huma.API) {
	registry := api.OpenAPI().Components.Schemas
	problems := func(text string) *huma.Response {
		return &huma.Response{Description: text, Content: map[string]*huma.MediaType{
			"application/problem+json": {Schema: registry.Schema(reflect.TypeFor[huma.ErrorModel](), true, "")},
		}}
	}
	api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "stream-events", Method: http.MethodGet, Path: "/v1/events", Tags: []string{"lane"},
		Summary: "Hear what happens, as server-sent events",
		Description: "Begins with what comes next, or behind Last-Event-ID. The data of each event is one JSON object of the schema. The event " + gapEvent +
			" says that some were missed (the program was restarted, or the reader was away for more than the lane keeps): look at the sales then. " +
			"A comment comes every " + beatEvery.String() + " when nothing else does.",
		Parameters: []*huma.Param{{
			Name: "Last-Event-ID", In: "header", Description: "ID of the last event that was heard.", Schema: &huma.Schema{Type: huma.TypeString, MaxLength: new(maxEventID)},
		}},
		Responses: map[string]*huma.Response{
			"200": {Description: "OK", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: registry.Schema(reflect.TypeFor[EventView](), true, "")}}},
			"422": problems(http.StatusText(http.StatusUnprocessableEntity)),
			"503": problems(http.StatusText(http.StatusServiceUnavailable)),
		},
	})
	a.mux.HandleFunc("GET /v1/events", a.serveEvents)
}

// maxEventID bounds a Last-Event-ID: an identifier, a dash and a number.
const maxEventID = 64

// serveEvents streams until the reader goes, stops reading, or the streams are ended.
func (a *API) serveEvents(w http.ResponseWriter, r *http.Request) {
	s := &stream{w: w, rc: http.NewResponseController(w), name: a.stream, after: a.lane.LastEvent()}
	if id := r.Header.Get("Last-Event-ID"); id != "" && !s.resume(id) {
		httpapi.WriteProblem(w, httpapi.Invalid("header.Last-Event-ID", "expected an ID as an event of this stream had"))
		return
	}
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	default:
		a.log.WarnContext(r.Context(), "event stream refused: too many are open", "streams", maxStreams)
		w.Header().Set("Retry-After", "1")
		httpapi.WriteProblem(w, httpapi.ProblemOf(payment.Retry, fmt.Sprintf("%d event streams are open; close one", maxStreams)))
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.streams, cancel)()
	if err := a.follow(ctx, s); err != nil && ctx.Err() == nil {
		a.log.DebugContext(ctx, "event stream ended", "error", err)
	}
}

// follow sends events as they come, and a sign of life when none do.
func (a *API) follow(ctx context.Context, s *stream) error {
	if err := s.begin(); err != nil {
		return err
	}
	for {
		wait, cancel := context.WithTimeout(ctx, a.beat)
		list, err := a.lane.EventsAfter(wait, s.after)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			err = s.send(": still here\n\n")
		case err == nil:
			err = s.events(list)
		}
		if err != nil {
			return err
		}
	}
}

// stream is one reader's.
type stream struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	name  string // of this run of the program
	after uint64 // the last event that was sent
	gap   bool   // the reader comes from another run, or from events that never were
}

// resume goes on behind an event's ID; false when it is none.
func (s *stream) resume(id string) bool {
	run, number, ok := strings.Cut(id, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	if _, bad := payment.ParseID(run); !ok || err != nil || bad != nil || len(id) > maxEventID {
		return false
	}
	if s.gap = run != s.name || n > s.after; s.gap {
		n = 0
	}
	s.after = n
	return true
}

// begin sends the head and says what was missed.
func (s *stream) begin() error {
	if err := s.rc.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err // the server's read limit would end the stream
	}
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	text := "retry: 1000\n\n"
	if s.gap {
		missed, err := s.encode(&Event{ID: s.after, Kind: gapEvent})
		if err != nil {
			return err
		}
		text += missed
	}
	return s.send(text)
}

// events sends what follows, and before it that something was missed when it does not follow at once.
func (s *stream) events(list []Event) error {
	if len(list) == 0 {
		return errors.New("the lane gave no events and no error")
	}
	if first := list[0].ID; first != s.after+1 {
		list = append([]Event{{ID: first - 1, Kind: gapEvent}}, list...)
	}
	var b strings.Builder
	for i := range list {
		text, err := s.encode(&list[i])
		if err != nil {
			return err
		}
		b.WriteString(text)
		s.after = list[i].ID
	}
	return s.send(b.String())
}

func (s *stream) encode(e *Event) (string, error) {
	data, err := json.Marshal(viewEvent(e))
	if err != nil {
		return "", fmt.Errorf("encoding event %d: %w", e.ID, err)
	}
	return fmt.Sprintf("id: %s-%d\nevent: %s\ndata: %s\n\n", s.name, e.ID, e.Kind, data), nil
}

// send writes in bounded time: a reader that takes nothing is let go, and can come back.
func (s *stream) send(text string) error {
	if err := s.rc.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.rc.Flush()
}
