package lane

import (
	"context"
	"time"

	"tilld/agent/clock"
	"tilld/agent/journal"
	"tilld/agent/payment"
)

// countersFor is the least number of days for which phones' counters are kept, whatever the policy says: a
// certificate lives 255 hours, and a counter that is forgotten lets its phone's old codes pay again.
const countersFor = 60

// lately is how old HQ's last word may be for retention to work. A lane asks every minute.
const lately = 10 * time.Minute

// Retain lets go of what the policy's retention lets go, unless that was done on this business date already
// (done), or a sale waits for a code. It returns the date on which it was done last: that of today, or done.
//
// How old something is HQ's time says, and no clock of the machine: one that was a month ahead for an hour took what
// accounts had spent today, and back on its date the lane counted from nothing. And HQ has to have spoken lately: one that
// was put back to a backup asks for what it has lost, and a lane that has not heard of that yet might let go of it.
func (l *Lane) Retain(ctx context.Context, done payment.Date) (payment.Date, error) {
	v, doc := l.View(), l.Bundle().Policy()
	if doc == nil || v.Day == 0 || v.Day == done || v.Stopped != nil || v.Phase.Waiting() {
		return done, nil
	}
	now, place := l.cfg.Clock.Read(), l.Place()
	if now.Trust != clock.Anchored || now.Age > lately {
		return done, nil
	}
	today := min(v.Day, payment.BusinessDate(now.Now, place.Zone, place.Roll))
	ago := func(days int) payment.Date { return payment.DateOf(today.Time().AddDate(0, 0, -days)) }
	days := int(doc.Retention)
	gone, err := l.cfg.Journal.Prune(ctx, journal.Retention{Entries: ago(days), Bodies: ago(days), Counters: ago(max(days, countersFor))})
	if err != nil {
		return done, err
	}
	l.cfg.Log.Info("retention", "business_date", v.Day.String(), "entries", gone.Entries, "bodies", gone.Bodies)
	return v.Day, nil
}
