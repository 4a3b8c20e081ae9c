package hq

import (
	"errors"
	"io"
	"net/http"
	"time"

	"tilld/sync/authorise"
)

// Limits of the second road.
const (
	maxAsk   = 8 << 10         // bytes: the longest code, sealed, and all around it
	askHands = 5 * time.Second // within which a body has to be here
)

// askRoad is POST /v1/ask, the second road of what lanes ask: the same signed messages as on the broker, for when that is
// away. Nobody signs in, since the message is signed. FORMAT.md of sync/wire says what is answered.
func (n *Node) askRoad(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(askHands)) // real connections can; others have no slow clients
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAsk))
	_ = control.SetReadDeadline(time.Time{})
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		http.Error(w, "at most 8192 bytes", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "the body did not come", http.StatusBadRequest)
		return
	}
	reply, err := n.asks.server.Answer(r.Context(), body)
	switch {
	case errors.Is(err, authorise.ErrNoRoom):
		w.Header().Set("Retry-After", "1")
		http.Error(w, "no room now", http.StatusServiceUnavailable)
	case err != nil: // the log has it, or nobody is there any more
		http.Error(w, "HQ can't answer now", http.StatusServiceUnavailable)
	case reply == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(reply) // who asked may have gone; he asks again
	}
}
