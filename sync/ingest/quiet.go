package ingest

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// quiet logs what anybody with access to the broker can cause: each kind at most once in a while, with the
// number that was left out, so that nobody can fill the disk.
type quiet struct {
	log  *slog.Logger
	now  func() time.Time
	mu   sync.Mutex
	last map[string]*repeat // by message: a fixed set
}

type repeat struct {
	at   time.Time
	more int
}

// often is how long a kind of message keeps quiet.
const often = 10 * time.Second

func (q *quiet) warn(ctx context.Context, msg string, args ...any) {
	q.say(ctx, slog.LevelWarn, msg, args)
}

func (q *quiet) error(ctx context.Context, msg string, args ...any) {
	q.say(ctx, slog.LevelError, msg, args)
}

func (q *quiet) say(ctx context.Context, level slog.Level, msg string, args []any) {
	q.mu.Lock()
	now := q.now()
	r := q.last[msg]
	if r == nil {
		r = new(repeat)
		q.last[msg] = r
	} else if d := now.Sub(r.at); d >= 0 && d < often {
		r.more++
		q.mu.Unlock()
		return
	}
	more := r.more
	r.at, r.more = now, 0
	q.mu.Unlock()
	q.log.Log(ctx, level, msg, append(args, "more", more)...)
}
