package lane

import (
	"testing"

	"tilld/agent/payment"
	"tilld/sync/wire"
	"tilld/ui/manager"
)

// TestTheManagerSeesTheRevocation first, and whoever stands at the page isn't sent to the network cable.
func TestTheManagerSeesTheRevocation(t *testing.T) {
	n := joinedAt(t, t.TempDir(), "127.0.0.1:0")
	defer run(t, n)()
	n.lane.Acked(t.Context(), &wire.Ack{Revoked: true})
	b, err := screen{n}.Board(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list, err := b.Todos()
	if err != nil || len(list) == 0 || list[0].Kind != manager.TodoRevoked || b.Stopped != payment.ReasonNone || b.SmallLeft != 0 {
		t.Errorf("stopped %v, left %v, to do %+v, %v", b.Stopped, b.SmallLeft, list, err)
	}
	for _, x := range list {
		if x.Kind == manager.TodoOut || x.Kind == manager.TodoLine {
			t.Errorf("a revoked lane asks for the line: %+v", x)
		}
	}
}
