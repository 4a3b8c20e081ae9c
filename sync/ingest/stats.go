package ingest

import (
	"slices"
	"sync/atomic"
)

// Stats counts what happened since the start.
type Stats struct {
	Messages uint64 // taken by Handle
	Dropped  uint64 // not taken, because the owner gave up waiting for a place in the queue

	Stored  uint64 // entries that were not held before
	Repeats uint64 // batches that were held already
	Gaps    uint64 // batches behind something that is missing
	Forks   uint64 // batches that began another history
	Commits uint64
	Beats   uint64

	Broken     uint64 // messages that are no batch and no beat, or of a later release
	WrongTopic uint64 // signed for another terminal than the topic's
	Unknown    uint64 // of terminals that are not enrolled
	Unsigned   uint64 // signatures or chains that do not hold
	WrongKey   uint64 // signed by a key that is not in force, or not known yet
	Refused    uint64 // other batches that could not be placed
	Failed     uint64 // messages whose transaction failed

	Acks        uint64 // sent
	AcksLost    uint64 // not sent: the queue was full or the road refused
	Judged      uint64 // entries
	Exceptions  uint64
	PostRetries uint64 // transactions of the poster that were taken apart because one entry in them failed
	Practice    uint64 // entries of practice sales under a policy that allows none

	Waiting int // messages in the queues now
}

type counters struct {
	messages, dropped                                                atomic.Uint64
	stored, repeats, gaps, forks, commits, beats                     atomic.Uint64
	broken, wrongTopic, unknown, unsigned, wrongKey, refused, failed atomic.Uint64
	acks, acksLost, judged, exceptions, postRetries, practice        atomic.Uint64
}

// Stats is safe to call from anywhere.
func (g *Ingest) Stats() Stats {
	n := &g.count
	s := Stats{
		Messages: n.messages.Load(), Dropped: n.dropped.Load(),
		Stored: n.stored.Load(), Repeats: n.repeats.Load(), Gaps: n.gaps.Load(), Forks: n.forks.Load(),
		Commits: n.commits.Load(), Beats: n.beats.Load(),
		Broken: n.broken.Load(), WrongTopic: n.wrongTopic.Load(), Unknown: n.unknown.Load(), Unsigned: n.unsigned.Load(),
		WrongKey: n.wrongKey.Load(), Refused: n.refused.Load(), Failed: n.failed.Load(),
		Acks: n.acks.Load(), AcksLost: n.acksLost.Load(), Judged: n.judged.Load(), Exceptions: n.exceptions.Load(),
		PostRetries: n.postRetries.Load(), Practice: n.practice.Load(), Waiting: len(g.verified) + len(g.express.verified),
	}
	for _, q := range slices.Concat(g.inbox, g.express.inbox) {
		s.Waiting += len(q)
	}
	return s
}
