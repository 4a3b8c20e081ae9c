package main

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"tilld/sync/wire"
)

const (
	drainingLanes = 59
	drainShare    = 0.65                  // of HQ's processor that the backlogs are to take, so that it is neither idle nor full
	drainBatch    = 200                   // entries: the uplink's full batch
	latencyRounds = 3                     // by turns, so that whatever else the machine does is in both
	freshGap      = 20 * time.Millisecond // at least, from an answer to the next sale, and up to twice that
)

// BenchmarkFreshEntry measures from the moment that a live lane has appended a sale until it has noted HQ's
// acknowledgement, once while HQ has nothing else to do and once while 59 other lanes drain their backlogs. HQ and
// its broker are the shipped process and have one processor; the lanes have what is left. The backlogs come at a
// steady rate, which is found by draining a part of them at full speed first: so many entries a second as take
// drainShare of HQ's processor. TILLD_LATENCY_SALES is how many sales each of the lanes has behind that (300): a figure
// that is to mean something takes 900. TILLD_LANES_DIR is a folder of another disk, or of memory: 60 lanes are 60
// machines with a disk each, and on HQ's own they would queue for its fsyncs.
//
//	p50-ratio, p99-ratio: while they drain over while HQ is idle; at most 3 is wanted
//	hq-cpu-%: HQ's and the broker's share of their processor meanwhile
func BenchmarkFreshEntry(b *testing.B) {
	sales := benchNumber(b, "TILLD_LATENCY_SALES", 300)
	for b.Loop() {
		x := newLatency(b)
		rate := x.calibrate()
		for _, l := range x.backlogs {
			l.last = l.fill(l.journal, sales)
		}
		x.settle()
		var idle, busy times
		var hq, lanes, wall time.Duration
		for round := range latencyRounds {
			began, hqBefore, lanesBefore := time.Now(), cpu(b, x.pid()), cpu(b, os.Getpid())
			took := x.drain(rate, latencyRounds-round)
			wall, hq, lanes = wall+time.Since(began), hq+cpu(b, x.pid())-hqBefore, lanes+cpu(b, os.Getpid())-lanesBefore
			busy = append(busy, took...)
			x.settle()
			for range took {
				idle = append(idle, x.fresh())
			}
		}
		x.end()
		b.ReportMetric(0, "ns/op") // the two together say nothing
		b.ReportMetric(busy.at(0.5)/idle.at(0.5), "p50-ratio")
		b.ReportMetric(busy.at(0.99)/idle.at(0.99), "p99-ratio")
		for name, t := range map[string]times{"idle": idle, "busy": busy} {
			b.ReportMetric(t.at(0.5), name+"-p50-ms")
			b.ReportMetric(t.at(0.99), name+"-p99-ms")
		}
		b.ReportMetric(float64(len(busy)), "samples")
		b.ReportMetric(rate, "entries/s")
		b.ReportMetric(100*hq.Seconds()/wall.Seconds(), "hq-cpu-%")
		b.ReportMetric(100*lanes.Seconds()/wall.Seconds(), "lanes-cpu-%")
	}
}

// times are how long something took, each time.
type times []time.Duration

// at is a quantile in milliseconds: of so many the smallest that is not exceeded by more than the rest.
func (t times) at(q float64) float64 {
	sorted := slices.Sorted(slices.Values(t))
	return float64(sorted[min(len(sorted)-1, int(q*float64(len(sorted))))].Microseconds()) / 1000
}

// latency is HQ on one processor, and the lanes on the others.
type latency struct {
	*stage
	b        *testing.B
	live     *runningLane
	backlogs []*runningLane
	stop     func()
}

func newLatency(b *testing.B) *latency {
	b.Helper()
	return newLatencyOf(b, newBenchChain(b), nil)
}

