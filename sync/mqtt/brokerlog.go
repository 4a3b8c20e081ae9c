package mqtt

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// A brokerLog passes the server's log on. The server writes whole sentences, with addresses and
// client IDs but, below its trace level (which stays off), no payloads; they become one field of a
// constant message. What the server thinks fatal it says here and then goes on, half started.
type brokerLog struct {
	log     *slog.Logger
	fatal   chan string // the first fatal message while starting
	started atomic.Bool

	// Whoever reaches the port can make the server complain, of a password or of every message.
	limit  *rate.Limiter
	unsaid atomic.Int64 // complaints since the last that was passed on

	broken atomic.Pointer[string] // the first complaint of a store that takes nothing more
}

func newBrokerLog(log *slog.Logger) *brokerLog {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &brokerLog{log: log, fatal: make(chan string, 1), limit: rate.NewLimiter(rate.Every(complaintEvery), complaintsAtOnce)}
}

const (
	brokerSays = "mqtt: the broker says"
	keyText    = "text"
	keyUnsaid  = "unsaid" // complaints that were left out since the last one
)

// Complaints that are passed on: so many at once, then one every so often.
const (
	complaintsAtOnce = 50
	complaintEvery   = 10 * time.Second
)

// Noticef is for the server's greeting and every stream it opens: nothing an operator waits for.
func (l *brokerLog) Noticef(format string, v ...any) {
	l.log.Debug(brokerSays, keyText, text(format, v))
}

// Warnf passes a warning on.
func (l *brokerLog) Warnf(format string, v ...any) { l.complain(slog.LevelWarn, format, v) }

// Errorf passes an error on; most are a client's, like a password that is wrong.
func (l *brokerLog) Errorf(format string, v ...any) {
	if isStoreError(format) {
		why := text(format, v)
		l.broken.CompareAndSwap(nil, &why)
	}
	l.complain(slog.LevelError, format, v)
}

// isStoreError reports whether the server says by format that a store of its keeps an error for good: the messages of
// a stream, a stream, or one who reads it. What a client sent is never in such a format, and only the format is looked
// at, so that nobody ends a broker by the name that he gives himself.
func isStoreError(format string) bool {
	return (strings.HasPrefix(format, "Filestore [") || strings.HasPrefix(format, "JetStream ")) &&
		strings.HasSuffix(format, "ritical write error: %v")
}

func (l *brokerLog) complain(level slog.Level, format string, v []any) {
	if !l.limit.Allow() {
		l.unsaid.Add(1)
		return
	}
	args := []any{keyText, text(format, v)}
	if n := l.unsaid.Swap(0); n > 0 {
		args = append(args, keyUnsaid, n)
	}
	l.log.Log(context.Background(), level, brokerSays, args...)
}

// Fatalf keeps the first for StartBroker, which returns it, and logs what comes later.
func (l *brokerLog) Fatalf(format string, v ...any) {
	if l.started.Load() {
		l.Errorf(format, v...)
		return
	}
	select {
	case l.fatal <- text(format, v):
	default: // what follows from the first
	}
}

// Debugf is off.
func (l *brokerLog) Debugf(string, ...any) {}

// Tracef is off: it would show payloads.
func (l *brokerLog) Tracef(string, ...any) {}

func text(format string, v []any) string { return fmt.Sprintf(format, v...) }
