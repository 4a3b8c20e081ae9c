package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tilld/agent/payment"
	"tilld/sync/mqtt"
	"tilld/sync/wire"
)

// brokerRounds is how often each fault is made; `make soak` sets more.
func brokerRounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("TILLD_BROKER_ROUNDS")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("TILLD_BROKER_ROUNDS=%q", text)
	}
	return n
}

// The keep-alive of these stories, and a spell that is longer than client and broker wait (each half as long again or
// twice as long).
const (
	shortKeepAlive = "2s"
	frozenFor      = 5 * time.Second
	calmFor        = 11 * time.Second // between faults, where there is time: after 10 s a connection counts as good
)

// TestBrokers takes payments all the time while the broker between lanes and HQ is killed, frozen and flooded, and HQ
// is away: embedded, Mosquitto, and a cluster of three NATS servers over which lanes and HQ are spread. Behind it
// nothing is lost and nothing doubled. The log says how long it took, from the end of each fault, until HQ had a
// fresh payment of every lane.
func TestBrokers(t *testing.T) {
	rounds := brokerRounds(t)
	none := func(testing.TB) road { return road{} }
	for _, tt := range []struct {
		name   string
		road   func(testing.TB) road
		lanes  int
		faults []fault
	}{
		{"embedded", none, 2, []fault{killHQ, freezeHQ, flood}},
		{"mosquitto", mosquitto, 2, []fault{killNode, freezeNode, floodWhileHQIsAway, floodWhileHQIsFrozen}},
		{"cluster", cluster, 3, []fault{killNode, freezeNode, killAll, floodWhileHQIsAway, floodWhileHQIsFrozen}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := tt.road(t)
			r.keepAlive = shortKeepAlive
			b := &brokerStory{stage: &stage{TB: t, profile: "generic", dir: t.TempDir(), road: r, patience: 3 * patience, ids: payment.NewIDs(time.Now, rand.Reader)},
				took: map[string][]time.Duration{}}
			b.setUp(tt.lanes, roomy)
			b.play(rounds, tt.faults)
		})
	}
}

// A brokerStory is a stage on which something happens to brokers.
type brokerStory struct {
	*stage
	shown []*seen // by lane
	took  map[string][]time.Duration
}

// A fault is made in a round, and is over when it returns.
type fault struct {
	name string
	make func(b *brokerStory, round int)
}

func (b *brokerStory) play(rounds int, faults []fault) {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	var traffic sync.WaitGroup
	for _, l := range b.lanes {
		b.online(l)
		s := &seen{paid: map[string]int64{}}
		b.shown = append(b.shown, s)
		traffic.Go(func() { b.trade(ctx, l, s) })
	}
	b.Cleanup(b.describe)
	b.recovered("")
	if rounds > 1 && len(b.road.nodes) > 1 {
		faults = append(slices.Clip(faults), freezeAllButOne) // takes its time
	}
	for round := range rounds {
		for _, f := range faults {
			if rounds > 1 {
				b.pause(calmFor)
			}
			f.make(b, round)
			b.recovered(f.name)
		}
	}
	stop()
	traffic.Wait()
	b.drained()
	all := &seen{paid: map[string]int64{}}
	for _, s := range b.shown {
		maps.Copy(all.paid, s.paid)
	}
	b.audit(all)
	for _, f := range faults {
		slices.Sort(b.took[f.name])
		n := len(b.took[f.name])
		b.Logf("%s, %d times: after %v (median; longest %v) HQ had a fresh payment of every lane", f.name, n,
			b.took[f.name][n/2].Round(time.Millisecond), b.took[f.name][n-1].Round(time.Millisecond))
	}
	b.Logf("%d payments were shown as paid; 0 lost, 0 doubled", all.count())
}

// describe tells how things stand when the story has failed.
func (b *brokerStory) describe() {
	if !b.Failed() {
		return
	}
	for i, l := range b.lanes {
		var status any
		b.call(l, "GET", "/v1/lane", nil, &status)
		newest := b.shown[i].newest(0)
		b.Logf("%s: %d payments shown, the newest %s (at HQ: %d), %v entries unacknowledged, broker %v, HQ %v: %v", l.name, b.shown[i].count(), newest,
			b.ask("GET", "/v1/payments/"+newest, nil), b.metric(l, "tilld_lane_entries_unacknowledged"), b.metric(l, "tilld_lane_broker_up"),
			b.metric(l, "tilld_lane_hq_up"), status)
	}
}

// recovered waits until HQ has, of every lane, a payment that was shown after now.
func (b *brokerStory) recovered(after string) {
	b.Helper()
	began := time.Now()
	fresh := make([]string, len(b.lanes))
	before := make([]int, len(b.lanes))
	for i, s := range b.shown {
		before[i] = s.count()
	}
	for i, l := range b.lanes {
		b.until(l.name+" has a fresh payment at HQ after "+after, func() bool {
			if fresh[i] == "" {
				fresh[i] = b.shown[i].newest(before[i])
			}
			return fresh[i] != "" && b.ask("GET", "/v1/payments/"+fresh[i], nil) == http.StatusOK
		})
	}
	b.took[after] = append(b.took[after], time.Since(began))
	b.Logf("after %s: %v", after, time.Since(began).Round(time.Millisecond))
}

