package house_test

import (
	"container/heap"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"tilld/sync/house"
	"tilld/sync/house/housetest"
	"tilld/sync/house/rule"
)

// The replay is played at this scale. 7pay had 1,500,000 accounts when it was robbed; lists of passwords from elsewhere
// opened 808 of them. Those are played one by one, as fast as if all were robbed within six hours, each with a customer,
// a thief, phones, tickets and codes, against the real issuer and the real rules of a lane: nothing about a robbed
// account is scaled, nor are the alarms, which count accounts. Of the 1,499,192 others, whose password was on no list,
// one in a thousand is tried: a miss differs from the next one by its name alone. `make replay7pay` plays all of that;
// `go test` the first 40 accounts, which is the first 18 minutes.
const (
	accounts  = 1_500_000
	robbed    = 808
	oneIn     = 1_000 // of the misses
	replayEnv = "TILLD_REPLAY_ACCOUNTS"
)

// played is the number of robbed accounts: 40, or 4 under the race detector, or TILLD_REPLAY_ACCOUNTS.
func played(t *testing.T) int {
	t.Helper()
	s := os.Getenv(replayEnv)
	if s == "" && raced {
		return 4
	}
	if s == "" {
		return 40
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > robbed {
		t.Fatalf("%s is %q, not 1 to %d", replayEnv, s, robbed)
	}
	return n
}

// town is the chain, its customers and its thieves, on virtual time.
type town struct {
	b     *housetest.Bench
	o     *outside
	c     *control
	lanes []*till
	start time.Time
	queue events
	robs  []*robbery
	seq   int

	stolen    int64 // goods handed over to thieves, in yen
	offline   int64 // of it at lanes without a line
	lost      int64 // of that: what no earmark and no balance covered
	everyStop time.Duration
	firstStop time.Duration
}

// robbery is one account, its customer and its thief.
type robbery struct {
	*town
	victim, thief *housetest.Customer
	n             int
	careful       bool // stays below every limit that the app shows
	inside        bool // the thief has a session
	told          bool // the customer reads the post
}

// after does something later. The customers' and thieves' doings mix as they would.
func (w *town) after(d time.Duration, f func()) {
	w.seq++
	heap.Push(&w.queue, event{w.b.Clock.Now().Add(d), w.seq, f})
}

type event struct {
	at  time.Time
	seq int
	do  func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || (e[i].at.Equal(e[j].at) && e[i].seq < e[j].seq)
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

// play lets everything happen for as long as 7pay took top-ups: from the first evening to the third noon, 60 hours.
func (w *town) play() {
	w.b.T.Helper()
	const long = 60 * time.Hour
	end := w.start.Add(long)
	for w.queue.Len() > 0 && w.queue[0].at.Before(end) {
		e := heap.Pop(&w.queue).(event)
		if d := e.at.Sub(w.b.Clock.Now()); d > 0 {
			w.b.Clock.Pass(d)
		}
		e.do()
		w.look()
	}
	for _, l := range w.lanes {
		w.lost += l.heal()
	}
}

// look notes when the first account was stopped, and when everything was.
func (w *town) look() {
	if w.everyStop != 0 {
		return
	}
	since := w.b.Clock.Now().Sub(w.start)
	s, err := w.b.Issuer.Standing(w.b.Ctx)
	w.b.Must(err)
	if s.TopUps {
		w.everyStop = since
		if w.c.topUpsOnly { // as it was done on 4 July
			w.b.Must(w.b.Issuer.Throw(w.b.Ctx, house.Switch{TopUps: true, By: "the office", Why: "as it was done"}))
		}
	}
	if w.firstStop == 0 {
		stops, err := w.b.Issuer.Stops(w.b.Ctx, "")
		w.b.Must(err)
		for _, s := range stops {
			if s.By == "" {
				w.firstStop = since
			}
		}
	}
}

// rob goes through everything that was tried then, in this order.
func (r *robbery) rob() {
	_ = r.trySignIn() // the password from the list, on the thief's own phone
	r.after(2*time.Second, r.tryOutside)
	r.after(5*time.Second, r.tryReset)
	r.after(9*time.Second, r.tryBind)
}

func (r *robbery) trySignIn() bool {
	if r.refused(r.thief.SignIn()) {
		return false
	}
	r.inside = true
	return true
}

// refused says whether a thief was refused. Any other error is no answer, and ends the test.
func (w *town) refused(err error) bool {
	w.b.T.Helper()
	if _, ok := errors.AsType[rule.Refusal](err); err != nil && !ok {
		w.b.T.Fatal(err)
	}
	return err != nil
}

// tryOutside comes back from a provider with the customer's identity: guessed, or vouched for where the control is off.
func (r *robbery) tryOutside() {
	who := "guessed"
	if r.c.outside {
		who = "u-" + r.victim.Login
	}
	b, err := r.b.Issuer.BeginOutside(r.b.Ctx, r.thief.From, "id")
	if r.refused(err) {
		return
	}
	f := house.FinishOutside{State: b.State, Code: house.Secret("https://id.example " + who), Proof: r.thief.Sign(house.ForOutside, string(b.State))}
	if r.c.outside {
		f.Code += house.Secret(" " + r.o.begun[1] + " " + r.o.begun[2])
	}
	if s, err := r.b.Issuer.SignInOutside(r.b.Ctx, r.thief.From, f); !r.refused(err) {
		r.thief.Session, r.inside = s.Token, true
	}
}

// tryReset asks for another password. The ticket goes where it goes; the thief has it where the control is off.
func (r *robbery) tryReset() {
	const next = "the thief's own long phrase"
	if r.refused(r.b.Issuer.AskReset(r.b.Ctx, r.thief.From, r.thief.Login)) {
		return
	}
	ticket := house.Secret("guessed")
	if r.c.mail {
		ticket = r.b.Mail.Last(house.ResetTicket, r.victim.Contact).Ticket
	}
	if !r.refused(r.b.Issuer.Reset(r.b.Ctx, r.thief.From, ticket, next)) {
		r.thief.Password = next
	}
	r.reads()
}

// tryBind makes the thief's phone the account's, by a recovery code: guessed, or the customer's where the control is off.
func (r *robbery) tryBind() {
	recovery := house.Secret("AAAAAAAAAAAAAAAA")
	if r.c.possession {
		recovery = r.victim.Recovery[0]
	}
	err := r.thief.BindTo(r.thief.Phone, recovery)
	r.reads()
	if !r.refused(err) && r.trySignIn() {
		r.after(time.Second, r.topUps)
	}
}

// reads lets the customer, once told of anything, call the office: 12 hours later, for the first complaint of 2019 came
// in the evening after the first night.
func (r *robbery) reads() {
	if r.told {
		return
	}
	for _, kind := range []house.MessageKind{house.PhoneChanged, house.PasswordReset, house.AccountStopped} {
		if r.b.Mail.Last(kind, r.victim.Contact).To != "" {
			r.told = true
			r.after(12*time.Hour, func() {
				r.b.Must(r.b.Issuer.StopAccount(r.b.Ctx, r.victim.Login, "the office", "the customer called"))
			})
			return
		}
	}
}

// topUps are three in a minute, of as much as the app offers; a careful thief keeps to one small one.
func (r *robbery) topUps() {
	l := r.b.Config.Limits
	if r.careful {
		_, _ = r.thief.TopUp(min(l.CoolingTopUp, l.TopUp))
		r.after(time.Minute, func() { r.shop(4 * time.Minute) })
		r.after(24*time.Hour+time.Minute, r.comeBack)
		return
	}
	for n := range 3 {
		r.after(time.Duration(n)*15*time.Second, func() { _, _ = r.thief.TopUp(min(l.TopUp, 30_000)) })
	}
	r.after(50*time.Second, func() { r.shop(15 * time.Second) })
}

// comeBack is the careful thief when the cooling-off is over.
func (r *robbery) comeBack() {
	if r.trySignIn() {
		_, _ = r.thief.TopUp(min(r.b.Config.Limits.TopUp, 30_000))
		r.shop(4 * time.Minute)
	}
}

// shop buys ten times at ten lanes, for as much as there is.
func (r *robbery) shop(every time.Duration) {
	_ = r.refused(r.thief.Certify())
	if r.thief.Cert == nil {
		return
	}
	for n := range 10 {
		r.after(time.Duration(n)*every, func() { r.buy(r.lanes[(r.n*7+n*4)%len(r.lanes)]) })
	}
}

func (r *robbery) buy(l *till) {
	v, err := r.b.Issuer.Account(r.b.Ctx, r.thief.Session)
	free := v.Balance.Minor - v.Held.Minor
	if err != nil || l.dark {
		free = 1 << 40 // offline he needs no session
	}
	l0 := r.b.Config.Limits
	for _, yen := range []int64{min(free, l0.Spend, 30_000), min(free, l0.CoolingSpend), 5_000, 2_000, 500} {
		if yen < 1 || !l.sell(r.thief.NewRef(), r.thief.Code(l.place.Store, l.place.Lane), yen) {
			continue
		}
		r.stolen += yen
		if l.dark {
			r.offline += yen
		}
		return
	}
}

// miss tries a list's password on an account whose password it is not, or that is not there.
func (w *town) miss(n int) {
	s := w.b.Stranger(fmt.Sprintf("somebody%d", n))
	s.From = from(n)
	if !w.refused(s.SignIn()) {
		w.b.T.Error("a log-in that is not there opens a session")
	}
}

// from is one of 2,000 addresses abroad that the thieves had.
func from(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 18, byte(n % 2_000 >> 8), byte(n % 2_000)})
}
