package uplink

import "time"

// flow is one epoch's window: which batches are on their way, and whether one more may leave.
type flow struct {
	acked  uint64
	sent   uint64   // highest sequence handed to the link since the last rewind
	lasts  []uint64 // last sequences of the batches in flight, rising
	rewind uint64   // acked+1 at the last rewind that a gap asked for; 0: none
	moved  time.Time
}

// ack takes HQ's cursor; it may lie below ours when HQ was restored from a backup.
func (f *flow) ack(acked uint64, now time.Time) {
	if acked == f.acked {
		return
	}
	if acked < f.acked {
		f.sent, f.lasts = acked, nil
	}
	f.acked, f.moved, f.rewind = acked, now, 0
	f.sent = max(f.sent, acked)
	for len(f.lasts) > 0 && f.lasts[0] <= acked {
		f.lasts = f.lasts[1:]
	}
}

// restart forgets what is on its way: it is to be sent again from acked+1.
func (f *flow) restart(now time.Time) { f.sent, f.lasts, f.moved = f.acked, nil, now }

// gap is HQ's request to send again. Every batch behind a lost one asks; only the first request at a
// position counts, the back-off covers the loss of its answer.
func (f *flow) gap(now time.Time) {
	if f.rewind == f.acked+1 {
		return
	}
	f.rewind = f.acked + 1
	f.restart(now)
}

// ready says whether a batch may leave: while nothing is in flight any batch may, behind one in flight only
// a full one, so that single sales go at once and a backlog fills its batches.
func (f *flow) ready(last uint64, window, full int) bool {
	waiting := last - f.sent
	if last <= f.sent || len(f.lasts) >= window {
		return false
	}
	return len(f.lasts) == 0 || waiting >= uint64(full)
}

// left notes a batch that was handed to the link.
func (f *flow) left(last uint64, now time.Time) {
	if len(f.lasts) == 0 {
		f.moved = now
	}
	f.sent = last
	f.lasts = append(f.lasts, last)
}

// stalled says whether something has been in flight for d without any progress.
func (f *flow) stalled(now time.Time, d time.Duration) bool {
	return len(f.lasts) > 0 && now.Sub(f.moved) >= d
}
