package mqtt

import (
	"fmt"
	"log/slog"
	"sync/atomic"
)

// A brokerLog passes the server's log on. The server writes whole sentences, with addresses and
// client IDs but, below its trace level (which stays off), no payloads; they become one field of a
// constant message. What the server thinks fatal it says here and then goes on, half started.
type brokerLog struct {
	log     *slog.Logger
	fatal   chan string // the first fatal message while starting
	started atomic.Bool
}

func newBrokerLog(log *slog.Logger) *brokerLog {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &brokerLog{log: log, fatal: make(chan string, 1)}
}

const (
	brokerSays = "mqtt: the broker says"
	keyText    = "text"
)

// Noticef is for the server's greeting and every stream it opens: nothing an operator waits for.
func (l *brokerLog) Noticef(format string, v ...any) {
	l.log.Debug(brokerSays, keyText, text(format, v))
}

// Warnf passes a warning on.
func (l *brokerLog) Warnf(format string, v ...any) { l.log.Warn(brokerSays, keyText, text(format, v)) }

// Errorf passes an error on; most are a client's, like a password that is wrong.
func (l *brokerLog) Errorf(format string, v ...any) {
	l.log.Error(brokerSays, keyText, text(format, v))
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
