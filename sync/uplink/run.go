package uplink

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"tilld/sync/wire"
)

const (
	firstWait     = 5 * time.Second // before the first question about a silence
	maxChallenges = 4               // questions of ours that may still be answered
	maxPending    = 64              // downward messages waiting to be read
	sayEvery      = time.Minute     // between log lines about refused messages
)

// Uplink is the lane's end of the road to HQ. Make it with New; run Run once.
type Uplink struct {
	cfg    Config
	events chan func(context.Context) error
	wake   chan struct{}

	mu     sync.Mutex
	status Status

	// Everything below belongs to the goroutine of Run.
	link       bool
	nonce      []byte // HQ's session; nil until it has spoken
	hqEpoch    uint64
	flows      map[uint64]*flow
	challenges []challenge
	wait       time.Duration
	nextBeat   time.Time
	said       time.Time // when the log last heard of a refusal
	unsaid     int       // refusals since
}

type challenge struct {
	nonce []byte
	sent  time.Duration
}

// New checks nothing but fills in defaults; a missing field of Config is a fault of the caller's.
func New(cfg Config) *Uplink {
	cfg.defaults()
	return &Uplink{
		cfg:    cfg,
		events: make(chan func(context.Context) error, maxPending),
		wake:   make(chan struct{}, 1),
		flows:  map[uint64]*flow{},
		wait:   firstWait,
	}
}

// Status is safe to call from anywhere.
func (u *Uplink) Status() Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.status
}

// LinkUp and LinkDown are told by the owner of the connection.
func (u *Uplink) LinkUp() { u.post(u.linkUp) }

// LinkDown notes why, for people.
func (u *Uplink) LinkDown(reason error) {
	u.post(func(context.Context) error { return u.linkDown(reason) })
}

// Message takes a downward message. When too many wait it is dropped: each can be asked for again.
func (u *Uplink) Message(payload []byte) {
	select {
	case u.events <- func(ctx context.Context) error { return u.message(ctx, payload) }:
	default:
		u.note(func(s *Status) { s.Refused++ })
	}
}

// Appended says that the journal has grown, or that somebody wants it sent now.
func (u *Uplink) Appended() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// SendNow asks HQ at once, whatever the back-off says.
func (u *Uplink) SendNow() {
	u.post(func(ctx context.Context) error { u.wait = firstWait; return u.beat(ctx) })
}

func (u *Uplink) post(f func(context.Context) error) { u.events <- f }

func (u *Uplink) note(f func(*Status)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	f(&u.status)
}

// Run works until ctx ends. An error is the journal's: the owner reopens it and runs again.
func (u *Uplink) Run(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next, err := u.runOnce(ctx)
		if err != nil {
			return err
		}
		timer.Reset(next)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case f := <-u.events:
			if err := f(ctx); err != nil {
				return err
			}
		case <-u.wake:
		case <-timer.C:
		}
	}
}

// runOnce sends what may be sent now and returns how long to sleep when nothing happens.
func (u *Uplink) runOnce(ctx context.Context) (time.Duration, error) {
	if !u.link {
		return time.Hour, nil
	}
	if u.nonce != nil {
		if err := u.send(ctx); err != nil {
			return 0, err
		}
	}
	now := u.cfg.Now()
	if u.stalled(now) || !now.Before(u.nextBeat) {
		if err := u.ask(ctx, now); err != nil {
			return 0, err
		}
	}
	return u.sleep(now), nil
}

func (u *Uplink) stalled(now time.Time) bool {
	for _, f := range u.flows {
		if f.stalled(now, u.wait) {
			return true
		}
	}
	return false
}

// ask puts a beat after a silence and waits longer before the next one.
func (u *Uplink) ask(ctx context.Context, now time.Time) error {
	silent := u.nonce == nil || u.stalled(now)
	if silent { // send nothing more until HQ has answered
		u.nonce = nil
		for _, f := range u.flows {
			f.restart(now)
		}
	}
	if err := u.beat(ctx); err != nil {
		return err
	}
	if silent {
		u.wait = min(2*u.wait, u.cfg.Slowest)
		u.nextBeat = now.Add(u.jittered(u.wait))
		if u.wait > 2*firstWait {
			u.setHQ(false)
		}
	}
	return nil
}

func (u *Uplink) sleep(now time.Time) time.Duration {
	at := u.nextBeat
	for _, f := range u.flows {
		if due := f.moved.Add(u.wait); len(f.lasts) > 0 && due.Before(at) {
			at = due
		}
	}
	return max(at.Sub(now), time.Millisecond)
}

// jittered spreads d over its last quarter, so that lanes which lost HQ together don't ask together.
func (u *Uplink) jittered(d time.Duration) time.Duration {
	return d - time.Duration(u.cfg.Jitter()*float64(d)/4)
}

func (u *Uplink) linkUp(ctx context.Context) error {
	u.link, u.nonce, u.wait = true, nil, firstWait
	u.challenges = nil
	u.note(func(s *Status) { s.Link, s.Reason = true, "" })
	return u.beat(ctx)
}

