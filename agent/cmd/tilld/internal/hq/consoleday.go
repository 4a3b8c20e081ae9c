package hq

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"tilld/agent/payment"
	"tilld/agent/policy"
	"tilld/sync/ledger"
	pages "tilld/ui/hq"
	"tilld/ui/web"
)

// worstShown is how many of the terminals that are most behind the overview names.
const worstShown = 5

// Overview reads the state of the chain.
func (c *console) Overview(ctx context.Context) (v pages.Overview, err error) {
	doc, err := c.policy(ctx)
	if err != nil {
		return v, err
	}
	v = pages.Overview{Chain: c.chain, Date: c.today(doc), PolicyLast: doc.Version}
	v.Broker, v.BrokerSince = c.broker()
	v.Full = c.full()
	v.Stands, v.StandsWhy = c.stands()
	if v.Epoch, err = c.books.HQEpoch(ctx); err != nil {
		return v, err
	}
	v.EpochAt = time.UnixMilli(int64(v.Epoch)).UTC()
	st, err := c.state.get(c.now, struct{}{}, func() (state, error) { return c.readState(ctx) })
	if err != nil {
		return v, err
	}
	v.Terminals, v.Heard, v.Behind, v.Forked = st.Terminals, st.Heard, st.Behind, st.Forked
	v.Twice, v.Lost, v.Awaited = st.Twice, st.Lost, st.Awaited
	v.Unjudged, v.Open, v.OpenMoney = st.Unjudged, st.Open, st.Waiting
	if v.Online, err = c.troubles(ctx); err != nil {
		return v, err
	}
	for _, h := range c.desk.Health() {
		if h.Silent {
			v.Silent = append(v.Silent, h.Wallet)
		}
	}
	for i := range st.worst {
		v.Worst = append(v.Worst, c.viewTerminal(&st.worst[i]))
	}
	sums, err := c.daySums(ctx, v.Date)
	if err != nil {
		return v, err
	}
	v.Wallets, v.Day = walletDays(sums), chart(sums, v.Date, c.zone, doc.Currency)
	v.Last, err = c.lastBatch(ctx)
	return v, err
}

// state is what is read of all terminals together.
type state struct {
	ledger.Glance
	worst []ledger.TerminalStatus
}

func (c *console) readState(ctx context.Context) (st state, err error) {
	if st.Glance, err = c.books.Glance(ctx, c.now().Add(-pages.Lately)); err != nil {
		return st, err
	}
	st.worst, err = c.books.MostBehind(ctx, worstShown)
	return st, err
}

func (c *console) daySums(ctx context.Context, date payment.Date) ([]ledger.DaySum, error) {
	return c.days.get(c.now, date, func() ([]ledger.DaySum, error) { return c.books.DaySums(ctx, date) })
}

// today is the business date that runs now by the policy, in HQ's zone.
func (c *console) today(doc *policy.Document) payment.Date {
	return payment.BusinessDate(c.now(), c.zone, doc.Roll.Duration())
}

func (c *console) lastBatch(ctx context.Context) (*pages.Batch, error) {
	list, err := c.books.NewestBatches(ctx, ledger.BatchFilter{}, 0, 1)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	lacks, err := c.lacking.counts(ctx, c, list)
	v := viewBatch(&list[0], lacks[list[0].ID])
	return &v, err
}

// walletDays sums a day by wallet and currency, the most posted first.
func walletDays(sums []ledger.DaySum) []pages.WalletDay {
	type key struct {
		wallet   string
		currency payment.Currency
	}
	days := map[key]*pages.WalletDay{}
	for _, s := range sums {
		k := key{s.Wallet, s.Currency}
		if days[k] == nil {
			none := pages.Total{Sum: payment.Of(0, s.Currency)}
			days[k] = &pages.WalletDay{Wallet: s.Wallet, Posted: none, Suspense: none, Voided: none}
		}
		if t := totalOf(days[k], s.State); t != nil {
			t.Count, t.Sum.Minor = t.Count+s.Count, t.Sum.Minor+s.Sum
		}
	}
	var list []pages.WalletDay
	for _, d := range days {
		list = append(list, *d)
	}
	slices.SortFunc(list, func(a, b pages.WalletDay) int {
		return cmp.Or(cmp.Compare(b.Posted.Sum.Minor, a.Posted.Sum.Minor), cmp.Compare(a.Wallet, b.Wallet), cmp.Compare(a.Posted.Sum.Currency, b.Posted.Sum.Currency))
	})
	return list
}

// totalOf is where a state is counted; nil for what the overview does not show.
func totalOf(d *pages.WalletDay, state ledger.State) *pages.Total {
	switch state {
	case ledger.Posted:
		return &d.Posted
	case ledger.Suspended:
		return &d.Suspense
	case ledger.Voided:
		return &d.Voided
	}
	return nil
}

// chart sums what is posted of a business date by the hour that clocks in the zone showed, in the currency of
// most payments, from the first hour to the last. The hours are the lanes' own word: one that is days off the
// date is a wrong clock's, and has no place in the picture.
func chart(sums []ledger.DaySum, date payment.Date, zone *time.Location, otherwise payment.Currency) web.Bars {
	bars := web.Bars{Currency: busiest(sums, otherwise)}
	midnight := date.Time()
	var hours []time.Time // as the zone's clocks show them, without their zone
	posted := map[time.Time]int64{}
	for _, s := range sums {
		at := s.From.In(zone)
		hour := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), 0, 0, 0, time.UTC)
		if s.State != ledger.Posted || s.Currency != bars.Currency || hour.Before(midnight.AddDate(0, 0, -1)) || !hour.Before(midnight.AddDate(0, 0, 3)) {
			continue
		}
		hours, posted[hour] = append(hours, hour), posted[hour]+s.Sum
	}
	if len(hours) == 0 {
		return bars
	}
	last := slices.MaxFunc(hours, time.Time.Compare)
	for hour := slices.MinFunc(hours, time.Time.Compare); !hour.After(last); hour = hour.Add(time.Hour) {
		bars.Labels, bars.Sums = append(bars.Labels, hour.Format("15")), append(bars.Sums, posted[hour])
	}
	return bars
}

// busiest is the currency of most payments.
func busiest(sums []ledger.DaySum, otherwise payment.Currency) payment.Currency {
	counts := map[payment.Currency]int{}
	for _, s := range sums {
		counts[s.Currency] += s.Count
	}
	for _, c := range slices.Sorted(maps.Keys(counts)) {
		if counts[c] > counts[otherwise] {
			otherwise = c
		}
	}
	return otherwise
}
