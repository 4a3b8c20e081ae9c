package posapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"tilld/agent/httpapi"
	"tilld/agent/payment"
)

// reader reads a stream of server-sent events.
type reader struct {
	t    *testing.T
	res  *http.Response
	in   *bufio.Reader
	stop func()
}

// heard is one event, or a comment.
type heard struct {
	id, event, comment string
	data               EventView
	raw                string
}

// listen opens the stream and reads its first lines.
func (b *bench) listen(t *testing.T, headers ...string) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", b.url+"/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	r := &reader{t: t, res: res, in: bufio.NewReader(res.Body), stop: cancel}
	if res.StatusCode == http.StatusOK {
		if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
			t.Fatalf("Content-Type %q", got)
		}
		if head := r.block(); head != "retry: 1000\n" {
			t.Fatalf("the stream begins with %q", head)
		}
	}
	return r
}

// block reads up to an empty line.
func (r *reader) block() string {
	r.t.Helper()
	var b strings.Builder
	for {
		line, err := r.in.ReadString('\n')
		if err != nil {
			r.t.Fatalf("the stream ended: %v", err)
		}
		if line == "\n" {
			return b.String()
		}
		b.WriteString(line)
	}
}

func (r *reader) next() (h heard) {
	r.t.Helper()
	h.raw = r.block()
	for line := range strings.Lines(h.raw) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			h.id = value
		case "event":
			h.event = value
		case "":
			h.comment = value
		case "data":
			if err := json.Unmarshal([]byte(value), &h.data); err != nil {
				r.t.Fatalf("%v: %q", err, value)
			}
		default:
			r.t.Fatalf("line %q", line)
		}
	}
	if h.event != h.data.Event {
		r.t.Errorf("event %q with data of %q", h.event, h.data.Event)
	}
	return h
}

// expect wants events of these kinds next.
func (r *reader) expect(kinds ...string) (last heard) {
	r.t.Helper()
	for _, k := range kinds {
		if last = r.next(); last.event != k {
			r.t.Fatalf("%q, want %s", last.raw, k)
		}
	}
	return last
}

func eventID(n int) string { return fmt.Sprintf("%s-%d", thisRun, n) }

func TestEvents(t *testing.T) {
	b := newBench(t)
	b.lane.happen(Event{Kind: "scan.passed", Text: "before anybody listens"})
	r := b.listen(t)
	sale := b.open(t)
	h := r.expect("sale.opened")
	if h.id != eventID(2) || h.data.Sale != sale.ID || h.data.Amount.Minor != 1000 {
		t.Errorf("%+v", h)
	}
	b.lane.happen(Event{Kind: "code.refused", Sale: sale.ID, Reason: payment.CodeExpired})
	if h = r.expect("code.refused"); h.data.Reason != payment.CodeExpired || !*h.data.Fresh || !strings.Contains(h.raw, `"reason":"code_expired"`) {
		t.Errorf("%+v", h)
	}
	b.lane.happen(Event{Kind: "code.refused", Sale: sale.ID, Reason: payment.OnlineOnly})
	if h = r.expect("code.refused"); *h.data.Fresh {
		t.Errorf("%+v", h)
	}
	b.lane.happen(Event{Kind: "scan.passed", Text: "4901777\n\nevent: sale.paid", AIM: "]E0"})
	if h = r.expect("scan.passed"); *h.data.Text != "4901777\n\nevent: sale.paid" || h.data.AIM != "]E0" || strings.Contains(h.raw, `"sale"`) {
		t.Errorf("%+v", h)
	}
	b.lane.pay()
	if h = r.expect("sale.paid"); h.data.Payment.IsZero() || h.data.Wallet != "house" || h.data.Amount.money() != payment.Of(1000, "JPY") {
		t.Errorf("%+v", h)
	}
	b.do(t, "POST", "/v1/sales/"+sale.ID.String()+"/complete", "")
	r.expect("sale.completed")
	again := b.open(t)
	b.do(t, "POST", "/v1/sales/"+again.ID.String()+"/cancel", "")
	r.expect("sale.opened", "sale.cancelled")
}

func TestEventsResume(t *testing.T) {
	other := payment.ID{8}.String()
	tests := []struct {
		name string
		last string
		drop int // events that are kept no more, of five
		want []string
	}{
		{"behind the third", eventID(3), 0, []string{eventID(4) + " e4", eventID(5) + " e5"}},
		{"behind the last", eventID(5), 0, nil},
		{"from the beginning", eventID(0), 0, []string{eventID(1) + " e1", eventID(2) + " e2"}},
		{"behind what is kept", eventID(1), 3, []string{eventID(3) + " stream.gap", eventID(4) + " e4", eventID(5) + " e5"}},
		{"just kept", eventID(3), 3, []string{eventID(4) + " e4"}},
		{"of another run", other + "-4", 0, []string{eventID(0) + " stream.gap", eventID(1) + " e1"}},
		{"of another run, and not all kept", other + "-4", 4, []string{eventID(0) + " stream.gap", eventID(4) + " stream.gap", eventID(5) + " e5"}},
		{"from the future", eventID(6), 0, []string{eventID(0) + " stream.gap", eventID(1) + " e1"}},
		{"the last number", eventID(0)[:27] + "18446744073709551615", 0, []string{eventID(0) + " stream.gap", eventID(1) + " e1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			for i := range 5 {
				b.lane.happen(Event{Kind: fmt.Sprintf("e%d", i+1)})
			}
			b.lane.drop(tt.drop)
			r := b.listen(t, "Last-Event-ID: "+tt.last)
			for _, want := range tt.want {
				if h := r.next(); h.id+" "+h.event != want {
					t.Fatalf("%s %s, want %s", h.id, h.event, want)
				}
			}
			if tt.want == nil || strings.HasSuffix(tt.want[len(tt.want)-1], "e5") {
				b.lane.happen(Event{Kind: "e6"})
				r.expect("e6")
			}
		})
	}
}

