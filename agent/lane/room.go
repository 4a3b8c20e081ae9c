package lane

import (
	"time"

	"tilld/agent/payment"
)

// probeEvery is how often a disk that had no room is tried, by writing.
const probeEvery = 5 * time.Second

// checkRoom asks the journal's disks whether there is room for another sale: by what they say is free while all is
// well, by writing when it was not. What has begun may end: a sale that is open can be paid and cancelled.
func (l *Lane) checkRoom() {
	if l.room == nil {
		l.noteRoom(l.cfg.Journal.Room())
		return
	}
	now := l.cfg.Clock.Boot()
	if since := now - l.probedAt; since >= 0 && since < probeEvery {
		return
	}
	l.probe()
}

// probe writes to the disks.
func (l *Lane) probe() error {
	l.probedAt = l.cfg.Clock.Boot()
	err := l.cfg.Journal.Probe()
	l.noteRoom(err)
	return err
}

// noteRoom says once what was found, and that it is over.
func (l *Lane) noteRoom(err error) {
	switch {
	case err != nil && l.room == nil:
		l.cfg.Log.Error("no room for another sale; nothing new is sold until there is", "error", err)
	case err == nil && l.room != nil:
		l.cfg.Log.Info("there is room for sales again")
	}
	l.room = err
}

// begin refuses a new sale while there is no room for it.
func (l *Lane) begin() error {
	if l.room == nil {
		return nil
	}
	return payment.Errorf(payment.Retry, "lane.OpenSale", "this lane can't record another sale: %w", l.room)
}
