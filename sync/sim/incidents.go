package sim

import (
	"fmt"
	"time"

	"tilld/agent/payment"
	"tilld/sync/ingest/ingesttest"
	"tilld/sync/wire"
)

// incident lets something go wrong.
func (w *World) incident(i Incident) {
	w.trace("* %s", i)
	t := w.tills[i.Lane%len(w.tills)]
	switch i.Kind {
	case BadWeather:
		w.broker.SetFaults(w.plan.Weather)
		w.after(i.For, func() { w.broker.SetFaults(w.plan.Climate) })
	case LineDown:
		w.lineDown(t, i.For)
	case BrokerRestart:
		w.brokerRestart()
	case BrokerReplay:
		w.broker.Replay(i.Arg, i.For)
	case Forger:
		w.forge(i.Arg)
	case NewPolicy, PhoneRevoked, AccountRevoked, IssuerRevoked:
		w.office.paperwork(i)
	case HQKill, HQDisk, HQAway, HQBackup, HQPutBack, HQCut, HQDecides, HQArchive:
		w.office.incident(i)
	case LaneKill:
		t.crash()
	case LaneDisk:
		t.disk.Plan(i.How, i.Arg)
		w.after(i.For, t.disk.Mend)
	default:
		if !t.gone {
			t.incident(i)
		}
	}
}

func (w *World) lineDown(t *till, d time.Duration) {
	t.down = true
	t.disconnect()
	w.after(d, func() {
		t.down = false
		t.connect(0)
	})
}

// brokerRestart drops everybody, and everybody comes back in his own time.
func (w *World) brokerRestart() {
	w.broker.Restart()
	for _, t := range w.tills {
		t.disconnect()
		if !t.down {
			t.connect(between(t.random, time.Second, 30*time.Second))
		}
	}
	o, life := w.office, w.office.life
	w.after(between(o.random, time.Second, 30*time.Second), func() {
		if o.life == life {
			o.connect()
		}
	})
}

func (o *office) incident(i Incident) {
	w := o.w
	switch i.Kind {
	case HQKill:
		if o.books != nil {
			o.crash()
		}
	case HQDisk:
		o.disk.Plan(i.How, i.Arg)
		w.after(i.For, o.disk.Mend)
	case HQAway:
		o.down = true
		o.client.Down()
		w.after(i.For, func() { o.down = false; o.connect() })
	case HQBackup:
		if o.books != nil {
			o.keep()
		}
	case HQPutBack:
		o.putBack()
	case HQCut:
		o.cutNow()
	case HQDecides:
		o.decide()
	case HQArchive:
		o.shelf.fault, o.shelf.after = i.How, i.Arg
		w.after(i.For, o.shelf.mend)
	}
}

func (t *till) incident(i Incident) {
	w := t.w
	switch i.Kind {
	case LaneReboot:
		t.crash()
		t.clocks.reboot()
		t.clocks.offset += time.Duration(i.Arg) * time.Millisecond
	case LaneAsleep:
		t.asleep = w.loop.Now().Add(min(i.For, 12*time.Hour))
		t.disconnect()
		w.after(min(i.For, 12*time.Hour), func() {
			if t.p != nil && !t.down {
				t.p.ticking()
				t.connect(time.Second)
			}
		})
	case LanePutBack:
		t.putBack(time.Duration(i.Arg) * time.Minute)
	case LaneCloned:
		t.clone()
	case LaneLost:
		t.lose()
	case LaneEmptied:
		t.empty()
	case LaneKey:
		t.changeKey()
	case LaneRevoked:
		t.revokeTerminal()
	case ClockSet:
		t.clocks.offset += time.Duration(i.Arg) * time.Millisecond
	case ClockDrift:
		t.clocks.setDrift(int64(i.Arg))
	}
}

// changeKey gives the lane a new key.
func (t *till) changeKey() {
	if t.w.truth.twice[t.id] {
		return // HQ takes nothing new from a replaced key, so the other one of the two would have come to its end
	}
	next := ingesttest.Ed25519(t.w.t)
	t.do(func(p *program) {
		t.staged, t.changed = next, wire.Name{}
		if changed, err := p.journal.ChangeKey(t.w.ctx, next); err == nil {
			t.key, t.changed, t.staged = next, changed.Name(), nil
		}
	})
	if t.p != nil {
		t.p.step()
	}
}

