package uplink

import (
	"bytes"
	"context"
	"slices"
	"time"

	"tilld/sync/wire"
)

const (
	probeWithin = 3 * time.Second // a probe without an answer on either road says that HQ is away
	probeAgain  = time.Second     // and is sent again meanwhile
	probeQuiet  = time.Minute     // between probes when nothing else was heard
	maxProbes   = 4               // probes that may still be answered
)

// reach is whether HQ answers, by the evidence of probes. It belongs to the goroutine of Run.
type reach struct {
	known, up bool
	down      []string  // wallets, as the pong to the newest probe named them
	downAsOf  time.Time // when that probe was put
	probe     *probe    // under way; nil: none
	last      []asked   // probes, oldest first
	next      time.Time // of the next probe
	wait      time.Duration
	fell      time.Time // when HQ was last found away
	first     time.Time // when the first fresh answer since then came; zero: none
	onRoad    bool
}

// probe is one question, sent several times.
type probe struct {
	payload []byte // nil: not signed yet
	began   time.Time
	due     time.Time
	tries   int
}

// begin puts the question now, unless it is put already.
func (r *reach) begin(now time.Time) {
	if r.probe == nil {
		r.probe = &probe{began: now, due: now}
	}
}

// wakes is when there is something to do.
func (r *reach) wakes() time.Time {
	if r.probe == nil {
		return r.next
	}
	if ends := r.probe.began.Add(probeWithin); ends.Before(r.probe.due) {
		return ends
	}
	return r.probe.due
}

// feel carries the probe on.
func (a *Asker) feel(ctx context.Context, now time.Time, jammed bool) {
	r := &a.reach
	if r.probe != nil && now.Sub(r.probe.began) >= probeWithin {
		a.unanswered(now)
	}
	if r.probe == nil && !now.Before(r.next) {
		r.begin(now)
	}
	p := r.probe
	if p == nil || now.Before(p.due) {
		return
	}
	p.tries++
	p.due = now.Add(probeAgain)
	if p.payload == nil {
		q := asked{nonce: a.nonce(), sent: now}
		if r.last = append(r.last, q); len(r.last) > maxProbes {
			r.last = r.last[1:]
		}
		var err error
		p.payload, err = a.signed(wire.TypProbe, &wire.Probe{Version: wire.MessageVersion, Terminal: a.cfg.Terminal, Challenge: q.nonce})
		if err != nil {
			return
		}
	}
	placed := !jammed && a.send(ctx, p.payload)
	if (!placed || p.tries > 1) && !r.onRoad {
		r.onRoad = a.call(ctx, p.payload, probeFor, func() { r.onRoad = false })
	}
}

// unanswered is the only evidence that HQ is away.
func (a *Asker) unanswered(now time.Time) {
	r := &a.reach
	r.probe, r.first = nil, time.Time{}
	r.next = now.Add(a.jittered(r.wait))
	r.wait = min(2*r.wait, probeQuiet)
	if r.up || !r.known {
		r.known, r.up, r.fell, r.down = true, false, now, nil
		a.tell(now)
	}
}

// heard is evidence that HQ answered a question of ours that was put at sent.
func (a *Asker) heard(sent, now time.Time) {
	r := &a.reach
	if r.known && !r.up && sent.Before(r.fell) { // too late for its probe, but somebody is there
		r.begin(now)
		return
	}
	if r.probe != nil && !sent.Before(r.probe.began) {
		r.probe = nil
	}
	if quiet := sent.Add(a.jittered(probeQuiet)); quiet.After(r.next) { // it was there then, however late we hear of it
		r.next = quiet
	}
	switch {
	case r.up:
	case !r.known, !r.first.IsZero() && !sent.Before(r.first):
		r.known, r.up, r.wait, r.first = true, true, firstWait, time.Time{}
		a.tell(now)
	default: // once is no road: ask again at once
		if r.first.IsZero() {
			r.first = now
		}
		r.begin(now)
	}
}

func (a *Asker) pong(sealed []byte) {
	var p wire.Pong
	err := open(sealed, wire.TypPong, a.cfg.HQKeys(), &p)
	if err == nil {
		err = p.Validate()
	}
	if err != nil {
		a.refuse("pong", err)
		return
	}
	if !a.ours("pong", p.Terminal, p.HQEpoch) {
		return
	}
	i := slices.IndexFunc(a.reach.last, func(q asked) bool { return bytes.Equal(q.nonce, p.Echo) })
	if i < 0 { // to an old probe, or somebody sends it again
		return
	}
	sent, now, r := a.reach.last[i].sent, a.cfg.Now(), &a.reach
	r.last = slices.Delete(r.last, i, i+1) // once, whichever road it comes by
	was, wasUp := r.down, r.up
	if !sent.Before(r.downAsOf) {
		r.downAsOf, r.down = sent, p.Down
	}
	a.heard(sent, now)
	if wasUp && !slices.Equal(was, r.down) {
		a.tell(now)
	}
}

// tell says what has changed.
func (a *Asker) tell(now time.Time) {
	up, down := a.reach.up, slices.Clone(a.reach.down)
	a.note(func(st *AskerStatus) {
		if st.Up != up || !st.Known {
			st.Since = now
		}
		st.Known, st.Up, st.Down = true, up, down
	})
	a.cfg.OnReach(up, down)
}
