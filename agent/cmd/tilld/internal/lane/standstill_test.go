package lane

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tilld/agent/checkout"
	"tilld/agent/journal"
	"tilld/agent/lane"
	"tilld/agent/payment"
	"tilld/ui/cashier"
)

// TestStandstill: why nothing is sold is one thing on the page, for the shop's program and in /healthz; and what
// has begun may end where only a new sale has no room.
func TestStandstill(t *testing.T) {
	full := fmt.Errorf("%w: /var has 3 MiB free", journal.ErrNoRoom)
	gone := errors.New("trying the disk: input/output error")
	stopped := &journal.StoppedError{Cause: errors.New("disk I/O error")}
	open := lane.View{Phase: checkout.Open, Room: full}
	paid := lane.View{Phase: checkout.Paid, Room: full}
	cleared := paid
	cleared.Cleared = true
	for _, tt := range []struct {
		name   string
		view   lane.View
		state  cashier.State
		reason payment.Reason // on the page
		why    payment.Reason
	}{
		{"all is well", lane.View{}, cashier.Idle, payment.ReasonNone, payment.ReasonNone},
		{"the disk is full", lane.View{Room: full}, cashier.Stopped, payment.StorageFull, payment.StorageFull},
		{"the disk takes nothing", lane.View{Room: gone}, cashier.Stopped, payment.JournalStopped, payment.JournalStopped},
		{"the journal has stopped", lane.View{Stopped: stopped}, cashier.Stopped, payment.JournalStopped, payment.JournalStopped},
		{"it has stopped on a full disk", lane.View{Stopped: stopped, Room: full}, cashier.Stopped, payment.StorageFull, payment.StorageFull},
		{"a sale is open", open, cashier.Waiting, payment.ReasonNone, payment.StorageFull},
		{"a sale was paid", paid, cashier.Paid, payment.ReasonNone, payment.StorageFull},
		{"and cleared", cleared, cashier.Stopped, payment.StorageFull, payment.StorageFull},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c cashier.View
			if got := state(tt.view, &c); got != tt.state || c.Reason != tt.reason {
				t.Errorf("the page says %s, %s", got, c.Reason)
			}
			if got := standstill(tt.view); got != tt.why {
				t.Errorf("it stands still for %s", got)
			}
		})
	}
}

// TestBlocked: HQ's word that the lane is closed is said before its policy says so, and before all else.
func TestBlocked(t *testing.T) {
	for _, tt := range []struct {
		view lane.View
		want payment.Reason
	}{
		{lane.View{}, payment.ReasonNone},
		{lane.View{Revoked: true}, payment.TerminalRevoked},
		{lane.View{Revoked: true, Blocked: payment.ClockUntrusted}, payment.TerminalRevoked},
		{lane.View{Blocked: payment.NoPolicy}, payment.NoPolicy},
	} {
		if got := blocked(tt.view); got != tt.want {
			t.Errorf("%v, %v: %v", tt.view.Revoked, tt.view.Blocked, got)
		}
	}
}

func TestHealth(t *testing.T) {
	for why, want := range map[payment.Reason]string{
		payment.ReasonNone: "ok", payment.StorageFull: "storage full", payment.JournalStopped: "the journal has stopped",
	} {
		w := httptest.NewRecorder()
		sayHealth(w, why)
		status := http.StatusServiceUnavailable
		if why == payment.ReasonNone {
			status = http.StatusOK
		}
		if w.Code != status || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%s: %d %q", why, w.Code, w.Body)
		}
	}
}
