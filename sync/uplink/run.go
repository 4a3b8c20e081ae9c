package uplink

import (
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
	questions  []question          // what HQ was told that it had acknowledged
	lost       map[uint64]struct{} // epochs of which HQ knows less than that
	wait       time.Duration
	nextBeat   time.Time
	vain       int       // links given up since HQ last answered
	slow       int       // questions on this link since they have become slowest
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
		lost:   map[uint64]struct{}{},
		wait:   firstWait,
	}
}

// Status is safe to call from anywhere.
func (u *Uplink) Status() Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.status
}

// LinkUp and LinkDown are told by the owner of the connection. They never block: nothing is read while the journal is
// stopped, and the connection must live on meanwhile.
func (u *Uplink) LinkUp() { u.push(u.linkUp) }

// LinkDown notes why, for people.
func (u *Uplink) LinkDown(reason error) {
	u.push(func(context.Context) error { return u.linkDown(reason) })
}

// Message takes a downward message. When too many wait it is dropped: each can be asked for again.
func (u *Uplink) Message(payload []byte) {
	if u.cfg.OnOther != nil && isOther(payload) {
		u.cfg.OnOther(payload)
		return
	}
	u.offer(func(ctx context.Context) error { return u.message(ctx, payload) })
}

// isOther says whether a message calls itself an answer about a payment, or a pong.
func isOther(payload []byte) bool {
	sealed, err := wire.UnframeSigned(payload)
	if err != nil {
		return false
	}
	typ, err := wire.Peek(sealed)
	return err == nil && (typ == wire.TypAnswer || typ == wire.TypPong)
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
	u.offer(func(ctx context.Context) error { u.wait = firstWait; return u.beat(ctx) })
}

// offer has something done unless too much waits.
func (u *Uplink) offer(f func(context.Context) error) {
	select {
	case u.events <- f:
	default:
		u.note(func(s *Status) { s.Refused++ })
	}
}

// push has a change of the link done, in the place of what waits longest if need be. A lost message is asked for
// again, and of several changes of the link the last one counts.
func (u *Uplink) push(f func(context.Context) error) {
	for {
		select {
		case u.events <- f:
			return
		default:
		}
		select {
		case <-u.events:
			u.note(func(s *Status) { s.Refused++ })
		default:
		}
	}
}

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
		next, err := u.Step(ctx)
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

// Step does all that waits, in the order in which it came in, and returns how long to sleep when nothing
// happens. It is what Run does between two sleeps; whoever drives an Uplink by hand, on a time of its own,
// calls nothing else.
func (u *Uplink) Step(ctx context.Context) (time.Duration, error) {
	for {
		next, err := u.runOnce(ctx)
		if err != nil {
			return 0, err
		}
		select {
		case f := <-u.events:
			if err := f(ctx); err != nil {
				return 0, err
			}
		default:
			return next, nil
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
	silent := u.nonce == nil || u.stalled(now) || len(u.challenges) > 0 // the last one was not answered
	if silent {                                                         // send nothing more until HQ has answered
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
		u.elsewhere()
	}
	return nil
}

// maxVain bounds how rarely another link is tried: every 16 of the slowest questions.
const maxVain = 4

// elsewhere gives a link up on which HQ has long been silent. It may be HQ that is away: then every lane comes by
// here, and they must not all go from broker to broker without pause.
func (u *Uplink) elsewhere() {
	if u.cfg.Elsewhere == nil || u.wait < u.cfg.Slowest {
		return
	}
	if u.slow++; u.slow < 1<<min(u.vain, maxVain) {
		return
	}
	u.slow = 0
	u.vain++
	u.cfg.Log.Warn("HQ is silent on this link; another is tried", "count", u.vain)
	u.cfg.Elsewhere()
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
	u.link, u.nonce, u.wait, u.slow = true, nil, firstWait, 0
	u.challenges = nil
	now := u.cfg.Now()
	for _, f := range u.flows { // that the link went down may not have been told
		f.restart(now)
	}
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
	if err := u.cfg.Link.Send(ctx, wire.UpTopic(u.cfg.Terminal), 1, msg); err != nil {
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
		u.asked(e, c)
		if b.Count, err = u.cfg.Outbox.NextBeat(ctx, b.Wall); err != nil {
			return fmt.Errorf("numbering a beat: %w", err)
		}
		sealed, err := wire.Seal(u.cfg.Signer(), wire.TypBeat, b)
		if err != nil {
			return fmt.Errorf("signing a beat: %w", err)
		}
		if err := u.cfg.Link.Send(ctx, wire.UpTopic(u.cfg.Terminal), 0, wire.FrameSigned(sealed)); err != nil {
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
		HQEpoch: wordOf(s, e), Policy: u.cfg.Policy(), Challenge: c.nonce, Wall: u.cfg.Wall().UnixMilli(), Software: u.cfg.Software,
		Erased: e.Erased,
	}
	if u.cfg.Trust != nil {
		b.Trust = u.cfg.Trust()
	}
	if u.cfg.Till != nil {
		b.Till = u.cfg.Till()
	}
	if e.Epoch == s.Current {
		b.Head = s.Head
	}
	return b
}