func (u *Uplink) linkDown(reason error) error {
	u.link, u.nonce = false, nil
	now := u.cfg.Now()
	for _, f := range u.flows {
		f.restart(now)
	}
	u.note(func(s *Status) {
		s.Link = false
		if reason != nil {
			s.Reason = reason.Error()
		}
	})
	u.setHQ(false)
	return nil
}

func (u *Uplink) setHQ(up bool) {
	now := u.cfg.Now()
	u.note(func(s *Status) {
		if s.HQ != up || s.Since.IsZero() {
			s.HQ, s.Since = up, now
		}
	})
}

// send fills every epoch's window.
func (u *Uplink) send(ctx context.Context) error {
	state, err := u.cfg.Outbox.State(ctx)
	if err != nil {
		return fmt.Errorf("reading the outbox: %w", err)
	}
	for _, e := range state.Epochs {
		f := u.flow(e)
		for f.ready(e.Last, u.cfg.Window, u.cfg.MaxEntries) {
			sent, err := u.sendBatch(ctx, e.Epoch, f)
			if err != nil {
				return err
			}
			if !sent {
				return nil
			}
		}
	}
	return nil
}

func (u *Uplink) flow(e Epoch) *flow {
	f, ok := u.flows[e.Epoch]
	if !ok {
		f = &flow{acked: e.Acked, sent: e.Acked, moved: u.cfg.Now()}
		u.flows[e.Epoch] = f
	}
	return f
}

// sendBatch hands over the next batch; false means that the link took nothing.
func (u *Uplink) sendBatch(ctx context.Context, epoch uint64, f *flow) (bool, error) {
	b, err := u.cfg.Outbox.Batch(ctx, epoch, f.sent, u.cfg.MaxEntries, u.cfg.MaxBytes)
	if err != nil {
		return false, fmt.Errorf("reading the outbox: %w", err)
	}
	if b == nil {
		return false, nil
	}
	msg, err := wire.EncodeBatch(b)
	if err != nil {
		return false, fmt.Errorf("entries %d to %d: %w", b.First, b.Last(), err)
	}
	if err := u.cfg.Link.Publish(ctx, wire.UpTopic(u.cfg.Terminal), 1, msg); err != nil {
		u.cfg.Log.Debug("batch not handed over", "seq", b.Last(), "error", err)
		return false, ctx.Err()
	}
	f.left(b.Last(), u.cfg.Now())
	u.note(func(s *Status) { s.Published++ })
	return true, nil
}

// beat says where the lane stands and asks HQ where it stands.
func (u *Uplink) beat(ctx context.Context) error {
	pause := u.cfg.Quiet
	if u.nonce == nil { // HQ has not spoken yet: the question may be lost, so it is put again soon
		pause = u.wait
	}
	u.nextBeat = u.cfg.Now().Add(u.jittered(pause))
	if !u.link {
		return nil
	}
	state, err := u.cfg.Outbox.State(ctx)
	if err != nil {
		return fmt.Errorf("reading the outbox: %w", err)
	}
	c := challenge{nonce: make([]byte, wire.NonceSize), sent: u.cfg.Boot()}
	u.cfg.Random(c.nonce)
	if u.challenges = append(u.challenges, c); len(u.challenges) > maxChallenges {
		u.challenges = u.challenges[1:]
	}
	for _, e := range beatEpochs(state) {
		b := u.beatOf(state, e, c)
		if b.Count, err = u.cfg.Outbox.NextBeat(ctx, b.Wall); err != nil {
			return fmt.Errorf("numbering a beat: %w", err)
		}
		sealed, err := wire.Seal(u.cfg.Signer(), wire.TypBeat, b)
		if err != nil {
			return fmt.Errorf("signing a beat: %w", err)
		}
		if err := u.cfg.Link.Publish(ctx, wire.UpTopic(u.cfg.Terminal), 0, wire.FrameSigned(sealed)); err != nil {
			u.cfg.Log.Debug("beat not handed over", "error", err)
			return ctx.Err()
		}
	}
	return nil
}

// beatEpochs is the current epoch, and the older ones of which HQ lacks something, or may: it was restored
// from a backup since it spoke of them.
func beatEpochs(s State) []Epoch {
	var list []Epoch
	for _, e := range s.Epochs {
		if e.Epoch == s.Current || e.Acked < e.Last || e.HQEpoch < s.HQEpoch {
			list = append(list, e)
		}
	}
	return list
}

func (u *Uplink) beatOf(s State, e Epoch, c challenge) *wire.Beat {
	b := &wire.Beat{
		Version: wire.MessageVersion, Terminal: u.cfg.Terminal, Epoch: e.Epoch, Last: e.Last, Acked: e.Acked,
		HQEpoch: s.HQEpoch, Policy: u.cfg.Policy(), Challenge: c.nonce, Wall: u.cfg.Now().UnixMilli(), Software: u.cfg.Software,
	}
	if e.Epoch == s.Current {
		b.Head = s.Head
	}
	return b
}