// newest is the newest payment, when there are more than so many.
func (s *seen) newest(than int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.paid) <= than {
		return ""
	}
	return slices.Max(slices.Collect(maps.Keys(s.paid))) // identifiers sort by time
}

func (p *process) freeze() { p.signal(syscall.SIGSTOP) }
func (p *process) thaw()   { p.signal(syscall.SIGCONT) }

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// frozen stops processes for longer than the keep-alive.
func (b *brokerStory) frozen(list ...*process) {
	for _, p := range list {
		p.freeze()
	}
	b.pause(frozenFor)
	for _, p := range list {
		p.thaw()
	}
}

func (b *brokerStory) node(round int) *process { return b.road.nodes[round%len(b.road.nodes)] }

var (
	killHQ = fault{"kill -9 of HQ with its broker", func(b *brokerStory, _ int) {
		b.hq.kill()
		b.hq.begin()
	}}
	freezeHQ = fault{"HQ frozen with its broker", func(b *brokerStory, _ int) { b.frozen(b.hq) }}
	killNode = fault{"kill -9 of a broker", func(b *brokerStory, round int) {
		b.node(round).kill()
		b.node(round).begin()
	}}
	freezeNode = fault{"a broker frozen", func(b *brokerStory, round int) { b.frozen(b.node(round + 1)) }}
	killAll    = fault{"kill -9 of all brokers", func(b *brokerStory, _ int) {
		for _, n := range b.road.nodes {
			n.kill()
		}
		for _, n := range b.road.nodes {
			n.begin()
		}
	}}
	freezeAllButOne = fault{"all brokers frozen but one", func(b *brokerStory, round int) {
		b.frozen(b.node(round), b.node(round+1))
	}}
	flood                = fault{"a flood", func(b *brokerStory, _ int) { b.flood() }}
	floodWhileHQIsFrozen = fault{"a flood while HQ is frozen", func(b *brokerStory, _ int) {
		b.hq.freeze()
		b.flood()
		b.until("the broker's queue for HQ is full", b.overflowed)
		b.pause(frozenFor)
		b.hq.thaw()
	}}
	floodWhileHQIsAway = fault{"a flood while HQ is away", func(b *brokerStory, _ int) {
		b.hq.kill()
		b.flood()
		b.hq.begin()
	}}
)

// floodMessages of up to floodSize bytes are more than the brokers of these stories hold.
const floodMessages, floodSize = 2000, 32 << 10

// flood sends upwards what an eavesdropper has heard, again and again, and noise, until it has all been sent or
// the broker has closed its door.
func (b *brokerStory) flood() {
	b.Helper()
	address := b.line.Addr()
	var ears []mqtt.Subscription
	if b.road.outside() {
		address = b.road.addresses[0]
		ears = []mqtt.Subscription{{Filter: wire.UpFilter(-1), QoS: 0}, {Filter: wire.DownFilter, QoS: 0}}
	}
	type said struct {
		topic   string
		payload []byte
	}
	heard := make(chan said, 64)
	up := make(chan struct{}, 1)
	var down atomic.Bool
	thief, err := mqtt.NewClient(mqtt.Config{
		Brokers: []string{"mqtt://" + address}, ClientID: "thief-" + rand.Text()[:8], Subscriptions: ears, InFlight: 64,
		OnMessage: func(topic string, payload []byte) {
			select {
			case heard <- said{topic, payload}:
			default:
			}
		},
		OnState: func(is bool, _ error) {
			if is {
				up <- struct{}{}
			} else {
				down.Store(true)
			}
		},
	})
	b.must(err)
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = thief.Run(ctx) })
	defer running.Wait()
	defer cancel()
	select {
	case <-up:
	case <-time.After(patience):
		b.Fatal("the flood finds no broker")
	}
	target := wire.UpTopic(b.terminal(b.lanes[0]))
	noise := make([]byte, floodSize)
	sent := 0
	for ; sent < floodMessages && !down.Load(); sent++ {
		m := said{target, noise[:1+(sent*977)%floodSize]}
		select {
		case old := <-heard:
			if m.payload = old.payload; strings.Contains(old.topic, "/up/") {
				m.topic = old.topic
			}
		default:
		}
		if err := thief.Send(ctx, m.topic, 1, m.payload); err != nil {
			break
		}
	}
	b.Logf("the flood: %d messages", sent)
}

// overflowed says whether a broker has said that it drops or refuses what it can't hold.
func (b *brokerStory) overflowed() bool {
	return slices.ContainsFunc(b.road.nodes, func(n *process) bool { return strings.Contains(n.log.String(), b.road.full) })
}

// terminal is a lane's identifier.
func (s *stage) terminal(l *laneProcess) payment.ID {
	s.Helper()
	text, err := os.ReadFile(l.dir + "/terminal.id")
	s.must(err)
	first, _, _ := strings.Cut(string(text), "\n")
	id, err := payment.ParseID(first)
	if err != nil {
		s.Fatal(fmt.Errorf("%s: %w", l.name, err))
	}
	return id
}