// putBack makes a snapshot of the disk now, and puts it back later: what the disk learnt in between it forgets.
func (t *till) putBack(later time.Duration) {
	w := t.w
	image, err := t.disk.Image()
	w.must(err)
	memory, key, staged := t.memory.clone(), t.key, t.staged
	w.trace("lane %s: snapshot", t.name)
	w.after(later, func() {
		if t.gone || w.healed || len(image) == 0 {
			return
		}
		if t.key != key || t.staged != staged {
			t.lose() // HQ takes nothing new from a key that was replaced: the terminal has come to its end
			return
		}
		w.trace("lane %s: the snapshot is put back", t.name)
		t.crash()
		w.must(t.disk.Start(image))
		w.must(t.disk.Kill())
		t.memory, t.key, t.staged = memory, key, staged
		w.truth.twoHistories(t)
	})
}

// clone copies the disk to another machine: two lanes with one name and one key.
func (t *till) clone() {
	w := t.w
	image, err := t.disk.Image()
	w.must(err)
	if len(image) == 0 || len(w.tills) > w.plan.Lanes+2 {
		return
	}
	twin := w.newTill(fmt.Sprintf("%sx%d", t.name, len(w.tills)), t.lane, t.id, t.key, uint64(200+len(w.tills)))
	twin.staged = t.staged
	twin.first = t.first
	twin.rawTrust, twin.rawPolicy = t.rawTrust, t.rawPolicy
	twin.memory = t.memory.clone()
	w.must(twin.disk.Start(image))
	w.truth.twoHistories(t)
	w.trace("lane %s is cloned", t.name)
	twin.startIn(between(twin.random, time.Second, time.Hour))
}

// lose ends a machine with its disk. Another terminal takes the lane.
func (t *till) lose() {
	w := t.w
	w.must(t.disk.Kill())
	t.drop()
	t.client.Leave()
	t.gone = true
	w.truth.lostDisk[t.id] = true
	w.trace("lane %s: the disk is dead", t.name)
	t.replace()
}

// replace puts another terminal into the lane.
func (t *till) replace() {
	w := t.w
	next := w.newTill(fmt.Sprintf("%sn%d", t.lane, len(w.tills)), t.lane, w.chain.ID(), ingesttest.Ed25519(w.t), uint64(300+len(w.tills)))
	w.office.enrol(next)
	next.startIn(between(next.random, time.Minute, 2*time.Hour))
}

// empty takes the journal away and leaves the key.
func (t *till) empty() {
	w := t.w
	heard := t.changed.Seq > 0 && w.truth.stored[wire.Name{Terminal: t.id, Epoch: t.changed.Epoch}] >= t.changed.Seq
	if t.key.Public().KID() != t.first.KID() && (!heard || w.plan.has(HQPutBack)) {
		t.lose() // the change of key is gone here, and perhaps not there: the terminal has come to its end
		return
	}
	w.must(t.disk.Kill())
	t.drop()
	t.wipe()
	t.memory = newMemory()
	t.cause = payment.CauseRestore
	w.truth.lostDisk[t.id] = true
	w.trace("lane %s: the journal is gone", t.name)
	t.startIn(between(t.random, time.Minute, time.Hour))
}

// forge sends words in others' names: signed by nobody that is trusted, or for another purpose.
func (w *World) forge(n int) {
	r := w.stream(5)
	for range n {
		w.after(between(r, 0, 10*time.Minute), func() {
			t := w.tills[r.IntN(len(w.tills))]
			if t.p == nil {
				return
			}
			st, err := t.p.journal.State(w.ctx)
			if err != nil {
				return
			}
			typ := []wire.Typ{wire.TypAck, wire.TypAck, wire.TypHello, wire.TypBeat}[r.IntN(4)]
			e := st.Epochs[r.IntN(len(st.Epochs))]
			raw, err := wire.Seal(w.forger, typ, &wire.Ack{
				Version: wire.MessageVersion, HQEpoch: st.HQEpoch + uint64(r.IntN(2)), Nonce: make([]byte, wire.NonceSize), Time: w.loop.Now().UnixMilli(),
				Terminal: t.id, Epoch: e.Epoch, Acked: e.Last, Head: e.Head, Judged: e.Last, Results: []wire.Result{}, Echo: []byte{},
			})
			w.must(err)
			topic := wire.DownTopic(t.id)
			if typ == wire.TypBeat {
				topic = wire.UpTopic(t.id)
			}
			w.broker.Inject(topic, wire.FrameSigned(raw))
		})
	}
}