// newLatencyOf is newLatency of a chain; told is where HQ's answers about the live lane's online payments go.
func newLatencyOf(b *testing.B, c *benchChain, told chan wire.Answer) *latency {
	b.Helper()
	cpus := allowed(b)
	if len(cpus) < 2 {
		b.Fatal("this takes two processors: one for HQ, one for the lanes")
	}
	var lanes []*runningLane
	for n := range 1 + drainingLanes {
		lanes = append(lanes, &runningLane{benchLane: c.lane(n), moved: make(chan struct{}, 1), ended: make(chan struct{})})
	}
	lanes[0].told = told
	x := &latency{stage: &stage{TB: b, dir: c.root}, b: b, live: lanes[0], backlogs: lanes[1:]}
	broker, api := freeAddr(b), freeAddr(b)
	x.hq = x.startOn(cpus[0], "hq", "-c", x.file("hq.toml", c.hqFile(broker, api)))
	stayOn(b, cpus[1:]...)
	x.healthy("http://" + api)
	ctx, stop := context.WithCancel(b.Context())
	x.stop = stop
	for _, l := range lanes {
		l.run(ctx, broker)
		l.last = l.fill(l.journal, 1) // behind the opening of its epoch and of its day
		l.letGo(l.last)
	}
	x.live.letGo(math.MaxUint64)
	x.settle()
	return x
}

func (x *latency) pid() int { return x.hq.cmd.Process.Pid }

// end stops the lanes, then HQ.
func (x *latency) end() {
	x.b.Helper()
	x.stop()
	for _, l := range append(x.backlogs, x.live) {
		<-l.ended
		x.must(l.journal.Close())
	}
	x.hq.end()
	x.must(x.live.office.Close())
}

// stored waits until HQ has acknowledged everything that was let go.
func (x *latency) stored() {
	x.b.Helper()
	for _, l := range append(x.backlogs, x.live) {
		l.wait(min(l.last, l.upTo.Load()))
	}
}

// settle waits until HQ has judged it too, and has nothing to do any more.
func (x *latency) settle() {
	x.b.Helper()
	x.stored()
	x.until("HQ has judged everything", func() bool {
		left, err := x.live.office.Books.Backlogs(x.b.Context(), 0, 1)
		x.must(err)
		return len(left) == 0
	})
}

// calibrate drains a part of the backlogs at full speed, and returns how many entries a second take drainShare of
// HQ's processor while they come in. Most of the posting is left for afterwards, as it is in any drain.
func (x *latency) calibrate() (rate float64) {
	x.b.Helper()
	const sales = 70
	entries := uint64(0)
	for _, l := range x.backlogs {
		before := l.last
		l.last = l.fill(l.journal, sales)
		entries += l.last - before
	}
	x.settle()
	before := cpu(x.b, x.pid())
	for _, l := range x.backlogs {
		l.letGo(l.last)
	}
	x.stored()
	took := cpu(x.b, x.pid()) - before
	x.settle()
	return drainShare * float64(entries) / took.Seconds()
}

// drain lets the lanes go on at a rate, a batch of one and then of the next, until they have so much less of their
// backlog left: one of the parts. It returns how long the fresh entries took meanwhile.
func (x *latency) drain(rate float64, parts int) (took times) {
	return x.drainWhile(rate, parts, x.fresh)
}

// drainWhile is drain with something else that is timed meanwhile.
func (x *latency) drainWhile(rate float64, parts int, timed func() time.Duration) (took times) {
	x.b.Helper()
	left := uint64(0)
	for _, l := range x.backlogs {
		left += l.last - l.upTo.Load()
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(time.Duration(drainBatch / rate * float64(time.Second)))
		defer tick.Stop()
		for n, gone := 0, uint64(0); gone < left/uint64(parts); n++ {
			l := x.backlogs[n%len(x.backlogs)]
			now := min(l.last, l.upTo.Load()+drainBatch)
			if now == l.upTo.Load() {
				continue
			}
			gone += now - l.upTo.Load()
			<-tick.C
			l.letGo(now)
		}
	}()
	for {
		took = append(took, timed())
		select {
		case <-over:
			return took
		default:
		}
	}
}

// fresh sells at the live lane, a moment after the last sale.
func (x *latency) fresh() time.Duration {
	x.b.Helper()
	<-time.After(freshGap + rand.N(freshGap))
	x.live.last = x.live.fill(x.live.journal, 1)
	began := time.Now()
	x.live.wait(x.live.last)
	return time.Since(began)
}
