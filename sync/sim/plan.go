package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"tilld/sync/simnet"
)

// Plan is what a run does. A seed makes one; a kept case may be a plan of its own.
type Plan struct {
	Seed   uint64
	Lanes  int
	Phones int
	Sales  int // customers
	Span   time.Duration

	Share      int64 // of each lane
	ShareCount uint64

	Batch       int           // most entries in a message
	Quiet       time.Duration // between beats when all is well, and between hellos
	Slowest     time.Duration // between questions while HQ is silent
	Tick        time.Duration // between a lane's looks at the clock
	Away        time.Duration // longest absence of a lane's program that died
	HQAway      time.Duration
	JudgeWithin time.Duration
	SettleEvery time.Duration

	Retention uint32  // days
	Blink     float64 // how often a program dies between a commit and the screen

	Online   float64   // share of customers who pay by an operator's wallet
	Mute     float64   // how often that operator does not answer
	Silences []Silence // when it answers nobody

	Weather   simnet.Faults // of a bad time
	Climate   simnet.Faults // else
	Incidents []Incident
}

// Kind names what goes wrong.
type Kind string

// What can go wrong.
const (
	BadWeather    Kind = "bad weather"    // the network is at its worst for a while
	LineDown      Kind = "line down"      // of one lane
	BrokerRestart Kind = "broker restart" // what it carried is gone
	BrokerReplay  Kind = "broker replay"  // and what it carried last week is back
	Forger        Kind = "forger"         // somebody with access to the broker speaks in HQ's and the lanes' name

	LaneKill    Kind = "lane killed"
	LaneDisk    Kind = "lane disk fault"
	LaneReboot  Kind = "lane reboot"
	LaneAsleep  Kind = "lane asleep"
	LanePutBack Kind = "lane put back" // its disk is restored from a snapshot of Arg minutes ago
	LaneCloned  Kind = "lane cloned"   // its disk is copied to another machine, and both run
	LaneLost    Kind = "lane lost"     // its disk dies; another terminal takes its place
	LaneEmptied Kind = "lane emptied"  // its journal is gone, its key is not
	LaneKey     Kind = "lane key"      // changes
	LaneRevoked Kind = "lane revoked"  // its terminal is; another one takes its place, and it still stands there
	ClockSet    Kind = "clock set"
	ClockDrift  Kind = "clock drift"

	HQKill    Kind = "HQ killed"
	HQDisk    Kind = "HQ disk fault"
	HQAway    Kind = "HQ away"
	HQBackup  Kind = "HQ backed up"
	HQPutBack Kind = "HQ put back"
	HQCut     Kind = "HQ cuts a batch"
	HQDecides Kind = "HQ decides"       // people decide exceptions
	HQArchive Kind = "HQ archive fault" // a step of writing a batch down fails, or is HQ's last

	NewPolicy      Kind = "policy" // other caps and shares
	PhoneRevoked   Kind = "phone revoked"
	AccountRevoked Kind = "account revoked"
	IssuerRevoked  Kind = "issuer revoked" // another one takes its place, and certifies the phones anew
)

// Incident is one thing that goes wrong.
type Incident struct {
	At   time.Duration // since the start
	Kind Kind
	Lane int
	For  time.Duration
	Arg  int // operations before a disk fault; milliseconds or parts per million of a clock
	How  DiskFault
}

func (i Incident) String() string {
	return fmt.Sprintf("%v %s lane=%d for=%v arg=%d %s", i.At.Round(time.Second), i.Kind, i.Lane+1, i.For.Round(time.Second), i.Arg, i.How)
}

// String is the plan for a failure's report.
func (p *Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d lanes, %d phones, %d customers in %v, share %d/%d", p.Seed, p.Lanes, p.Phones, p.Sales, p.Span.Round(time.Minute), p.Share, p.ShareCount)
	for _, i := range p.Incidents {
		fmt.Fprintf(&b, "\n  %s", i)
	}
	return b.String()
}