// A reader that was too slow for what the lane keeps is told so in the middle of its stream.
func TestEventsGapInTheMiddle(t *testing.T) {
	b := newBench(t)
	r := b.listen(t)
	b.lane.happen(Event{Kind: "e1"})
	r.expect("e1")
	b.lane.change(func(f *fakeLane) {
		f.publish(Event{Kind: "e2"})
		f.publish(Event{Kind: "e3"})
		f.dropped = 2
	})
	if h := r.expect("stream.gap", "e3"); h.id != eventID(3) {
		t.Errorf("%+v", h)
	}
}

func TestEventsBadID(t *testing.T) {
	b := newBench(t)
	for _, id := range []string{"1", "-1", "x-1", eventID(-1), eventID(1) + "x", thisRun.String(), strings.Repeat("0", 60) + "-1", "\xff"} {
		res := b.do(t, "GET", "/v1/events", "", "Last-Event-ID: "+id)
		if p := res.problem(t); p.Status != 422 || p.Errors[0].Location != "header.Last-Event-ID" {
			t.Errorf("%q: %s", id, res.body)
		}
	}
}

func TestEventsBeat(t *testing.T) {
	b := newBench(t)
	b.API.beat = time.Millisecond
	r := b.listen(t)
	for range 3 {
		if h := r.next(); h.comment != "still here" {
			t.Fatalf("%q", h.raw)
		}
	}
	b.lane.happen(Event{Kind: "e1"})
	for h := r.next(); h.event != "e1"; h = r.next() {
		if h.comment == "" {
			t.Fatalf("%q", h.raw)
		}
	}
}

// Streams are bounded in number, and one that ends makes room.
func TestEventsAtMost(t *testing.T) {
	b := newBench(t)
	var open []*reader
	for range maxStreams {
		open = append(open, b.listen(t))
	}
	res := b.do(t, "GET", "/v1/events", "")
	if p := res.problem(t); p.Status != 503 || p.Type != httpapi.ProblemPrefix+"retry" || res.Header.Get("Retry-After") == "" {
		t.Fatalf("%s", res.body)
	}
	open[0].stop()
	for len(b.slots) == maxStreams { // until the server has seen that the reader is gone
		b.lane.happen(Event{Kind: "e"})
	}
	b.listen(t)
}

// A reader that takes nothing is let go; it does not hold the lane or the others.
func TestEventsSlowReader(t *testing.T) {
	lane := newFakeLane()
	a := newAPI(t, lane, io.Discard)
	s := &stream{name: "run", w: stuck{}, rc: http.NewResponseController(stuck{})}
	lane.happen(Event{Kind: "e1"})
	if err := a.follow(t.Context(), s); !errors.Is(err, errStuck) {
		t.Errorf("follow ended with %v", err)
	}
}

var errStuck = errors.New("write deadline")

// stuck is a connection whose deadline passes.
type stuck struct{}

func (stuck) Header() http.Header              { return http.Header{} }
func (stuck) Write([]byte) (int, error)        { return 0, errStuck }
func (stuck) WriteHeader(int)                  {}
func (stuck) SetReadDeadline(time.Time) error  { return nil }
func (stuck) SetWriteDeadline(time.Time) error { return nil }

// A lane that fails ends the stream; the POS comes back and resumes.
func TestEventsLaneFails(t *testing.T) {
	b := newBench(t)
	r := b.listen(t)
	b.lane.change(func(f *fakeLane) {
		f.fail = errors.New("broken")
		close(f.wake)
		f.wake = make(chan struct{})
	})
	if rest, err := io.ReadAll(r.in); len(rest) != 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

// Stopping the server ends the streams at once.
func TestEventsEndWithTheServer(t *testing.T) {
	b := newBench(t)
	r := b.listen(t)
	done := make(chan error, 1)
	go func() { done <- b.stop() }()
	if rest, err := io.ReadAll(r.in); len(rest) != 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Serve ended with %v", err)
	}
}

// TestEventsSayTraining: and say nothing of it where there is none.
func TestEventsSayTraining(t *testing.T) {
	for _, training := range []bool{true, false} {
		text, err := json.Marshal(viewEvent(&Event{Kind: "sale.paid", Sale: payment.ID{1}, Training: training}))
		if err != nil || strings.Contains(string(text), `"training":true`) != training || strings.Contains(string(text), "false") {
			t.Errorf("training %v: %s, %v", training, text, err)
		}
	}
}
