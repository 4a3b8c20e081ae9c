package lane

import (
	"testing"

	"tilld/agent/checkout"
	"tilld/sync/wire"
)

// TestForkIsShownUntilHQSaysOtherwise: who stands at a till whose journal exists twice must know, over a restart
// of the program too, and the till sells on.
func TestForkIsShownUntilHQSaysOtherwise(t *testing.T) {
	r := newRig(t, nil)
	r.sale(100)
	r.scan(r.phone(1).code())
	r.ok(r.lane.Next(t.Context()))
	if r.lane.View().Twice {
		t.Error("shown before anybody said so")
	}
	at, err := r.journal.State(t.Context())
	r.ok(err)
	told := &wire.Ack{Version: 1, HQEpoch: 5, Terminal: r.id, Epoch: at.Current.Epoch, Acked: at.Current.Last + 1, Head: make([]byte, wire.HashSize)}
	res, err := r.journal.Acknowledge(t.Context(), told, nil)
	r.ok(err)
	if !res.Fork {
		t.Fatalf("no fork: %+v", res)
	}
	r.ok(r.lane.Forked(t.Context(), at.Current.Epoch))
	r.sale(100)
	if v := r.scan(r.phone(2).code()); v.Phase != checkout.Paid || !v.Twice {
		t.Errorf("behind the fork: %v, twice %v", v.Phase, v.Twice)
	}
	r.ok(r.lane.Next(t.Context()))

	r.restart()
	if !r.lane.View().Twice {
		t.Error("forgotten by a restart")
	}
	at, err = r.journal.State(t.Context())
	r.ok(err)
	ack := &wire.Ack{Version: 1, HQEpoch: 5, Terminal: r.id, Epoch: at.Current.Epoch, Acked: at.Current.Last, Head: at.Current.Head, Twice: true}
	for _, twice := range []bool{true, false} {
		ack.Twice = twice
		_, err = r.journal.Acknowledge(t.Context(), ack, nil)
		r.ok(err)
		r.lane.Acked(t.Context(), ack)
		if r.lane.View().Twice != twice {
			t.Errorf("HQ says %v, shown is %v", twice, !twice)
		}
	}
	r.restart()
	if r.lane.View().Twice {
		t.Error("an old fork is shown again after a restart")
	}
}

// TestLostIsTold: that HQ lost something changes the view, and wakes the screens.
func TestLostIsTold(t *testing.T) {
	r := newRig(t, nil)
	o := Online{Up: true, Since: r.time()}
	r.lane.SetOnline(o)
	changes := r.lane.Changes(t.Context())
	o.Lost = true
	r.lane.SetOnline(o)
	<-changes
	if !r.lane.View().Online.Lost {
		t.Error("not shown")
	}
}