// PlanOf is a seed's plan. Each kind of incident is left out of half of the plans, so that none hides another.
func PlanOf(seed uint64) (p Plan) {
	r := rand.New(rand.NewPCG(seed, 0))
	p = Calm(seed, r)
	defer func() { online(seed, &p) }()
	if r.IntN(3) > 0 {
		p.Climate = weather(r, 0.05)
	}
	p.Weather = weather(r, 0.4)
	if r.IntN(2) == 0 {
		p.Blink = r.Float64() * 0.2
	}
	if r.IntN(4) == 0 { // so long that retention has something to take
		p.Span, p.Retention = time.Duration(60+r.IntN(40))*time.Hour, 1
	}
	var kinds []kindOf
	for _, k := range kindsOf {
		if r.IntN(2) == 0 {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) == 0 {
		return p
	}
	for range 2 + r.IntN(16) {
		k := kinds[r.IntN(len(kinds))]
		if r.Float64() < k.rarity {
			continue
		}
		i := Incident{Kind: k.kind, At: time.Duration(r.Int64N(int64(p.Span))), Lane: r.IntN(p.Lanes), For: spell(r)}
		if k.more != nil {
			k.more(r, &i)
		}
		p.Incidents = append(p.Incidents, i)
	}
	if slices.ContainsFunc(p.Incidents, func(i Incident) bool { return i.Kind == HQPutBack }) {
		p.Incidents = append(p.Incidents, Incident{Kind: HQBackup, At: time.Duration(r.Int64N(int64(p.Span / 2)))})
	}
	slices.SortStableFunc(p.Incidents, func(a, b Incident) int { return int(a.At - b.At) })
	return p
}

// Calm is a plan in which nothing goes wrong.
func Calm(seed uint64, r *rand.Rand) Plan {
	return Plan{
		Seed: seed, Lanes: 1 + r.IntN(3), Phones: 2 + r.IntN(6), Sales: 8 + r.IntN(22),
		Span: time.Duration(2+r.IntN(26)) * time.Hour, Share: 4_000 + r.Int64N(16_000), ShareCount: 3 + uint64(r.IntN(20)),
		Batch: 1 + r.IntN(12), Quiet: time.Hour, Slowest: 15 * time.Minute, Tick: 2 * time.Hour,
		Away: time.Duration(1+r.IntN(120)) * time.Minute, HQAway: time.Duration(1+r.IntN(120)) * time.Minute,
		JudgeWithin: time.Duration(1+r.IntN(60)) * time.Second, SettleEvery: 2 * time.Hour, Retention: 30,
		Climate: simnet.Faults{Quick: 200 * time.Millisecond},
	}
}

func weather(r *rand.Rand, worst float64) simnet.Faults {
	some := func() float64 {
		if r.IntN(2) == 0 {
			return 0
		}
		return r.Float64() * worst
	}
	return simnet.Faults{Lose: some(), Repeat: some(), Damage: some(), Misroute: some() / 2, Replay: some(), Refuse: some(),
		Quick: 500 * time.Millisecond, Late: some(), Slow: time.Duration(1+r.IntN(3600)) * time.Second}
}

// spell is how long something lasts: mostly minutes, sometimes many hours.
func spell(r *rand.Rand) time.Duration {
	switch r.IntN(4) {
	case 0:
		return time.Duration(1+r.IntN(60)) * time.Second
	case 1, 2:
		return time.Duration(1+r.IntN(60)) * time.Minute
	}
	return time.Duration(1+r.IntN(30)) * time.Hour
}

type kindOf struct {
	kind   Kind
	rarity float64 // share of the times at which it is passed over
	more   func(*rand.Rand, *Incident)
}

var kindsOf = []kindOf{
	{BadWeather, 0, nil},
	{LineDown, 0, nil},
	{BrokerRestart, 0, nil},
	{BrokerReplay, 0, func(r *rand.Rand, i *Incident) { i.Arg = 1 + r.IntN(200) }},
	{Forger, 0, func(r *rand.Rand, i *Incident) { i.Arg = 1 + r.IntN(30) }},
	{LaneKill, 0, nil},
	{LaneDisk, 0, diskFault},
	{LaneReboot, 0, func(r *rand.Rand, i *Incident) { i.Arg = clockError(r) }},
	{LaneAsleep, 0, nil},
	{LanePutBack, 0.5, func(r *rand.Rand, i *Incident) { i.Arg = 1 + r.IntN(300) }},
	{LaneCloned, 0.6, nil},
	{LaneLost, 0.7, nil},
	{LaneEmptied, 0.7, nil},
	{LaneKey, 0.5, nil},
	{ClockSet, 0, func(r *rand.Rand, i *Incident) { i.Arg = clockError(r) }},
	{ClockDrift, 0, func(r *rand.Rand, i *Incident) { i.Arg = r.IntN(801) - 400 }},
	{HQKill, 0, nil},
	{HQDisk, 0, diskFault},
	{HQAway, 0, nil},
	{HQPutBack, 0.3, nil},
	{HQCut, 0, nil},
	{HQDecides, 0, nil},
	{HQArchive, 0, func(r *rand.Rand, i *Incident) {
		i.How, i.Arg = []DiskFault{KillBefore, KillAfter, FailOnce, FailOn, Full}[r.IntN(5)], r.IntN(30)
	}},
	{NewPolicy, 0, func(r *rand.Rand, i *Incident) { i.Arg = r.IntN(1_000) }},
	{PhoneRevoked, 0.3, func(r *rand.Rand, i *Incident) { i.Arg = r.IntN(1_000) }},
	{AccountRevoked, 0.3, func(r *rand.Rand, i *Incident) { i.Arg = r.IntN(1_000) }},
	{IssuerRevoked, 0.6, nil},
	{LaneRevoked, 0.6, nil},
}

func diskFault(r *rand.Rand, i *Incident) {
	i.How = []DiskFault{KillBefore, KillAfter, KillWithin, PowerOff, PowerOff, FailOnce, FailOn, Full}[r.IntN(8)]
	i.Arg = r.IntN(60)
}

// clockError is how far a clock is set wrong, in milliseconds.
func clockError(r *rand.Rand) int {
	switch r.IntN(4) {
	case 0:
		return r.IntN(120_000) - 60_000
	case 1:
		return r.IntN(7_200_000) - 3_600_000
	case 2:
		return (r.IntN(61) - 30) * 24 * 3_600_000
	}
	return 0
}

func (p *Plan) has(kinds ...Kind) bool {
	return slices.ContainsFunc(p.Incidents, func(i Incident) bool { return slices.Contains(kinds, i.Kind) })
}

func (p *Plan) cutsPower(kind Kind) bool {
	return slices.ContainsFunc(p.Incidents, func(i Incident) bool { return i.Kind == kind && i.How == PowerOff })
}
