package sim

import (
	"math/rand/v2"
	"testing"
	"time"
)

// kept are stories that once ended badly, written down so that no change of PlanOf loses them. Each is told with
// several seeds: who comes to which till, and when, decides too.
var kept = []struct {
	what      string
	seeds     []uint64
	blink     float64
	incidents []Incident
}{
	{
		"HQ is restored from before a lane's change of key, and can't read a word of it any more", []uint64{1, 2}, 0,
		[]Incident{{At: time.Hour, Kind: HQBackup}, {At: 2 * time.Hour, Kind: LaneKey}, {At: 5 * time.Hour, Kind: HQPutBack}},
	},
	{
		"a disk is put back, goes on in a new epoch, and offers the rest of the old one for ever", []uint64{1, 2}, 0,
		[]Incident{
			{At: 100 * time.Minute, Kind: LineDown, For: time.Hour},
			{At: 140 * time.Minute, Kind: LanePutBack, Arg: 60},
		},
	},
	{
		"a code paid at two lanes; the first was settled, and the other is heard of first by a restored HQ", []uint64{2, 5, 7}, 0,
		[]Incident{
			{At: time.Minute, Kind: HQBackup}, {At: 5 * time.Hour, Kind: HQCut}, {At: 5*time.Hour + time.Minute, Kind: LineDown, For: 50 * time.Minute},
			{At: 5*time.Hour + 2*time.Minute, Kind: HQPutBack}, {At: 330 * time.Minute, Kind: HQCut},
		},
	},
	{
		"a fork is found while a customer stands at the till", []uint64{1, 2}, 0,
		[]Incident{
			{At: time.Hour, Kind: LineDown, For: 5 * time.Minute}, {At: 61 * time.Minute, Kind: LaneCloned}, {At: 2 * time.Hour, Kind: LaneCloned},
			{At: 3 * time.Hour, Kind: LaneCloned},
		},
	},
	{
		"a lane whose clock was set back dies before it shows a payment, and starts with an older one on its screen", []uint64{1, 2}, 0.3,
		[]Incident{{At: 3 * time.Hour, Kind: ClockSet, Arg: -5 * 24 * 3_600_000}, {At: 3 * time.Hour, Kind: ClockSet, Lane: 1, Arg: -5 * 24 * 3_600_000}},
	},
	{
		"HQ is put back twice to the same backup, and people sign the lost policy again each time", []uint64{1, 2}, 0,
		[]Incident{
			{At: time.Hour, Kind: HQBackup}, {At: 2 * time.Hour, Kind: NewPolicy, Arg: 300}, {At: 3 * time.Hour, Kind: HQPutBack},
			{At: 4 * time.Hour, Kind: NewPolicy, Arg: 600}, {At: 5 * time.Hour, Kind: HQPutBack},
		},
	},
	{
		"a clock that is wrong by more than retention lets go of what accounts spent today", []uint64{1, 2, 3, 4}, 0,
		[]Incident{
			{At: 3 * time.Hour, Kind: HQAway, For: 40 * time.Minute}, {At: 181 * time.Minute, Kind: LaneReboot, Arg: 40 * 24 * 3_600_000},
			{At: 182 * time.Minute, Kind: LaneReboot, Lane: 1, Arg: 40 * 24 * 3_600_000},
		},
	},
	{
		"a disk is put back and sells on in the old epoch; then HQ is put back to before it heard of that", []uint64{1, 2, 3, 4}, 0,
		[]Incident{
			{At: 100 * time.Minute, Kind: LanePutBack, Arg: 60}, {At: 150 * time.Minute, Kind: HQBackup},
			{At: 155 * time.Minute, Kind: LineDown, For: 40 * time.Minute}, {At: 5 * time.Hour, Kind: HQPutBack},
		},
	},
	{
		"a disk is copied; one of the two tills leaves the epoch, and tells a restored HQ where it left, ahead of the other", []uint64{24, 36}, 0,
		[]Incident{
			{At: 30 * time.Minute, Kind: HQBackup}, {At: time.Hour, Kind: LaneCloned}, {At: 4 * time.Hour, Kind: HQPutBack},
			{At: 5 * time.Hour, Kind: HQPutBack},
		},
	},
}

func TestKept(t *testing.T) {
	base := room(t)
	for _, k := range kept {
		t.Run(k.what, func(t *testing.T) {
			for _, seed := range k.seeds {
				plan := Calm(seed, rand.New(rand.NewPCG(seed, 0)))
				plan.Lanes, plan.Span, plan.Sales, plan.HQAway, plan.Away = 2, 6*time.Hour, 60, 2*time.Minute, time.Minute
				plan.Incidents, plan.Blink = k.incidents, k.blink
				if _, err := run(t, base, plan, Bug{}, nil); err != nil {
					t.Errorf("%v\n%s", err, plan.String())
				}
			}
		})
	}
}