// message takes one downward message. Only the journal's errors are returned: a message that is not HQ's
// word is counted and forgotten.
func (u *Uplink) message(ctx context.Context, payload []byte) error {
	sealed, err := wire.UnframeSigned(payload)
	if err != nil {
		return u.refuse("not a message", err)
	}
	typ, err := wire.Peek(sealed)
	if err != nil {
		return u.refuse("not a message", err)
	}
	switch typ {
	case wire.TypHello:
		return u.hello(sealed)
	case wire.TypAck:
		return u.ack(ctx, sealed)
	case wire.TypPolicy, wire.TypTrust:
		if err := u.cfg.OnPolicy(ctx, typ, sealed); err != nil {
			return u.refuse("policy not taken", err)
		}
		return nil
	}
	return u.refuse("a message of another kind", fmt.Errorf("%w: %q", wire.ErrTyp, typ))
}

// refuse counts what was not HQ's word. The log hears of it now and then only: whoever can write to the
// broker must not fill the till's disk.
func (u *Uplink) refuse(what string, err error) error {
	u.note(func(s *Status) { s.Refused++ })
	u.unsaid++
	if now := u.cfg.Now(); now.Sub(u.said).Abs() >= sayEvery {
		u.cfg.Log.Warn("downward message refused", "what", what, "error", err, "count", u.unsaid)
		u.said, u.unsaid = now, 0
	}
	return nil
}

func (u *Uplink) hello(sealed []byte) error {
	var h wire.Hello
	if err := open(sealed, wire.TypHello, u.cfg.HQKeys(), &h); err != nil {
		return u.refuse("hello", err)
	}
	if h.Version != wire.MessageVersion || h.HQEpoch < u.hqEpoch {
		return u.refuse("hello", fmt.Errorf("version %d, HQ epoch %d", h.Version, h.HQEpoch))
	}
	u.session(h.HQEpoch, h.Nonce)
	return nil
}

// session notes which session of HQ speaks. In a new one everything unacknowledged is sent again: the last
// session may have taken it off the broker and died. A replayed old Hello costs one repetition at most.
func (u *Uplink) session(hqEpoch uint64, nonce []byte) {
	if bytes.Equal(u.nonce, nonce) {
		return
	}
	u.nonce, u.hqEpoch = nonce, max(u.hqEpoch, hqEpoch)
	now := u.cfg.Now()
	for _, f := range u.flows {
		f.restart(now)
	}
}

func (u *Uplink) ack(ctx context.Context, sealed []byte) error {
	var a wire.Ack
	if err := open(sealed, wire.TypAck, u.cfg.HQKeys(), &a); err != nil {
		return u.refuse("acknowledgement", err)
	}
	if a.Version != wire.MessageVersion || a.Terminal != u.cfg.Terminal {
		return u.refuse("acknowledgement", fmt.Errorf("version %d, terminal %s", a.Version, a.Terminal))
	}
	v, err := u.cfg.Outbox.Acknowledge(ctx, &a)
	if err != nil {
		return fmt.Errorf("taking an acknowledgement: %w", err)
	}
	fork := a.Forked || v.Fork // whichever branch this answer names
	if fork {
		if err := u.cfg.OnForked(ctx, a.Epoch); err != nil {
			return fmt.Errorf("beginning a new epoch: %w", err)
		}
	}
	if v.Ignore && !fork {
		return nil
	}
	u.session(a.HQEpoch, a.Nonce)
	if v.Ignore { // another branch's cursor; but HQ reads, and wants this branch too
		return nil
	}
	u.progress(&a, v)
	if err := u.contact(ctx, &a); err != nil {
		return err
	}
	u.cfg.OnAck(ctx, &a)
	return nil
}

// progress moves the window and shortens the wait again.
func (u *Uplink) progress(a *wire.Ack, v Verdict) {
	now := u.cfg.Now()
	u.wait = firstWait
	if f := u.flows[a.Epoch]; f != nil {
		f.ack(v.Acked, now)
		if a.Resend {
			f.gap(now)
		}
	}
	u.note(func(s *Status) { s.LastAck = now })
	u.setHQ(true)
}

// contact tells of a fresh answer: one that echoes a question of ours, and so was made after it.
func (u *Uplink) contact(ctx context.Context, a *wire.Ack) error {
	for i, c := range u.challenges {
		if bytes.Equal(c.nonce, a.Echo) {
			u.challenges = append([]challenge(nil), u.challenges[i+1:]...)
			if err := u.cfg.OnContact(ctx, Contact{HQTime: time.UnixMilli(a.Time).UTC(), Sent: c.sent}); err != nil {
				return fmt.Errorf("noting HQ's time: %w", err)
			}
			return nil
		}
	}
	return nil
}

func open(sealed []byte, typ wire.Typ, keys wire.Keys, v any) error {
	m, err := wire.Open(sealed, typ, keys)
	if err != nil {
		return err
	}
	return wire.UnmarshalKnown(m.Payload, v)
}
