package phone

import (
	"context"
	"slices"
	"sync"
	"time"

	"tilld/agent/payment"
)

// screen is what the phone shows. There is one phone, however many windows look at it.
type screen struct {
	wallet Wallet
	now    func() time.Time

	mu     sync.Mutex
	chosen bool // phone and place are
	phone  string
	app    string // the wallet whose app that phone shows; empty: the house wallet's
	place  string
	shown  shown
	number uint64 // of what is shown; it rises
	held   *shown // the customer's code that was held last
	heldNo uint64 // its number

	hand     chan struct{} // has room for the one who holds the phone: it is at one scanner at a time
	watchers map[chan struct{}]bool
}

// shown is a code on the screen.
type shown struct {
	Kind Kind
	Of   string // the wallet whose app shows it; empty: the house wallet's, or a product
	Code
	Since  time.Time
	HeldTo string // lane; empty: none yet
	HeldAt time.Time
	Fault  string // why there is no code
}

func newScreen(w Wallet, now func() time.Time) *screen {
	return &screen{wallet: w, now: now, hand: make(chan struct{}, 1), watchers: map[chan struct{}]bool{}}
}

// changes ticks when something was done on the page, until ctx ends.
func (s *screen) changes(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[c] = true
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, c)
	})
	return c
}

// tell ticks for every watcher. The lock is held.
func (s *screen) tell() {
	for c := range s.watchers {
		select {
		case c <- struct{}{}:
		default: // it has a tick before it already
		}
	}
}

// put shows something else. The lock is held.
func (s *screen) put(what shown) {
	what.Since = s.now()
	s.number++
	s.shown = what
	s.tell()
}

// look gives what is shown, a fresh code in place of one that has run out, and where the switches stand.
func (s *screen) look(ctx context.Context) (View, error) {
	state, err := s.wallet.State(ctx)
	if err != nil {
		return View{}, err
	}
	phones, err := s.wallet.Phones(ctx)
	if err != nil {
		return View{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.chosen && len(phones) > 0 {
		s.chosen, s.phone, s.app, s.place = true, phones[0].ID, phones[0].Wallet, state.Store
	}
	if s.shown.Kind == "" || s.shown.Kind.pays() && !s.now().Before(s.shown.Expires) {
		s.fresh(ctx)
	}
	return View{
		State: state, Phones: phones, Phone: s.phone, App: s.app, Place: s.place, shown: s.shown, Number: s.number, Last: s.held,
	}, nil
}

// fresh shows the phone's next code, or why there is none. The lock is held.
func (s *screen) fresh(ctx context.Context) {
	kind, place := House, s.place
	if s.app != "" {
		kind, place = App, ""
	}
	code, err := s.wallet.Fresh(ctx, s.phone, place)
	if err == nil {
		s.put(shown{Kind: kind, Of: s.app, Code: code})
		return
	}
	if fault := payment.MessageOf(err); s.shown.Fault != fault {
		s.put(shown{Kind: kind, Of: s.app, Fault: fault})
	}
}

// show changes what is on the screen.
func (s *screen) show(ctx context.Context, kind Kind) error {
	const op = "phone.show"
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case House, App:
		s.fresh(ctx)
		return nil
	case Old:
		if s.held == nil {
			return payment.Errorf(payment.NotAllowed, op, "no code was held to a lane yet")
		}
		old := *s.held
		old.Kind = Old
		s.put(old)
		return nil
	case Goods:
		code, err := s.wallet.Goods(ctx)
		if err == nil {
			s.put(shown{Kind: kind, Code: code})
		}
		return err
	}
	return payment.Errorf(payment.Invalid, op, "no such code: %q", string(kind))
}

// pay has the phone pay what a lane's second screen shows, and shows the approval. It stays there until something else is
// asked for: another fresh code must not push it away before it was held to the scanner.
func (s *screen) pay(ctx context.Context, lane string) error {
	const op = "phone.pay"
	if _, err := s.look(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	id, app := s.phone, s.app
	s.mu.Unlock()
	if app != "" {
		return payment.Errorf(payment.NotAllowed, op, "only the house wallet's app pays so: choose a phone of the house wallet")
	}
	code, err := s.wallet.Pay(ctx, id, lane)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(shown{Kind: Approval, Code: code})
	return nil
}

// choose takes another phone, or another place for its codes, and shows a fresh code.
func (s *screen) choose(ctx context.Context, phone, place string) error {
	const op = "phone.choose"
	state, err := s.wallet.State(ctx)
	if err != nil {
		return err
	}
	phones, err := s.wallet.Phones(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(phones, func(p Phone) bool { return p.ID == phone })
	if i < 0 {
		return payment.Errorf(payment.NotFound, op, "no such phone")
	}
	if place != "" && place != state.Store && !slices.ContainsFunc(state.Lanes, func(l Lane) bool { return l.Place == place }) {
		return payment.Errorf(payment.NotFound, op, "no such place")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chosen, s.phone, s.app, s.place = true, phone, phones[i].Wallet, place
	s.fresh(ctx)
	return nil
}

// next takes the next phone, behind the last one the first.
func (s *screen) next(ctx context.Context) error {
	v, err := s.look(ctx)
	if err != nil || len(v.Phones) == 0 {
		return err
	}
	i := slices.IndexFunc(v.Phones, func(p Phone) bool { return p.ID == v.Phone })
	return s.choose(ctx, v.Phones[(i+1)%len(v.Phones)].ID, v.Place)
}

// hold holds what is on the screen to a lane's scanner; a screen that nobody has looked at yet, or for a while,
// shows what it would show now. A customer's code pays once, so the next one follows it at once. Seen is the
// number of what the user saw, zero for one who saw nothing: a second click on a code that is at that lane by now is
// the first one's echo, and must not spend the next. The lock is not held meanwhile: a scanner that nobody reads must
// not stop the page.
func (s *screen) hold(ctx context.Context, lane string, seen uint64) error {
	const op = "phone.hold"
	select {
	case s.hand <- struct{}{}:
		defer func() { <-s.hand }()
	case <-ctx.Done():
		return payment.Errorf(payment.Retry, op, "the phone is at a scanner still: %w", ctx.Err())
	}
	if _, err := s.look(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	what, number := s.shown, s.number
	echo := seen != 0 && seen == s.heldNo && lane == s.held.HeldTo
	s.mu.Unlock()
	if echo {
		return nil
	}
	if what.Text == "" {
		return payment.Errorf(payment.NotAllowed, op, "there is no code on the screen")
	}
	if err := s.wallet.Hold(ctx, what.Text, lane); err != nil {
		return err
	}
	what.HeldTo, what.HeldAt = lane, s.now()
	s.wasHeld(ctx, what, number)
	return nil
}

// wasHeld notes what was held. What came on the screen meanwhile stays there.
func (s *screen) wasHeld(ctx context.Context, what shown, number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if what.Kind.pays() {
		s.held, s.heldNo = &what, number
	}
	switch {
	case s.number != number:
	case what.Kind.pays():
		s.fresh(ctx)
	default:
		s.shown = what
	}
	s.tell()
}

// behaved shows a fresh code of a wallet whose operator behaves otherwise from now on: another customer may hold the phone.
func (s *screen) behaved(ctx context.Context, wallet string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.app == wallet && s.shown.Kind == App {
		s.fresh(ctx)
	}
	s.tell()
}

// picture gives what is drawn.
func (s *screen) picture() (Kind, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.Kind, s.shown.Text
}

// changed tells the watchers of something that is not on the phone.
func (s *screen) changed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell()
}
