package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrOver is render's word that its reader may see nothing more. The page then loads itself anew.
var ErrOver = errors.New("the live view is over")

// Beat is how often a live stream shows that it lives. The page gives up on it after three times that.
const Beat = time.Second

// Live answers with server-sent events: an event "view" with the fragment that render writes, at once and
// after each change, and an event "beat" in between. It ends with the request. A view that did not change
// is not sent again. render's error ends the stream, and the page says that it is not connected; ErrOver ends it
// with an event "over", at which the page loads itself anew (and shows the sign-in).
func Live(w http.ResponseWriter, r *http.Request, changes <-chan struct{}, render func(*bytes.Buffer) error) error {
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	tick := time.NewTicker(Beat)
	defer tick.Stop()
	var last []byte
	for {
		var b bytes.Buffer
		if err := render(&b); errors.Is(err, ErrOver) {
			_ = send(w, out, "event: over\ndata:\n\n") // a reader that has gone needs no word
			return nil
		} else if err != nil {
			return err
		}
		event := "event: beat\ndata:\n\n"
		if !bytes.Equal(b.Bytes(), last) {
			last = b.Bytes()
			event = "event: view\n" + dataLines(last) + "\n"
		}
		if err := send(w, out, event); err != nil {
			return nil // the reader has gone
		}
		select {
		case <-r.Context().Done():
			return nil
		case _, open := <-changes:
			if !open {
				return context.Canceled
			}
		case <-tick.C:
		}
	}
}

func send(w http.ResponseWriter, out *http.ResponseController, event string) error {
	// A reader that takes nothing must not hold the stream's memory for ever.
	if err := out.SetWriteDeadline(time.Now().Add(5 * Beat)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := fmt.Fprint(w, event); err != nil {
		return err
	}
	return out.Flush()
}

// dataLines writes text as the data of one event.
func dataLines(text []byte) string {
	var b bytes.Buffer
	for line := range bytes.Lines(text) {
		b.WriteString("data: ")
		b.Write(bytes.TrimRight(line, "\r\n"))
		b.WriteByte('\n')
	}
	return b.String()
}
